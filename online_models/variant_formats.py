"""What stored states of the further kinds of models must look like; see ``formats``."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models.formats import LARGEST, STRICT, Count, NotNegative, Weight

Variance = Annotated[float, Field(ge=1e-12, le=LARGEST)]
Belief = Annotated[tuple[Weight, Variance], Field(strict=False)]


@with_config(STRICT)
class ProbitSnapshot(TypedDict):
    """What predicting needs of a probit model whose weights are each uncertain."""

    positives: Count
    negatives: Count
    intercept: Belief
    weights: dict[str, Belief]
    centres: dict[str, Weight]


@with_config(STRICT)
class ProbitCheckpoint(TypedDict):
    """The whole state of a probit model that learns."""

    positives: Count
    negatives: Count
    ignored_features: Count
    intercept: Belief
    weights: dict[str, Annotated[tuple[Weight, Variance, NotNegative], Field(strict=False)]]
    numbers: dict[str, Annotated[tuple[Count, list[str]], Field(strict=False)]]


Buckets = Annotated[int, Field(ge=1, le=2**20)]


@with_config(STRICT)
class HashedSnapshot(TypedDict):
    """What predicting needs of a linear model of hashed inputs."""

    positives: Count
    negatives: Count
    intercept: Weight
    buckets: Buckets
    weights: list[Annotated[tuple[int, Weight], Field(strict=False)]]


@with_config(STRICT)
class HashedCheckpoint(TypedDict):
    """The whole state of a model of hashed inputs that learns."""

    buckets: Buckets
    model: dict[str, Any]


Paired = Annotated[list[str], Field(max_length=64)]
LabelCounts = Annotated[list[NotNegative], Field(min_length=2, max_length=2)]
"""How much weight of negatives and of positives."""


@with_config(STRICT)
class PairedSnapshot(TypedDict):
    """What predicting needs of a model that knows pairs of facts."""

    paired: Paired
    model: dict[str, Any]


@with_config(STRICT)
class PairedCheckpoint(TypedDict):
    """The whole state of a model that pairs facts and learns."""

    paired: Paired
    labels: LabelCounts
    counts: dict[str, LabelCounts]
    model: dict[str, Any]


Share = Annotated[float, Field(gt=0.0, le=1.0)]


@with_config(STRICT)
class Member(TypedDict):
    """A model among others: its share of the weight, and its own snapshot or checkpoint."""

    share: Share
    model: dict[str, Any]


@with_config(STRICT)
class Ensemble(TypedDict):
    """Models that are pooled, by kind: of a snapshot as of a checkpoint."""

    positives: Count
    negatives: Count
    members: Annotated[dict[str, Member], Field(min_length=1, max_length=16)]


Width = Annotated[int, Field(ge=1, le=256)]


@with_config(STRICT)
class NeuralSnapshot(TypedDict):
    """What predicting needs of a neural network; arrays are float32 in base64."""

    positives: Count
    negatives: Count
    hidden: Width
    names: list[str]
    features: list[str]
    parameters: str
    average: list[Weight]


@with_config(STRICT)
class NeuralCheckpoint(NeuralSnapshot):
    """The whole state of a neural network that learns, Adam's moments included."""

    ignored_features: Count
    first_moments: str
    second_moments: str


PROBIT: TypeAdapter[Any] = TypeAdapter(ProbitSnapshot)
PROBIT_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(ProbitCheckpoint)
HASHED: TypeAdapter[Any] = TypeAdapter(HashedSnapshot)
HASHED_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(HashedCheckpoint)
PAIRED: TypeAdapter[Any] = TypeAdapter(PairedSnapshot)
PAIRED_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(PairedCheckpoint)
ENSEMBLE: TypeAdapter[Any] = TypeAdapter(Ensemble)
NEURAL: TypeAdapter[Any] = TypeAdapter(NeuralSnapshot)
NEURAL_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(NeuralCheckpoint)
