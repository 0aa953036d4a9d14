"""What the learner does with decisions: each policy learns them, and how it had done is kept.

A policy is an action's chooser as a model is a prediction's maker, so it stands in the same contest
(``stream.lead.contest``): versions by offset, snapshots, checkpoints, champion and challengers.
What a prediction's log loss is there, is here the reward that a policy would not have earned.
"""

from collections.abc import Mapping
from typing import Any

from online_models.formats import ModelFormatError, ModelSchemaError
from online_models.policy.catalogue import KINDS, build_acting, build_policy
from online_models.policy.protocol import Acting, Policy, Transition, seeded
from schemas import topics
from schemas.learning import ModelCheckpoint, PolicyTransition
from stream.lead.learner import Decoded, Learned, record
from stream.lead.outputs import Output
from stream.lead.transitions import TASK
from stream.lead.versions import version_of

SCHEMA = 1
LIBRARY = "leadstream policies"
LARGEST_WEIGHT = 50.0
"""A decision that was hardly ever taken must not decide a contest."""


class PolicyLearner:
    """One policy, and the offset of ``training-examples`` that it learns next.

    Parameters
    ----------
    kind
        What chooses, by its name in ``online_models.policy.catalogue``.
    epsilon
        The share of its choices that is uniform.
    """

    name = TASK

    def __init__(self, kind: str, epsilon: float) -> None:
        self.kind = kind
        self.policy: Policy = build_policy(kind, epsilon=epsilon)
        self.next_offset = 0
        self.transitions = 0
        self._epsilon = epsilon
        self._version_offset = 0
        self._reward_sum = 0.0

    @property
    def version(self) -> str:
        """Name what has been learned so far."""
        return version_of(self.kind, self._version_offset)

    @property
    def has_learned(self) -> bool:
        """Whether there is anything to publish."""
        return self.transitions > 0

    def learn(self, example: Decoded, offset: int) -> Learned | None:
        r"""Learn from one decision; return what it says of the policy before that, as a loss.

        The loss is :math:`-w (r - \bar r)`: ``w`` is how much likelier the policy would have taken
        the action than whoever did, and :math:`\bar r` the mean reward of the decisions before.
        Its mean is minus what the policy earns beyond that mean, without bias (inverse propensity
        with a baseline; Dudik et al. 2014), as long as every candidate had a chance.

        One that was learned before, or is of the control group, is passed over: None.
        """
        if offset < self.next_offset:
            return None
        self.pass_over(offset)
        if not isinstance(example, PolicyTransition) or example.is_holdout:
            return None
        transition = as_transition(example, looks_ahead=KINDS[self.kind].looks_ahead)
        choice = self.policy.act(transition.state, transition.candidates, seeded(""))
        p = choice.probabilities[transition.action]
        weight = min(LARGEST_WEIGHT, p / transition.action_probability)
        before = self._reward_sum / self.transitions if self.transitions else 0.0
        self._version_offset = offset + 1
        self.transitions += 1
        self._reward_sum += example.reward
        self.policy.learn(transition)
        return Learned(p, [], -weight * (example.reward - before))

    def pass_over(self, offset: int) -> None:
        """Count a record as done that taught nothing."""
        self.next_offset = max(self.next_offset, offset + 1)

    def resume(self, checkpoint: ModelCheckpoint) -> None:
        """Go on from a checkpoint; raises ValueError if it does not fit this release."""
        state = dict(checkpoint.state)
        _check(state)
        self.policy = build_policy(self.kind, state["policy"], epsilon=self._epsilon)
        self.next_offset = checkpoint.next_offset
        self._version_offset = checkpoint.version_offset
        self.transitions = checkpoint.examples
        self._reward_sum = float(state["reward_sum"])

    def snapshot(self) -> Output:
        """Return the record that publishes this version."""
        state = {
            "schema": SCHEMA,
            "library": LIBRARY,
            "epsilon": self._epsilon,
            "policy": KINDS[self.kind].snapshot(self.policy),
        }
        body = {
            "type": "model_snapshot",
            "model": TASK,
            "version": self.version,
            "snapshot_schema": SCHEMA,
            "library": LIBRARY,
            "examples": self.transitions,
            "positives": 0,
            "state": state,
        }
        return record(topics.MODEL_SNAPSHOTS, f"{TASK}/{self.version}", body)

    def checkpoint(self, **standing: Any) -> Output:
        """Return the record that a restart goes on from."""
        state = {
            "schema": SCHEMA,
            "library": LIBRARY,
            "reward_sum": self._reward_sum,
            "policy": self.policy.checkpoint(),
        }
        body = {
            "type": "model_checkpoint",
            "model": TASK,
            "kind": self.kind,
            "next_offset": self.next_offset,
            "version_offset": self._version_offset,
            "weight_sum": float(self.transitions),
            "examples": self.transitions,
            "checkpoint_schema": SCHEMA,
            "library": LIBRARY,
            "state": state,
            **standing,
        }
        return record(topics.MODEL_CHECKPOINTS, f"{TASK}/{self.kind}", body)


def as_transition(example: PolicyTransition, *, looks_ahead: bool) -> Transition:
    """Return a decision as policies learn it.

    One that looks ahead is given the reward up to the lead's next decision, and that decision;
    the others all of the reward.
    """
    after = example.next if looks_ahead else None
    return Transition(
        example.x,
        tuple(candidate.action for candidate in example.candidates),
        example.action,
        example.action_probability,
        example.reward if after is None else after.reward,
        None if after is None else after.x,
        () if after is None else after.candidates,
    )


def acting_of(kind: str, state: Mapping[str, Any]) -> Acting:
    """Return what acts by a snapshot; raises ``ModelFormatError`` if it does not fit."""
    _check(state)
    epsilon = state.get("epsilon")
    if not isinstance(epsilon, float | int) or not 0.0 <= epsilon <= 1.0:
        raise ModelFormatError(f"epsilon is {epsilon!r:.40}: it must be from 0 to 1")
    return build_acting(kind, state["policy"], epsilon=float(epsilon))


def _check(state: Mapping[str, Any]) -> None:
    if state.get("schema") != SCHEMA or state.get("library") != LIBRARY:
        raise ModelSchemaError(
            f"a policy of schema {state.get('schema')!r:.40}, this release reads {SCHEMA}; the "
            "version in use stays"
        )
    if not isinstance(state.get("policy"), dict):
        raise ModelFormatError("a policy's record lacks the policy: see who wrote it")
