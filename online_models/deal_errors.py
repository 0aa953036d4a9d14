"""How far forecasts of deals were off: what to trust, and how values lie about it."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field, with_config
from typing_extensions import TypedDict

from online_models.formats import LARGEST, STRICT, NotNegative

KEPT = 400
"""Errors that quantiles are of, at most: the newer half, made when more was known."""
FEWEST_KEPT = 150
"""Kept though they are more than half: of fewer, the median is worse than by stale ones."""
LARGEST_LOSS = 9.0
"""In variances: one deal that nobody foretold must not decide whom to trust."""
GUESSED_VARIANCE = 1.0
GUESSED_DEALS = 2.0
"""The variance of logarithms before any is known, and as how many deals the guess counts."""
NEWER_POWER = 4.0
"""Deals count towards the correction by this power of their number: forecasts spread ever more."""
CONSTANT_SHARE = 0.7
"""Of trust beforehand, in that features say nothing."""

_Error = Annotated[float, Field(ge=-1e3, le=1e3)]
_Sum = Annotated[float, Field(ge=0.0, le=LARGEST)]


@with_config(STRICT)
class DealErrorsState(TypedDict):
    """The whole state."""

    losses: list[_Sum]
    squares: _Sum
    deals: NotNegative
    newest: Annotated[list[_Error], Field(max_length=KEPT)]
    foretold_minor: _Sum
    came_minor: _Sum
    foretold_deals: _Sum


class DealErrors:
    """Progressive errors: each of a forecast that was made before its deal was learned.

    Several forecasters of the logarithm are mixed by exponential weights of their squared errors
    (Cesa-Bianchi and Lugosi 2006, chapter 2), in units of twice the variance that logarithms
    have: were they normal, these would be the probabilities that each is right. The first
    forecaster is the mean of all deals, so what features say is believed as far as it has
    proved better than that.

    Parameters
    ----------
    forecasters
        How many there are.
    kept_share
        What of each sum is left with the next deal.

    Examples
    --------
    >>> errors = DealErrors(forecasters=2, kept_share=1.0)
    >>> [round(share, 3) for share in errors.shares()]
    [0.7, 0.3]
    >>> for _ in range(20):
    ...     errors.compare([[1.0, 0.5]])
    >>> [round(share, 3) for share in errors.shares()]
    [0.001, 0.999]
    """

    def __init__(self, forecasters: int, kept_share: float) -> None:
        self.losses = [0.0] * forecasters
        self.newest: list[float] = []
        self._kept_share = kept_share
        self._squares = self._deals = 0.0
        self._foretold_minor = self._came_minor = self._foretold_deals = 0.0

    def compare(self, errors: Sequence[Sequence[float]]) -> None:
        """Learn by how much each forecaster was off in the logarithm, for each vector of a deal."""
        squares = np.square(np.asarray(errors, dtype=np.float64)).mean(axis=0)
        self._deals = self._deals * self._kept_share + 1.0
        self._squares = self._squares * self._kept_share + float(squares[0])
        variance = self._variance()
        self.losses = [
            loss * self._kept_share + min(LARGEST_LOSS, float(square) / variance) / 2.0
            for loss, square in zip(self.losses, squares, strict=True)
        ]

    def shares(self) -> list[float]:
        """Return how much each forecaster is trusted; they sum up to 1."""
        first, others = CONSTANT_SHARE, (1.0 - CONSTANT_SHARE) / (len(self.losses) - 1)
        least = min(self.losses)
        trusted = [
            (first if number == 0 else others) * math.exp(least - loss)
            for number, loss in enumerate(self.losses)
        ]
        return [one / sum(trusted) for one in trusted]

    def note(self, error: float, foretold_minor: float, came_minor: float) -> None:
        """Learn what the mix had foretold of a deal, and what came.

        Parameters
        ----------
        error
            Logarithm of the value, less what was foretold of it.
        foretold_minor
            The power of what was foretold of the logarithm.
        came_minor
            The value.
        """
        half = max(FEWEST_KEPT, min(KEPT, int(self._deals / 2.0)))
        self.newest = [*self.newest[1 - half :], error]
        kept_share = (self._deals / (self._deals + 1.0)) ** NEWER_POWER
        self._foretold_minor = self._foretold_minor * kept_share + foretold_minor
        self._came_minor = self._came_minor * kept_share + came_minor
        self._foretold_deals = self._foretold_deals * kept_share + 1.0

    def rebase(self, by: float) -> None:
        """Take all forecasts that were noted to have been higher by so much in the logarithm."""
        self.newest = [error - by for error in self.newest]
        self._foretold_minor *= math.exp(by)

    def correction(self, mean_minor: float) -> float:
        """Return what the logarithm of the mean value has above the mean logarithm.

        By the ratio of the mean value to the mean power of what was foretold (Snowdon 1991), so
        that all forecasts together come to what comes, however values lie about them. The mean
        value is that of all deals; as far as forecasts explain values, that of the same few deals
        that the mean power is of, since then both rise and fall together.
        """
        newest = self._came_minor / self._foretold_deals
        explained = self._explained()
        mean = (1.0 - explained) * math.log(mean_minor) + explained * math.log(newest)
        return mean - math.log(self._foretold_minor / self._foretold_deals)

    def _explained(self) -> float:
        """Return the share of the logarithms' variance that forecasts explain."""
        left = float(np.square(self.newest).mean())
        return max(0.0, 1.0 - left / self._variance())

    def _variance(self) -> float:
        guessed = GUESSED_DEALS * GUESSED_VARIANCE
        return (self._squares + guessed) / (self._deals + GUESSED_DEALS)

    def quantiles(self, *shares: float) -> tuple[float, ...]:
        """Return below which errors such shares of the next deals will lie."""
        # So that the next deal counts as one of them, wherever it comes to lie.
        found = np.quantile(self.newest, shares, method="weibull")
        return tuple(float(one) for one in found)

    def checkpoint(self) -> DealErrorsState:
        """Return the whole state."""
        return {
            "losses": list(self.losses),
            "squares": self._squares,
            "deals": self._deals,
            "newest": list(self.newest),
            "foretold_minor": self._foretold_minor,
            "came_minor": self._came_minor,
            "foretold_deals": self._foretold_deals,
        }

    def restore(self, state: Any) -> None:
        """Go on from a checkpoint that has been checked."""
        self.losses, self.newest = list(state["losses"]), list(state["newest"])
        self._squares, self._deals = state["squares"], state["deals"]
        self._foretold_minor, self._came_minor = state["foretold_minor"], state["came_minor"]
        self._foretold_deals = state["foretold_deals"]
