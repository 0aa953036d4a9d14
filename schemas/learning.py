"""Topics of learning: ``training-examples``, ``model-snapshots``, ``model-checkpoints``."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Message, Probability, Timestamp
from schemas.events import JsonObject

FeatureValue = float | str


class TrainingExample(Message):
    """A vector that a lead was scored with, and the label that came later.

    ``weight`` is how many scored vectors it stands for. ``p_convert`` is what was predicted at the
    time, so that every reported loss is of a prediction made before its label was known. Whose
    vector it is is not said, since nothing needs to know; ``x`` holds attributes of the profile all
    the same.
    """

    type: Literal["training_example"] = "training_example"
    model: str
    x: dict[str, FeatureValue]
    y: bool
    weight: Annotated[float, Field(gt=0)]
    p_convert: Probability
    occurred_at: Timestamp
    labelled_at: Timestamp


class ModelSnapshot(Message):
    """What a scorer needs of one version: data, never code."""

    type: Literal["model_snapshot"] = "model_snapshot"
    model: str
    version: str
    snapshot_schema: int
    library: str
    examples: int
    positives: int
    state: JsonObject


class ServingVersion(Message):
    """Which version of a model serves (key ``name/serving``) or is pinned (``name/pin``)."""

    type: Literal["serving_version"] = "serving_version"
    model: str
    version: str


class ModelCheckpoint(Message):
    """The learner's whole state, and the offset of ``training-examples`` that comes next.

    ``weight_sum`` is the sum of the weights of all examples learned: weights are relative.
    """

    type: Literal["model_checkpoint"] = "model_checkpoint"
    model: str
    next_offset: Annotated[int, Field(ge=0, lt=2**63)]
    weight_sum: Annotated[float, Field(ge=0)] | None = None
    checkpoint_schema: int
    library: str
    state: JsonObject
