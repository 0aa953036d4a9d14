"""Which leads' timers are due."""

import heapq
from collections.abc import Iterable, Iterator

Timer = tuple[float, str]
"""When it is due, and the address of its lead."""


class Timers:
    """The timers of a partition's leads, earliest first, those due at once by address.

    Nothing is taken out of the middle of a heap, so entries may be out of date. What holds is
    that a lead with a timer has at least one entry, due no later than the timer: who is given
    an entry looks at the lead, and notes the timer anew where it is a later one.

    Examples
    --------
    >>> timers = Timers()
    >>> for due_s, address in [(9.0, "L"), (5.0, "M"), (5.0, "M")]:
    ...     timers.note(due_s, address)
    >>> list(timers.due(5.0)), list(timers.due(10.0))
    ([(5.0, 'M')], [(9.0, 'L')])
    """

    def __init__(self) -> None:
        self._entries: list[Timer] = []
        self._put_off: list[Timer] = []

    def note(self, due_s: float, address: str) -> None:
        """Take in when a lead's timer is due."""
        heapq.heappush(self._entries, (due_s, address))

    def put_off(self, due_s: float, address: str) -> None:
        """Give an entry back, to come again when it is asked for next and not before."""
        self._put_off.append((due_s, address))

    def due(self, now_s: float) -> Iterable[Timer]:
        """Take out what is due; what is noted meanwhile and due as well comes too."""
        while self._put_off:
            heapq.heappush(self._entries, self._put_off.pop())
        # Asked with every event, and hardly ever is one due.
        return self._taken(now_s) if self._entries and self._entries[0][0] <= now_s else ()

    def _taken(self, now_s: float) -> Iterator[Timer]:
        last: Timer | None = None
        while self._entries and self._entries[0][0] <= now_s:
            timer = heapq.heappop(self._entries)
            if timer != last:
                last = timer
                yield timer
