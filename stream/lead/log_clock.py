"""The time of a log: what its records say, never what a clock beside it says."""

RECENT_EVENTS = 16
AGREEING = 3
"""Where events bring their own time, it is the third newest of the last sixteen."""


class LogClock:
    """The time up to which a log has come; it only goes forward.

    Parameters
    ----------
    now_s, recent_s
        As exported: the time, and the times of the newest replayed events.

    Examples
    --------
    >>> clock = LogClock()
    >>> clock.advance(100.0)
    >>> clock.advance(50.0)
    >>> clock.now_s
    100.0
    """

    __slots__ = ("now_s", "recent_s")

    def __init__(self, now_s: float = 0.0, recent_s: list[float] | None = None) -> None:
        self.now_s = now_s
        self.recent_s = recent_s or []

    def advance(self, now_s: float) -> None:
        """Go on to a time, if it is ahead."""
        self.now_s = max(self.now_s, now_s)

    def witness(self, at_s: float) -> None:
        """Go on to what several of the newest replayed events agree on.

        There is no receiver's clock to check an event's own against, so one sender whose
        clock is ahead must not make everybody else late.
        """
        self.recent_s.append(at_s)
        del self.recent_s[:-RECENT_EVENTS]
        self.advance(sorted(self.recent_s)[-AGREEING:][0])
