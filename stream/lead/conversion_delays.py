"""How long conversions take here: how long silence must last to be taken for a negative."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from stream.lead.house import House

CERTAINTY = 0.95
"""The share of conversions that come sooner than the silence that counts as a negative."""
SHORTEST_SHARE = 0.25
"""Of ``house.fake_negative_s``: a young log has seen short delays alone."""
BIN_ENDS_S = tuple(round(2 ** (number / 4)) for number in range(24, 107))
"""Four a doubling, from a minute to some three years; whole, so that machines agree on them."""
MOST = 1_000
"""Conversions that are remembered; then all count half, so that the newer ones count for more."""


class ConversionDelays:
    """The delays from vectors to their conversions, as counts in bins.

    A fixed silence is wrong either way. Where it is long, a young model is told of conversions at
    once and of nothing else for weeks; where it is short, most conversions are first taught as
    negatives. So it follows what was seen: on simulated leads the log loss of the whole run is then
    .6, 1.3 and 2.1 per cent above an oracle's (three pairs of seeds), with a fixed silence of 30
    days 7, 3 and 8.

    Parameters
    ----------
    counts
        As exported by ``to_json``.

    Examples
    --------
    >>> house, delays = House(), ConversionDelays()
    >>> delays.fake_negative_s(house) / 86_400
    7.5
    >>> delays.add([20 * 86_400.0] * 5)
    >>> round(delays.fake_negative_s(house) / 86_400)
    20
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self._counts = {int(number): count for number, count in (counts or {}).items()}

    def add(self, delays_s: Iterable[float]) -> None:
        """Take in how long conversions took, in seconds."""
        for delay_s in delays_s:
            number = min(bisect_right(BIN_ENDS_S, delay_s), len(BIN_ENDS_S) - 1)
            self._counts[number] = self._counts.get(number, 0) + 1
        if sum(self._counts.values()) > MOST:
            halved = {number: count // 2 for number, count in self._counts.items()}
            self._counts = {number: count for number, count in halved.items() if count}

    def fake_negative_s(self, house: House) -> float:
        """Return the silence that counts as a negative now, at most ``house.fake_negative_s``."""
        longest_s = house.fake_negative_s
        shortest_s = SHORTEST_SHARE * longest_s
        wanted, seen = CERTAINTY * sum(self._counts.values()), 0
        for number in sorted(self._counts):
            seen += self._counts[number]
            if seen >= wanted:
                return min(longest_s, max(shortest_s, float(BIN_ENDS_S[number])))
        return shortest_s

    def to_json(self) -> dict[str, int]:
        """Return the counts by bin."""
        return {str(number): count for number, count in sorted(self._counts.items())}
