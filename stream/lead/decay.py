"""Exponentially decayed counts over several half-lives, by forward decay.

References
----------
G. Cormode, V. Shkapenyuk, D. Srivastava, B. Xu: Forward Decay: A Practical Time Decay Model
for Streaming Systems. ICDE 2009, section III: weights grow from a landmark instead of
shrinking with age, so counts need no touch until they are read.
"""

from collections.abc import Sequence
from functools import lru_cache

HALF_LIVES_S = (3_600.0, 86_400.0, 604_800.0, 2_592_000.0)
"""One hour, one day, seven days, thirty days; in seconds."""

MAX_HALF_LIVES = 400.0
"""Weights are powers of two: past this many half-lives the landmark moves on."""


class DecayedCounts:
    """Counts per kind: plain, and decayed with each half-life.

    Memory is one short list per kind; adding costs the same however long the history.
    A late occurrence counts with the weight of its own time.

    Parameters
    ----------
    landmark_s
        Any time near the first occurrence, in seconds.
    max_kinds
        Kinds beyond this many are counted together, under ``OTHER``.
    counts
        Kind -> [plain, one decayed count per half-life], as exported.

    Examples
    --------
    >>> counts = DecayedCounts(landmark_s=0.0)
    >>> counts.add("page_view", at_s=0.0)
    True
    >>> counts.add("page_view", at_s=86_400.0)
    True
    >>> plain, hour, day, week, month = counts.read("page_view", at_s=86_400.0)
    >>> plain, day
    (2.0, 1.5)
    """

    __slots__ = ("counts", "landmark_s", "max_kinds")

    OTHER = "other"

    def __init__(
        self,
        landmark_s: float,
        max_kinds: int = 64,
        counts: dict[str, list[float]] | None = None,
    ) -> None:
        self.landmark_s = landmark_s
        self.max_kinds = max_kinds
        self.counts: dict[str, list[float]] = {} if counts is None else counts

    def add(self, kind: str, at_s: float) -> bool:
        """Count one occurrence; return False if it had to go under ``OTHER``."""
        age_s = at_s - self.landmark_s
        if age_s > MAX_HALF_LIVES * HALF_LIVES_S[0]:
            self._move_landmark(at_s)
            age_s = 0.0
        fits = True
        row = self.counts.get(kind)
        if row is None:
            if len(self.counts) >= self.max_kinds:
                fits, kind = False, self.OTHER
            row = self.counts.setdefault(kind, [0.0] * (1 + len(HALF_LIVES_S)))
        row[0] += 1.0
        for i, weight in enumerate(_weights(age_s), start=1):
            row[i] += weight
        return fits

    def remove(self, kind: str, at_s: float) -> None:
        """Take back one occurrence that was counted; a kind without any is forgotten."""
        name = kind if kind in self.counts else self.OTHER
        row = self.counts.get(name)
        if row is None:
            return
        row[0] -= 1.0
        if row[0] <= 0.0:
            del self.counts[name]
            return
        for i, weight in enumerate(_weights(at_s - self.landmark_s), start=1):
            row[i] = max(0.0, row[i] - weight)

    def factors(self, at_s: float) -> tuple[float, ...]:
        """Return what stored counts are multiplied with to be read at a time; plain first."""
        age_s = at_s - self.landmark_s
        # Of a time far before the landmark, which only a broken state asks for: still a number.
        # A list, not a generator: this is done with each event.
        return (1.0, *[2.0 ** min(450.0, max(-age_s / h, -1000.0)) for h in HALF_LIVES_S])

    def read(self, kind: str, at_s: float) -> Sequence[float]:
        """Return the plain count and the decayed ones, as of a time."""
        row = self.counts.get(kind)
        if row is None:
            return (0.0,) * (1 + len(HALF_LIVES_S))
        return tuple(c * f for c, f in zip(row, self.factors(at_s), strict=True))

    def merge(self, other: "DecayedCounts") -> bool:
        """Add another's counts to these; return False if some had to go under ``OTHER``."""
        if other.landmark_s > self.landmark_s:
            self._move_landmark(other.landmark_s)
        shift = _weights(other.landmark_s - self.landmark_s)
        fits = True
        for kind, theirs in other.counts.items():
            name = kind
            if name not in self.counts and len(self.counts) >= self.max_kinds:
                fits, name = False, self.OTHER
            row = self.counts.setdefault(name, [0.0] * (1 + len(HALF_LIVES_S)))
            row[0] += theirs[0]
            for i, factor in enumerate(shift, start=1):
                row[i] += theirs[i] * factor
        return fits

    def _move_landmark(self, to_s: float) -> None:
        factors = self.factors(to_s)
        for row in self.counts.values():
            for i in range(1, len(row)):
                row[i] *= factors[i]
        self.landmark_s = to_s


@lru_cache(256)  # an event counts as several kinds at one time
def _weights(age_s: float) -> tuple[float, ...]:
    return tuple([2.0 ** max(age_s / half_life_s, -1000.0) for half_life_s in HALF_LIVES_S])
