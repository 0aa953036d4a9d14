"""Who watches the console, and what each has not been sent yet: bounded, the oldest goes first."""

import asyncio
from collections import OrderedDict
from typing import Any

from stream.console.board import Change

MAX_WAITING = 2_000
"""Changes that wait for one watcher; of one lead only the newest waits."""
MAX_WATCHERS = 64


class Watcher:
    """One open page.

    Parameters
    ----------
    max_waiting
        So many changes wait at most; where more come, the oldest are lost and ``lost`` counts them.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._waiting: OrderedDict[tuple[str, str], Change] = OrderedDict()
        self._news = asyncio.Event()
        self.lost = 0

    def note(self, change: Change) -> None:
        """Let a change wait, in the place of what it makes old."""
        kind, row = change
        is_of_lead = kind in {"lead", "lead_gone"}
        name = "lead" if is_of_lead else kind
        key = row["lead_id"] if is_of_lead else str(row.get("trigger_id") or id(row))
        self._waiting.pop((name, key), None)
        self._waiting[name, key] = change
        if len(self._waiting) > self._max_waiting:
            self._waiting.popitem(last=False)
            self.lost += 1
        self._news.set()

    async def changes(self, wait_s: float) -> list[dict[str, Any]]:
        """Return what waits, as soon as there is something; nothing after ``wait_s``."""
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            return []
        self._news.clear()
        waiting, self._waiting = self._waiting, OrderedDict()
        return [{"kind": kind, **row} for kind, row in waiting.values()]


class Audience:
    """All open pages of this process."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def join(self) -> Watcher | None:
        """Return a new watcher; None where there are too many."""
        if len(self._watchers) >= MAX_WATCHERS:
            return None
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Let a watcher go."""
        self._watchers.discard(watcher)

    @property
    def watchers(self) -> int:
        """How many pages are open."""
        return len(self._watchers)

    def tell(self, change: Change) -> None:
        """Tell all watchers of a change."""
        for watcher in self._watchers:
            watcher.note(change)
