r"""Markov chain of journeys: what a channel's removal would lose.

Anderl, Becker, von Wangenheim and Schumann 2016, "Mapping the customer journey: Lessons learned
from graph-based online attribution modeling", International Journal of Research in Marketing 33(3).
Journeys are taken for walks of a Markov chain: from the start over states, which are the last one,
two or three channels touched (the order), to a conversion or to null. The removal effect of a
channel is the share of conversions that is lost when each walk that comes to it ends in null;
credit is dealt in proportion to removal effects.

The chain is solved, not simulated: with :math:`u_t` the probabilities of states after :math:`t`
touches, :math:`u_{t+1} = u_t P`, conversions are :math:`\sum_t u_t c`, where :math:`c` is the
probability that a state's next step is the conversion. The sum is over the Neumann series of
:math:`u_0 (I - P)^{-1} c`, stopped where what is still on its way is below the precision of floats.
All removals are solved at once. Factors of the sparse matrix give the same, but fill up: with 30
channels at order 3 they took a hundred times as long.

A channel that is touched twice in a row leads its state back to itself. ChannelAttribution, the R
package by Altomare and Loris, leaves such steps out; that changes no probability to reach another
state, so removal effects are the same and the steps are simply counted here. This agrees with the
reference figures of order 1, with nulls and without, to all printed digits.
ChannelAttribution starts a chain of order 2 or 3 with the first two or three channels as one step;
here the state grows from the empty one, which again is the same in probability.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from online_models.attribution_formats import AttributionState, Keys, stored_counts
from online_models.attribution_journeys import check_whole
from online_models.formats import ModelFormatError

Array = NDArray[np.float64]
EXIT = 0
"""The step out of the chain; as a state's oldest channels, that there were none before."""


class RemovalEffect(NamedTuple):
    """Which share of conversions, and of their value, would be lost without a channel."""

    conversions: float
    value: float


class Effects(NamedTuple):
    """Removal effects by channel, shape ``(base,)``: shares of conversions and of their value."""

    conversions: Array
    value: Array


class TransitionCounts:
    """Steps of journeys by the channels before: counts of a chain of the highest order.

    Those of a lower order are sums of them, so one set of counts serves all orders.

    Parameters
    ----------
    base
        Above every channel's number; channels are numbered from 1.
    order
        How many channels a state has at most, at least 1.
    most
        Different steps, those of either outcome for themselves, beyond which the order is lowered
        by one, unless it is 1. Counts are then just what a chain of that order would have counted.

    Attributes
    ----------
    order
        The highest that there are counts of now.
    converted, nulls
        Journeys by ``state * base + channel``, the state being a number in the same base whose
        digits are its channels: at most ``base ** (order + 1)``.
    value
        Value in minor units, by the state that was the last.
    """

    def __init__(self, base: int, order: int, most: int) -> None:
        self._base = base
        self._most = most
        self.order = order
        self.converted: dict[int, int] = {}
        self.nulls: dict[int, int] = {}
        self.value: dict[int, int] = {}

    def learn_one(
        self, channels: Sequence[int], is_converted: bool, count: int, value_minor: int
    ) -> None:
        """Learn journeys alike; ``value_minor`` is that of all of them."""
        counts = self.converted if is_converted else self.nulls
        base, states, state = self._base, self._base**self.order, 0
        for channel in channels:
            key = state * base + channel
            counts[key] = counts.get(key, 0) + count
            state = key % states
        key = state * base + EXIT
        counts[key] = counts.get(key, 0) + count
        if value_minor:
            self.value[state] = self.value.get(state, 0) + value_minor
        while self.is_too_much:
            self._lower()

    def __len__(self) -> int:
        return len(self.converted) + len(self.nulls)

    @property
    def is_too_much(self) -> bool:
        """Whether there are more different steps than may be kept, and a lower order to go to."""
        return self.order > 1 and len(self) > self._most

    def touches(self, channel: int) -> int:
        """Return how many touches of a channel were learned."""
        return sum(
            count
            for counts in (self.converted, self.nulls)
            for key, count in counts.items()
            if key % self._base == channel
        )

    def removal_effects(self, order: int, with_nulls: bool) -> Effects:
        """Return what each channel's removal would lose of conversions and of their value.

        The value of a conversion is the mean of those that came from the same last state.

        Parameters
        ----------
        order
            That of the chain, at most that of the counts.
        with_nulls
            Whether journeys that did not convert are in the chain.

        Raises
        ------
        ValueError
            If the order is out of its range.
        """
        check_whole("order", order, 1, self.order)
        base, states = self._base, self._base**order
        keys, counts = _columns(self.converted)
        if with_nulls:
            null_keys, null_counts = _columns(self.nulls)
            keys, counts = np.append(keys, null_keys), np.append(counts, null_counts)
        lost = np.zeros((2, base))
        if not self.converted:
            return Effects(*lost)
        keys %= states * base
        found, rows = np.unique(keys // base, return_inverse=True)
        visits = np.bincount(rows, counts)
        is_step = keys % base != EXIT
        targets = np.searchsorted(found, keys[is_step] % states)
        shares = (counts / visits[rows])[is_step]
        steps = sparse.csr_matrix((shares, (targets, rows[is_step])), shape=(len(found),) * 2)
        ends = np.stack([self._conversions(found, states), self._values(found, states)]) / visits
        channels = np.unique(found % base)[1:]
        kept = (found % base)[:, None] != np.append(-1, channels)
        gained = _absorbed(steps, ends, kept)
        whole = gained[:, :1]
        lost[:, channels] = 1.0 - np.divide(
            gained[:, 1:], whole, out=np.ones_like(gained[:, 1:]), where=whole > 0.0
        )
        return Effects(*np.maximum(lost, 0.0))

    def is_consistent(self, conversions: int, nulls: int, value_minor: int) -> bool:
        """Tell whether the counts can be of so many journeys, so that every walk comes to an end.

        As many of them must leave each state as come to it.
        """
        base, states = self._base, self._base**self.order
        for counts, journeys in ((self.converted, conversions), (self.nulls, nulls)):
            balance = {0: journeys}
            for key, count in counts.items():
                balance[key // base] = balance.get(key // base, 0) - count
                if key % base != EXIT:
                    balance[key % states] = balance.get(key % states, 0) + count
            if any(balance.values()):
                return False
        return sum(self.value.values()) == value_minor and all(
            state * base + EXIT in self.converted for state in self.value
        )

    def checkpoint(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "chain_order": self.order,
            "converted_steps": stored_counts(self.converted),
            "null_steps": stored_counts(self.nulls),
            "last_state_value": stored_counts(self.value),
        }

    def take_back(self, state: AttributionState, keys: Keys) -> None:
        """Take what ``checkpoint`` returned instead of the counts.

        Raises
        ------
        ModelFormatError
            If a key cannot be, or there are more than may be kept.
        """
        most, order = self.order, state["chain_order"]
        self.order = order
        self.converted = keys.counts(state["converted_steps"], order + 1)
        self.nulls = keys.counts(state["null_steps"], order + 1)
        self.value = keys.counts(state["last_state_value"], order)
        if order > most or self.is_too_much:
            raise ModelFormatError("checkpoint is broken: its chain is of too many steps")

    def _lower(self) -> None:
        """Forget of each state the channel that was touched first."""
        kept = self._base**self.order
        self.order -= 1
        self.converted = _summed(self.converted, kept)
        self.nulls = _summed(self.nulls, kept)
        self.value = _summed(self.value, kept // self._base)

    def _conversions(self, found: NDArray[np.int64], states: int) -> Array:
        keys, counts = _columns(self.converted)
        is_exit = keys % self._base == EXIT
        return _by_state(found, keys[is_exit] // self._base % states, counts[is_exit])

    def _values(self, found: NDArray[np.int64], states: int) -> Array:
        keys, values = _columns(self.value)
        return _by_state(found, keys % states, values)


def _absorbed(steps: sparse.csr_matrix, ends: Array, kept: NDArray[np.bool_]) -> Array:
    """Return what walks from the first state gain on the average.

    Parameters
    ----------
    steps
        Probabilities of steps to a state (row) from a state (column).
    ends
        Conversions and value that end a walk in a state, on the average of visits to it, shape
        ``(2, states)``.
    kept
        Which states may be visited, shape ``(states, chains)``; all of them in the first chain.

    Returns
    -------
    gained
        Shape ``(2, chains)``.
    """
    walking = np.zeros(kept.shape)
    walking[0] = 1.0
    gained = np.zeros((2, kept.shape[1]))
    # A walk brings one conversion at most, and no more value than the state with the highest mean.
    conversions, value = ends[:, ends[0] > 0.0]
    most = np.array([1.0, (value / conversions).max()])
    while True:
        gained += ends @ walking
        walking = (steps @ walking) * kept
        if (walking[:, 0].sum() * most <= 1e-16 * gained[:, 0]).all():
            return gained


def _summed(counts: Mapping[int, int], modulus: int) -> dict[int, int]:
    sums: dict[int, int] = {}
    for key, count in counts.items():
        sums[key % modulus] = sums.get(key % modulus, 0) + count
    return sums


def _columns(counts: dict[int, int]) -> tuple[NDArray[np.int64], Array]:
    size = len(counts)
    return np.fromiter(counts, np.int64, size), np.fromiter(counts.values(), np.float64, size)


def _by_state(found: NDArray[np.int64], states: NDArray[np.int64], counts: Array) -> Array:
    return np.bincount(np.searchsorted(found, states), counts, len(found)).astype(np.float64)
