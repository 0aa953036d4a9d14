"""What the learner does with examples: learns each once, in order, and says what it knows."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

import orjson
from pydantic import TypeAdapter, ValidationError

from online_models.challenge import loss_of
from online_models.drift import LOSS, Alert, DriftMonitor
from online_models.formats import LARGEST_WEIGHT
from online_models.protocols import (
    Doubting,
    Features,
    PropensityModel,
    predict_then_learn_one,
)
from online_models.successor import Successor
from schemas import topics
from schemas.base import fault_of
from schemas.learning import ModelCheckpoint, PolicyTransition, TrainingExample
from schemas.milestones import Milestone
from stream.lead.outputs import Output
from stream.lead.versions import version_of

Decoded = TrainingExample | PolicyTransition | Milestone
"""What stands in ``training-examples``."""

_EXAMPLE: TypeAdapter[Decoded] = topics.TRAINING_EXAMPLES.adapter()
_CHECKPOINT: TypeAdapter[ModelCheckpoint] = topics.MODEL_CHECKPOINTS.adapter()


LARGEST_RELATIVE_WEIGHT = 10.0
OnDrift = Literal["raise_learning_rate", "replace", "tell"]


class Builder(Protocol):
    """Builds a model of a kind, new or from a checkpoint (see ``online_models.catalogue``)."""

    def __call__(self, kind: str, checkpoint: Mapping[str, Any] | None = None) -> PropensityModel:
        """Return the model; raise ValueError if the checkpoint does not fit."""
        ...


def decoded(value: bytes) -> Decoded:
    """Return an example, a decision or a milestone; raises ValueError if the record is none."""
    try:
        return _EXAMPLE.validate_json(value)
    except ValidationError as error:
        raise ValueError(f"no training example: {fault_of(error)}") from None


def decoded_checkpoint(value: bytes) -> ModelCheckpoint:
    """Return a checkpoint; raises ValueError if the record is none."""
    try:
        return _CHECKPOINT.validate_json(value)
    except ValidationError as error:
        raise ValueError(f"the checkpoint is broken: {fault_of(error)}") from None


class Learned(NamedTuple):
    """What came of an example: what had been predicted just before, and the drift it showed.

    ``loss`` is what contestants are compared by; None for what is no such comparison.
    """

    p: float
    alerts: list[Alert]
    loss: float | None = None


class Learner:
    """One model and the offset of ``training-examples`` that it learns next.

    The version of a snapshot is its kind and the offset after the last example that taught it, so
    a learner restarted from a checkpoint gives the same names to the same models.

    Parameters
    ----------
    name
        What is predicted: ``p_convert``.
    kind
        What predicts it, by its name in ``online_models.catalogue``.
    build
        Builds models of that kind.
    on_drift
        What is done when the loss has risen for good: ``raise_learning_rate``, ``replace``, or
        ``tell``, which is nothing. A model that cannot learn faster is replaced.
    """

    def __init__(
        self, name: str, kind: str, build: Builder, on_drift: OnDrift = "raise_learning_rate"
    ) -> None:
        self.name = name
        self.kind = kind
        self.model = build(kind)
        self.next_offset = 0
        self._build = build
        self._on_drift = on_drift
        self._monitor = DriftMonitor()
        self._successor: Successor | None = None
        self._version_offset = 0
        self._examples = 0
        self._weight_sum = 0.0

    def resume(self, checkpoint: ModelCheckpoint) -> None:
        """Go on from a checkpoint; raises ValueError if it does not fit this release."""
        model = self._build(checkpoint.kind, checkpoint.state)
        monitor, successor = DriftMonitor(), None
        if checkpoint.drift is not None:
            monitor = DriftMonitor.restore(dict(checkpoint.drift))
        if checkpoint.successor is not None:
            successor = Successor.restore(
                checkpoint.successor, lambda state: self._build(self.kind, state)
            )
        self.model, self._monitor, self._successor = model, monitor, successor
        self.next_offset = checkpoint.next_offset
        self._version_offset = checkpoint.version_offset
        self._examples = checkpoint.examples
        self._weight_sum = checkpoint.weight_sum

    @property
    def version(self) -> str:
        """Name what has been learned so far."""
        return version_of(self.kind, self._version_offset)

    @property
    def has_learned(self) -> bool:
        """Whether there is anything to publish."""
        return self.model.positives + self.model.negatives > 0

    def learn(self, example: Decoded, offset: int) -> Learned | None:
        """Learn from one example.

        One that was learned before, or is of another model, is passed over: None.
        """
        if offset < self.next_offset:
            return None
        self.pass_over(offset)
        if not isinstance(example, TrainingExample) or example.model != self.name:
            return None
        self._version_offset = offset + 1
        x, y, weight = example.x, example.y, self._relative(example.weight)
        p = predict_then_learn_one(self.model, x, y, weight)
        if example.source == "feedback":
            return Learned(p, [])
        alerts = self._monitor.update(y, p, x)
        self._succeed(y, p, x, weight)
        if any(alert.what == LOSS for alert in alerts):
            self._react()
        return Learned(p, alerts, loss_of(y, p))

    def pass_over(self, offset: int) -> None:
        """Count a record as done that taught nothing."""
        self.next_offset = max(self.next_offset, offset + 1)

    def _react(self) -> None:
        if self._on_drift == "tell":
            return
        if self._on_drift == "raise_learning_rate" and isinstance(self.model, Doubting):
            self.model.widen()
            self._monitor.relearning()
        elif self._successor is None:
            self._successor = Successor(self._build(self.kind))

    def _succeed(self, y: bool, p: float, x: Features, weight: float) -> None:
        """Have a model that was begun anew learn as well, and take over once it is better."""
        successor = self._successor
        if successor is None:
            return
        if successor.update(y, p, x, weight):
            self.model, self._successor = successor.model, None
            self._monitor.relearning()
        elif successor.is_given_up:
            self._successor = None

    def _relative(self, weight: float) -> float:
        """Return a weight against the mean of all: a lead's many events are no independent labels.

        So an example counts one on average, and none more than ``LARGEST_RELATIVE_WEIGHT``.
        """
        weight = min(weight, LARGEST_WEIGHT)
        self._weight_sum += weight
        self._examples += 1
        return min(LARGEST_RELATIVE_WEIGHT, weight * self._examples / self._weight_sum)

    def snapshot(self) -> Output:
        """Return the record that publishes this version."""
        state = self.model.snapshot()
        body = {
            "type": "model_snapshot",
            "model": self.name,
            "version": self.version,
            "snapshot_schema": state["schema"],
            "library": state["library"],
            "examples": state["positives"] + state["negatives"],
            "positives": state["positives"],
            "state": state,
        }
        return record(topics.MODEL_SNAPSHOTS, f"{self.name}/{self.version}", body)

    def checkpoint(self, **standing: Any) -> Output:
        """Return the record that a restart goes on from.

        Parameters
        ----------
        standing
            How it stands in its contest: ``champion`` and ``challenge``.
        """
        state = self.model.checkpoint()
        body = {
            "type": "model_checkpoint",
            "model": self.name,
            "kind": self.kind,
            "next_offset": self.next_offset,
            "version_offset": self._version_offset,
            "weight_sum": self._weight_sum,
            "examples": self._examples,
            "drift": self._monitor.checkpoint(),
            "successor": None if self._successor is None else self._successor.checkpoint(),
            "checkpoint_schema": state["schema"],
            "library": state["library"],
            "state": state,
            **standing,
        }
        return record(topics.MODEL_CHECKPOINTS, f"{self.name}/{self.kind}", body)


def serving_record(model: str, role: str, version: str) -> Output:
    """Return the record that makes a version serve (``serving``) or pins it (``pin``)."""
    body = {"type": "serving_version", "model": model, "version": version}
    return record(topics.MODEL_SNAPSHOTS, f"{model}/{role}", body)


def champion_record(model: str, kind: str, decided_by: str) -> Output:
    """Return the record that makes a kind of a model's contestants its champion."""
    body = {"type": "champion", "model": model, "kind": kind, "decided_by": decided_by}
    return record(topics.MODEL_SNAPSHOTS, f"{model}/champion", body)


def record(topic: topics.Topic, key: str, body: Mapping[str, Any]) -> Output:
    """Return a record of a model's topic."""
    return Output(topic.name, key.encode(), orjson.dumps(body), [])
