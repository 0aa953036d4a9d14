r"""Shapley value of channels: credit for a conversion goes alike to all channels that were touched.

Zhao, Mahboobi and Bagheri 2018, "Shapley Value Methods for Attribution Modeling in Online
Advertising" (arXiv 1804.05327), the simplified formula. The game: a coalition :math:`S` of channels
is worth the conversions :math:`v(S) = \sum_{T \subseteq S} R(T)` of journeys that touched no
channel outside of it, where :math:`R(T)` are those of journeys that touched the channels :math:`T`
and no others. The Shapley value of channel :math:`i` is then

.. math:: \phi_i = \sum_{T \ni i} R(T) / |T|

It is no approximation of that game's value over all orders of joining: :math:`R` are the game's
Harsanyi dividends, and of a dividend its members get equal parts. So numbers of channels by size of
set are enough, where the sets themselves would be :math:`2^n`. Order and repeats do not matter, and
neither do journeys that did not convert. It sums to the conversions exactly.
"""

from collections.abc import Sequence
from fractions import Fraction

from online_models import attribution_credit
from online_models.attribution_credit import Sums, Weights


class SetCounts:
    """Conversions and value by size of the set of channels, and channel.

    Parameters
    ----------
    base
        Above every channel's number.

    Attributes
    ----------
    sets
        By ``size * base + channel``: at most ``base ** 2``.
    """

    def __init__(self, base: int) -> None:
        self._base = base
        self.sets: Sums = {}

    def learn_one(self, channels: Sequence[int], count: int, value_minor: int) -> None:
        """Learn journeys alike that converted; ``value_minor`` is that of all of them."""
        touched = set(channels)
        first_key = len(touched) * self._base
        for channel in touched:
            attribution_credit.add(self.sets, first_key + channel, count, value_minor)

    def weights(self) -> Weights:
        """Return Shapley values, each of shape ``(base,)``."""
        return Weights(
            *attribution_credit.spread(self.sets, self._base, lambda size: Fraction(1, size))
        )

    def is_consistent(self, conversions: int, value_minor: int) -> bool:
        """Tell whether the sums can be of so many conversions and so much value."""
        totals = attribution_credit.by_length(self.sets, self._base)
        found = [0, 0]
        for size, both in totals.items():
            for of, total in enumerate(both):
                if total % size:
                    return False
                found[of] += total // size
        return found == [conversions, value_minor] and all(
            part * (key // self._base) <= total
            for key, both in self.sets.items()
            for part, total in zip(both, totals[key // self._base], strict=True)
        )
