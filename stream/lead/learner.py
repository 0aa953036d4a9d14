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


class Learner:
    """One model and the offset of ``training-examples`` that it learns next.

    The version of a snapshot is its kind and that offset, so a learner restarted from a checkpoint
    gives the same names to the same models.

    Parameters
    ----------
    name
        What is predicted: ``p_convert``.
    kind
        What predicts it, by its name in ``online_models.catalogue``.
    model
        The model itself.
    next_offset
        The offset up to which it has learned.
    """

    def __init__(
        self, name: str, kind: str, model: PropensityModel, next_offset: int = 0
    ) -> None:
        self.name = name
        self.kind = kind
        self.model = model
        self.next_offset = next_offset
        self._weight_sum = float(model.positives + model.negatives)

    @classmethod
    def restore(
        cls, name: str, kind: str, checkpoint: bytes | None, build: Builder
    ) -> "Learner":
        """Go on from a checkpoint, or begin; raises ValueError if the checkpoint does not fit."""
        if checkpoint is None:
            return cls(name, kind, build(kind))
        try:
            document = _CHECKPOINT.validate_json(checkpoint)
        except ValidationError as error:
            raise ValueError(f"the checkpoint is broken: {fault_of(error)}") from None
        learner = cls(name, kind, build(kind, document.state), document.next_offset)
        if document.weight_sum is not None:
            learner._weight_sum = document.weight_sum
        return learner

    @property
    def version(self) -> str:
        """Name what has been learned so far."""
        return f"{self.kind}-{self.next_offset}"

    def learn(self, value: bytes, offset: int) -> tuple[bool, float] | None:
        """Learn from one example; return its label and what had been predicted.

        An example learned before is passed over, and None returned.

        Raises
        ------
        ValueError
            If the record is no training example; it counts as done, and taught nothing.
        """
        if offset < self.next_offset:
            return None
        self.next_offset = offset + 1
        try:
            example = _EXAMPLE.validate_json(value)
        except ValidationError as error:
            raise ValueError(f"no training example: {fault_of(error)}") from None
        if example.model != self.name:
            return None
        self.model.learn_one(example.x, example.y, self._relative(example.weight))
        return example.y, example.p_convert

    def _relative(self, weight: float) -> float:
        """Return a weight against the mean of all: a lead's many events are no independent labels.

        So an example counts one on average, and none more than ``LARGEST_RELATIVE_WEIGHT``.
        """
        weight = min(weight, LARGEST_WEIGHT)
        self._weight_sum += weight
        learned = self.model.positives + self.model.negatives
        return min(LARGEST_RELATIVE_WEIGHT, weight * (learned + 1) / self._weight_sum)

    def snapshot(self) -> list[Output]:
        """Return the records that publish this version and make it serve."""
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
        return [
            _record(topics.MODEL_SNAPSHOTS, f"{self.name}/{self.version}", body),
            serving_record(self.name, "serving", self.version),
        ]

    def checkpoint(self) -> Output:
        """Return the record that a restart goes on from."""
        state = self.model.checkpoint()
        return _record(
            topics.MODEL_CHECKPOINTS,
            self.name,
            {
                "type": "model_checkpoint",
                "model": self.name,
                "next_offset": self.next_offset,
                "weight_sum": self._weight_sum,
                "checkpoint_schema": state["schema"],
                "library": state["library"],
                "state": state,
            },
        )


def serving_record(model: str, role: str, version: str) -> Output:
    """Return the record that makes a version serve (``serving``) or pins it (``pin``)."""
    body = {"type": "serving_version", "model": model, "version": version}
    return _record(topics.MODEL_SNAPSHOTS, f"{model}/{role}", body)


def _record(topic: topics.Topic, key: str, body: Mapping[str, Any]) -> Output:
    return Output(topic.name, key.encode(), orjson.dumps(body), [])
