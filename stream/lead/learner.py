"""What the learner does with examples: learns each once, in order, and says what it knows."""

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from pydantic import TypeAdapter, ValidationError

from online_models.formats import LARGEST_WEIGHT
from online_models.protocols import PropensityModel
from schemas import topics
from schemas.base import fault_of
from schemas.learning import ModelCheckpoint, TrainingExample
from stream.lead.outputs import Output

_EXAMPLE: TypeAdapter[TrainingExample] = topics.TRAINING_EXAMPLES.adapter()
_CHECKPOINT: TypeAdapter[ModelCheckpoint] = topics.MODEL_CHECKPOINTS.adapter()


LARGEST_RELATIVE_WEIGHT = 10.0


class Builder(Protocol):
    """Builds a model of a kind, new or from a checkpoint (see ``online_models.catalogue``)."""

    def __call__(self, kind: str, checkpoint: Mapping[str, Any] | None = None) -> PropensityModel:
        """Return the model; raise ValueError if the checkpoint does not fit."""
        ...


def decoded(value: bytes) -> TrainingExample:
    """Return an example; raises ValueError if the record is none."""
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
    model
        The model itself.
    """

    def __init__(self, name: str, kind: str, model: PropensityModel) -> None:
        self.name = name
        self.kind = kind
        self.model = model
        self.next_offset = 0
        self._version_offset = 0
        self._weight_sum = float(model.positives + model.negatives)

    @classmethod
    def restore(cls, checkpoint: ModelCheckpoint, build: Builder) -> "Learner":
        """Go on from a checkpoint; raises ValueError if it does not fit this release."""
        model = build(checkpoint.kind, checkpoint.state)
        learner = cls(checkpoint.model, checkpoint.kind, model)
        learner.next_offset = checkpoint.next_offset
        learner._version_offset = checkpoint.version_offset
        if checkpoint.weight_sum is not None:
            learner._weight_sum = checkpoint.weight_sum
        return learner

    @property
    def version(self) -> str:
        """Name what has been learned so far."""
        return f"{self.kind}-{self._version_offset}"

    def learn(self, example: TrainingExample, offset: int) -> float | None:
        """Learn from one example; return what it predicted of it just before.

        An example that was learned before, or is of another model, is passed over: None.
        """
        if offset < self.next_offset:
            return None
        self.next_offset = offset + 1
        if example.model != self.name:
            return None
        self._version_offset = offset + 1
        p = self.model.predict_proba_one(example.x)
        self.model.learn_one(example.x, example.y, self._relative(example.weight))
        return p

    def pass_over(self, offset: int) -> None:
        """Count a record as done that taught nothing."""
        self.next_offset = max(self.next_offset, offset + 1)

    def _relative(self, weight: float) -> float:
        """Return a weight against the mean of all: a lead's many events are no independent labels.

        So an example counts one on average, and none more than ``LARGEST_RELATIVE_WEIGHT``.
        """
        weight = min(weight, LARGEST_WEIGHT)
        self._weight_sum += weight
        learned = self.model.positives + self.model.negatives
        return min(LARGEST_RELATIVE_WEIGHT, weight * (learned + 1) / self._weight_sum)

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
        return _record(topics.MODEL_SNAPSHOTS, f"{self.name}/{self.version}", body)

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
            "checkpoint_schema": state["schema"],
            "library": state["library"],
            "state": state,
            **standing,
        }
        return _record(topics.MODEL_CHECKPOINTS, f"{self.name}/{self.kind}", body)


def serving_record(model: str, role: str, version: str) -> Output:
    """Return the record that makes a version serve (``serving``) or pins it (``pin``)."""
    body = {"type": "serving_version", "model": model, "version": version}
    return _record(topics.MODEL_SNAPSHOTS, f"{model}/{role}", body)


def champion_record(model: str, kind: str, decided_by: str) -> Output:
    """Return the record that makes a kind of a model's contestants its champion."""
    body = {"type": "champion", "model": model, "kind": kind, "decided_by": decided_by}
    return _record(topics.MODEL_SNAPSHOTS, f"{model}/champion", body)


def _record(topic: topics.Topic, key: str, body: Mapping[str, Any]) -> Output:
    return Output(topic.name, key.encode(), orjson.dumps(body), [])
