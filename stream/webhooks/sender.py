"""Posting to one endpoint: its address checked at each connection, redirects not followed."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from stream.webhooks.answers import Answer, parse_retry_after
from stream.webhooks.destinations import check_address
from stream.webhooks.endpoints import Endpoint

USER_AGENT = f"leadstream/{version('leadstream')}"
KEEP_ALIVE_S = 30.0


class DestinationError(OSError):
    """What a name stands for is no address that may be sent to."""


class CheckingResolver(AbstractResolver):
    """Looks up names, and leaves out the addresses that nothing may be sent to.

    It is what the connection is made to, so a name that stands for another address the next time
    leads nowhere else.
    """

    def __init__(self, endpoint: Endpoint, resolver: AbstractResolver | None = None) -> None:
        self._private_network = endpoint.private_network
        self._is_plain = endpoint.url.startswith("http:")
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name that may be sent to.

        Raises
        ------
        DestinationError
            If there is none.
        """
        found = await self._resolver.resolve(host, port, family)
        allowed, refusal = [], "no address"
        for result in found:
            try:
                check_address(
                    result["host"],
                    private_network=self._private_network,
                    is_plain=self._is_plain,
                )
            except ValueError as error:
                refusal = str(error)
            else:
                allowed.append(result)
        if not allowed:
            raise DestinationError(f"its name stands for {refusal}")
        return allowed

    async def close(self) -> None:
        """Let go."""
        await self._resolver.close()


class Sender:
    """Posts to an endpoint.

    Parameters
    ----------
    clock
        Returns epoch seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Callable[[], float] = time.time,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a message, and return what came of it within the endpoint's time."""
        try:
            async with self._open().post(
                self._endpoint.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                retry_after = response.headers.get("Retry-After")
                return Answer(
                    response.status, retry_after_s=parse_retry_after(retry_after, self._clock())
                )
        except TimeoutError:
            return Answer(fault=f"no answer within {self._endpoint.timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(fault=_fault(error))

    async def close(self) -> None:
        """Close connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._endpoint.in_flight,
                    keepalive_timeout=KEEP_ALIVE_S,
                    resolver=CheckingResolver(self._endpoint, self._resolver),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                timeout=aiohttp.ClientTimeout(total=self._endpoint.timeout_s),
                auto_decompress=False,
            )
        return self._session


def _fault(error: Exception) -> str:
    """Return why there was no answer, without what the other side has written."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DestinationError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its TLS certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    if isinstance(error, asyncio.IncompleteReadError | aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    return f"no answer ({type(error).__name__})"
