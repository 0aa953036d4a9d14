"""``SalesPipeline``: the world as an environment of Gymnasium, to train policies in."""

from random import Random
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from stream.simulator.observation import OBSERVATION_NAMES, features, observe
from stream.simulator.pipeline import Pipeline
from stream.simulator.prospect import Prospect
from stream.simulator.rewards import RewardOfDay, RewardWeights
from stream.simulator.world import ACTIONS, NOTHING, WorldParameters

Observation = NDArray[np.float32]

_ALL = np.ones(len(ACTIONS), np.int8)
_NOTHING_ONLY = (np.arange(len(ACTIONS)) == NOTHING).astype(np.int8)


class SalesPipeline(gymnasium.Env[Observation, np.int64]):
    """One episode is one lead, from its name to its loss, or to the end of its time as a customer.

    Each step does one of ``world.ACTIONS`` (0 is nothing) and lets ``days_per_step`` days pass. An
    action on a lead that may not be contacted any more is not done and costs nothing; the info's
    ``action_mask`` says so beforehand. Observations hold only what leadstream could know
    (``observation.OBSERVATION_NAMES``, from 0 to 1); the truth is in the info: ``won``,
    ``cycle_days``, ``deals``, ``retained``, ``contacts``, ``cost_minor``, ``stage``.

    Time is part of the observation and ends the lead's journey for good, so that such an end is
    a termination, never a truncation.

    Parameters
    ----------
    parameters
        The world.
    rewards
        How what happens is weighed.
    days_per_step
        Days from one decision to the next.

    Examples
    --------
    >>> env = SalesPipeline()
    >>> observation, info = env.reset(seed=1)
    >>> observation.shape == (len(OBSERVATION_NAMES),), info["won"]
    (True, False)
    """

    def __init__(
        self,
        parameters: WorldParameters | None = None,
        rewards: RewardWeights | None = None,
        days_per_step: int = 1,
    ) -> None:
        if days_per_step < 1:
            raise ValueError(f"days_per_step={days_per_step}: give 1 or more")
        self.parameters = parameters or WorldParameters()
        self.rewards = rewards or RewardWeights()
        self.days_per_step = days_per_step
        self.action_space = spaces.Discrete(len(ACTIONS))
        self.observation_space = spaces.Box(0.0, 1.0, (len(OBSERVATION_NAMES),), np.float32)
        self._pipeline = Pipeline(self.parameters)
        self._rng: Random | None = None
        self._reward: RewardOfDay | None = None

    @property
    def prospect(self) -> Prospect:
        """The lead with all that is hidden in it: for oracles and tests alone.

        Raises
        ------
        RuntimeError
            Before the first reset.
        """
        if self._reward is None:
            raise RuntimeError("no lead has entered: call reset first")
        return self._reward.prospect

    def features(self) -> dict[str, float | str]:
        """Return the observation as leadstream's features, with stage and segment as text."""
        return features(self.prospect)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Let a new lead enter; with a seed, all that follows is determined by it."""
        super().reset(seed=seed, options=options)
        # Python's generator takes a fraction of numpy's time for a single number.
        if seed is not None or self._rng is None:
            self._rng = Random(int(self.np_random.integers(2**63)))  # noqa: S311 - repeatable
        self._reward = RewardOfDay(self.rewards, self._pipeline.named_lead(self._rng))
        return self._observation(), self._info()

    def step(
        self, action: np.int64
    ) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Do an action and let the days pass until the next decision.

        Raises
        ------
        RuntimeError
            If the episode is over, or none has begun.
        """
        prospect = self.prospect
        if prospect.is_over or self._rng is None or self._reward is None:
            raise RuntimeError("this lead's time is over: call reset")
        self._pipeline.day(prospect, int(action), self._rng)
        reward = self._reward.take()
        for _ in range(self.days_per_step - 1):
            if prospect.is_over:
                break
            self._pipeline.day(prospect, NOTHING, self._rng)
            reward += self._reward.take()
        return self._observation(), reward, prospect.is_over, False, self._info()

    def _observation(self) -> Observation:
        return np.array(observe(self.prospect), np.float32)

    def _info(self) -> dict[str, Any]:
        prospect = self.prospect
        return {
            "won": prospect.won_day is not None,
            "cycle_days": prospect.won_day,
            "deals": prospect.deals,
            "retained": prospect.is_retained,
            "contacts": sum(prospect.contacts),
            "cost_minor": prospect.cost_minor,
            "stage": prospect.stage,
            "action_mask": (_ALL if prospect.may_be_contacted else _NOTHING_ONLY).copy(),
        }
