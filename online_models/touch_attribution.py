"""Rules by place or age of a touch: first touch, last touch, linear, position-based, time decay.

All but time decay are kept as whole counts by length of journey and channel, from which each rule's
credit follows as an exact fraction, whenever it is asked for.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import isclose
from typing import Literal

from online_models import attribution_credit
from online_models.attribution_credit import Sums, Weights

Rule = Literal["first_touch", "last_touch", "linear", "time_decay", "position_based"]
END_SHARE = Fraction(2, 5)
"""What position-based attribution gives to the first touch, and to the last."""


class TouchCounts:
    r"""Conversions and value by length of journey and channel: of first, last and all touches.

    - First and last touch: all to that one.
    - Linear: each touch alike; a channel that was touched twice gets two parts.
    - Position-based: 40 % to the first, 40 % to the last, 20 % to those between, alike; of two
      touches each gets half.
    - Time decay: a touch gets in proportion to :math:`2^{-t/h}`, :math:`t` being its age and
      :math:`h` the half-life. Parts are the same whenever age is counted from, so it is counted
      from the last touch. Parts are floats, all others exact.

    Parameters
    ----------
    base
        Above every channel's number.
    half_life_s
        Seconds in which the credit of a touch falls by half, above 0.

    Attributes
    ----------
    first, last, touches
        By ``length * base + channel``.
    decayed
        Conversions and value in minor units, by channel.
    """

    def __init__(self, base: int, half_life_s: float) -> None:
        self._base = base
        self._half_life_s = half_life_s
        self.first: Sums = {}
        self.last: Sums = {}
        self.touches: Sums = {}
        self.decayed: dict[int, list[float]] = {}

    def learn_one(
        self,
        channels: Sequence[int],
        count: int,
        value_minor: int,
        touched_s: Sequence[float] | None,
    ) -> None:
        """Learn journeys alike that converted; ``value_minor`` is that of all of them.

        Without times all touches are of one age.
        """
        first_key = len(channels) * self._base
        attribution_credit.add(self.first, first_key + channels[0], count, value_minor)
        attribution_credit.add(self.last, first_key + channels[-1], count, value_minor)
        for channel in channels:
            attribution_credit.add(self.touches, first_key + channel, count, value_minor)
        if touched_s is None:
            shares = [1.0] * len(channels)
        else:
            last_s, half_life_s = touched_s[-1], self._half_life_s
            shares = [2.0 ** ((at_s - last_s) / half_life_s) for at_s in touched_s]
        whole = sum(shares)
        for channel, share in zip(channels, shares, strict=True):
            both = self.decayed.setdefault(channel, [0.0, 0.0])
            both[0] += count * share / whole
            both[1] += value_minor * share / whole

    def weights(self, rule: Rule) -> Weights:
        """Return what a rule gives to channels, each of shape ``(base,)``."""
        if rule == "time_decay":
            none = [0.0, 0.0]
            return Weights(
                *([self.decayed.get(n, none)[of] for n in range(self._base)] for of in (0, 1))
            )
        if rule == "position_based":
            return self._position_based()
        if rule == "linear":
            return self._spread(self.touches, lambda length: Fraction(1, length))
        sums = self.first if rule == "first_touch" else self.last
        return self._spread(sums, lambda _length: Fraction(1))

    def is_consistent(self, conversions: int, value_minor: int) -> bool:
        """Tell whether the sums can be of so many conversions and so much value."""
        journeys = attribution_credit.by_length(self.first, self._base)
        touches = {n: [n * part for part in both] for n, both in journeys.items()}
        ends: Sums = {}
        for sums in (self.first, self.last):
            for key, both in sums.items():
                # The only touch of a journey is its first and its last.
                if key // self._base > 1 or sums is self.first:
                    attribution_credit.add(ends, key, *both)
        return (
            [conversions, value_minor]
            == [sum(both[of] for both in journeys.values()) for of in (0, 1)]
            and journeys == attribution_credit.by_length(self.last, self._base)
            and touches == attribution_credit.by_length(self.touches, self._base)
            and all(
                key in self.touches
                and all(n <= most for n, most in zip(both, self.touches[key], strict=True))
                for key, both in ends.items()
            )
            # Floats, rounded once for each journey.
            and all(
                isclose(sum(both[of] for both in self.decayed.values()), total, rel_tol=1e-6)
                for of, total in enumerate((conversions, value_minor))
            )
        )

    def _position_based(self) -> Weights:
        ends = [self._spread(sums, _end_share) for sums in (self.first, self.last)]
        # What the ends have as touches between is taken off again.
        between = self._spread(self.touches, _between_share)
        twice = [self._spread(sums, _between_share) for sums in (self.first, self.last)]
        parts = [
            [f + s + b - t - u for f, s, b, t, u in zip(*rows, strict=True)]
            for rows in zip(*ends, between, *twice, strict=True)
        ]
        return Weights(*parts)

    def _spread(self, sums: Sums, share: attribution_credit.Share) -> Weights:
        return Weights(*attribution_credit.spread(sums, self._base, share))


def _end_share(length: int) -> Fraction:
    return END_SHARE if length > 2 else Fraction(1, 2)


def _between_share(length: int) -> Fraction:
    return (1 - 2 * END_SHARE) / (length - 2) if length > 2 else Fraction(0)
