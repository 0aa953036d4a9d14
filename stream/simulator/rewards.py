"""What a day with a lead was worth: the reward that policies learn from."""

from dataclasses import dataclass, field

from stream.simulator.prospect import Prospect
from stream.simulator.world import CHURNED, CUSTOMER, LOST

_MINOR_PER_UNIT = 1_000_000
"""Cents in the unit that values and costs are weighed in: 10,000 euros, a typical first deal."""


@dataclass(frozen=True, kw_only=True)
class RewardWeights:
    """How what happens is weighed; a first deal of 10,000 euros is worth about 1.

    Parameters
    ----------
    stage_gained
        For each stage that a lead reaches for the first time, before it is won.
    won, value
        For a first deal, and for each 10,000 euros of it and of later ones.
    retained, churned
        For a customer that is one still at the end of its time, and for one that left.
    unsubscribed
        For a lead that wants no contact any more.
    contact, cost
        For each contact, and for each 10,000 euros that contacts cost.
    delay
        For each day that a lead is open.
    """

    stage_gained: float = 0.02
    won: float = 0.5
    value: float = 0.5
    retained: float = 0.5
    churned: float = 0.0
    unsubscribed: float = -0.02
    contact: float = -0.0005
    cost: float = -1.0
    delay: float = -0.0002


@dataclass(slots=True)
class RewardOfDay:
    """Adds up what each day with one lead brought.

    Parameters
    ----------
    weights
        How it is weighed.
    prospect
        The lead, as it is at the start.
    """

    weights: RewardWeights
    prospect: Prospect
    _best_stage: int = field(init=False)
    _value_minor: int = field(init=False)
    _cost_minor: int = field(init=False)
    _contacts: int = field(init=False)
    _is_won: bool = field(init=False)
    _unsubscribed: bool = field(init=False)

    def __post_init__(self) -> None:
        self._best_stage = self.prospect.stage
        self._note()

    def _note(self) -> None:
        prospect = self.prospect
        self._value_minor = prospect.value_minor
        self._cost_minor = prospect.cost_minor
        self._contacts = sum(prospect.contacts)
        self._is_won = prospect.won_day is not None
        self._unsubscribed = prospect.unsubscribed

    def take(self) -> float:
        """Return what has come since it was last taken: a day's reward, taken daily."""
        weights, prospect = self.weights, self.prospect
        reward = 0.0
        if prospect.stage < CUSTOMER:
            reward += weights.delay
        # A quiet day, and most are, changes nothing.
        if not prospect.happened and not prospect.is_over:
            return reward
        if self._best_stage < prospect.stage < CUSTOMER:
            reward += weights.stage_gained * (prospect.stage - self._best_stage)
            self._best_stage = prospect.stage
        if prospect.won_day is not None and not self._is_won:
            reward += weights.won
        reward += weights.value * (prospect.value_minor - self._value_minor) / _MINOR_PER_UNIT
        reward += weights.cost * (prospect.cost_minor - self._cost_minor) / _MINOR_PER_UNIT
        reward += weights.contact * (sum(prospect.contacts) - self._contacts)
        if prospect.unsubscribed and not self._unsubscribed:
            reward += weights.unsubscribed
        if prospect.is_over and prospect.stage != LOST:
            if prospect.stage == CHURNED:
                reward += weights.churned
            elif prospect.is_retained:
                reward += weights.retained
        self._note()
        return reward
