"""Where a process listens for HTTP."""

from typing import Any

from aiohttp import web


class Listener:
    """Serves an application at one address."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None

    async def start(
        self, application: web.Application, host: str, port: int, **options: Any
    ) -> str:
        """Listen; return the base URL.

        Parameters
        ----------
        options
            As of aiohttp's ``AppRunner``.
        """
        runner = web.AppRunner(application, access_log=None, **options)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, host, port).start()
        found = runner.addresses[0][:2]
        return f"http://{found[0]}:{found[1]}"

    async def stop(self) -> None:
        """Listen no longer, and end what is under way."""
        if self._runner is not None:
            await self._runner.cleanup()
