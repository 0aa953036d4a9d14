"""Notices what no longer gets on: a worker that lags in silence is worse than one that ends."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable

import structlog

from stream import metrics

log = structlog.get_logger(__name__)

BEAT_S = 1.0
EXIT_AFTER = 2.0
"""How many times the allowed silence, before the process ends."""
SAY_S = 1.0
"""What hangs may hold a lock of the logs': it is not waited for longer than this."""


class Watchdog:
    """Looks after an event loop and what runs on it, from a thread of its own.

    Parameters
    ----------
    allowed_s
        Silence that is no fault. After it the process is not ready; after twice as long it ends,
        so that its supervisor starts it anew and others take over meanwhile.
    stalled
        Yields name and seconds of silence of each part that does not get on.
    end
        Ends the process.
    """

    def __init__(
        self,
        allowed_s: float,
        stalled: Callable[[], Iterable[tuple[str, float]]],
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        self._allowed_s = allowed_s
        self._stalled = stalled
        self._clock = clock
        self._end = end
        self._beat_s = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._speaker: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._beat_s = self._clock()
        self._thread.start()

    def stop(self) -> None:
        """Look no longer."""
        self._stop.set()

    def beat(self) -> None:
        """Say that the event loop still turns; to be called from it."""
        self._beat_s = self._clock()

    def end_if_frozen(self, allowed_s: float) -> None:
        """End the process if its event loop has stood still for so long that others took over.

        For where nothing else keeps it from writing what is theirs by now.
        """
        silence_s = self._clock() - self._beat_s
        if silence_s > allowed_s:
            log.critical("frozen, others work on its partitions", silence_s=round(silence_s, 1))
            sys.stderr.flush()
            self._end()

    def silent(self) -> list[tuple[str, float]]:
        """Return what has been silent for longer than allowed, and for how many seconds."""
        found = [("event loop", self._clock() - self._beat_s), *self._stalled()]
        return [(name, silence_s) for name, silence_s in found if silence_s > self._allowed_s]

    def look(self) -> None:
        """Look once: say what is silent, and end the process if it has been for too long."""
        silent = self.silent()
        lost = [name for name, silence_s in silent if silence_s > EXIT_AFTER * self._allowed_s]
        self._say(silent, lost)
        if lost:
            self._end()

    def _say(self, silent: list[tuple[str, float]], lost: list[str]) -> None:
        """Say it from a thread of its own."""
        if self._speaker is not None and self._speaker.is_alive():
            return

        def speak() -> None:
            metrics.STALLED.set(len(silent))
            for name, silence_s in silent:
                log.error("stalled", part=name, silence_s=round(silence_s, 1))
            if lost:
                log.critical("the worker ends, to be started anew", parts=lost)
            sys.stderr.flush()

        self._speaker = threading.Thread(target=speak, name="watchdog-speaks", daemon=True)
        self._speaker.start()
        self._speaker.join(SAY_S)

    def _run(self) -> None:
        while not self._stop.wait(BEAT_S):
            self.look()
