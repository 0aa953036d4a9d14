"""What stored models must look like: data that is checked whole before any of it is used."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

LARGEST = 1e100
"""Numbers are taken no larger than this: an infinite variance would undo the model."""

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)

Weight = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0, le=10**12)]
"""So many at most that a share of them is told apart from all of them."""
Row = Annotated[list[Weight], Field(min_length=3, max_length=3)]


class ModelFormatError(ValueError):
    """A stored model does not fit this release; the former one stays in use."""

    reason = "malformed"


class ModelSchemaError(ModelFormatError):
    """A stored model is of another schema or library version."""

    reason = "schema"


@with_config(_STRICT)
class Snapshot(TypedDict):
    """What predicting needs of a linear model."""

    positives: Count
    negatives: Count
    intercept: Weight
    numeric: dict[str, Row]
    plain: dict[str, Weight]


@with_config(_STRICT)
class Checkpoint(TypedDict):
    """The whole state of a linear model that learns."""

    positives: Count
    negatives: Count
    ignored_features: Count
    means: dict[str, Weight]
    vars: dict[str, NotNegative]
    counts: dict[str, NotNegative]
    weights: dict[str, Weight]
    intercept: Weight
    squares: dict[str, NotNegative]
    iterations: Count


_SNAPSHOT: TypeAdapter[Any] = TypeAdapter(Snapshot)
_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(Checkpoint)


def check_snapshot(state: Any) -> None:
    """Raise ModelFormatError, which names the field, if a snapshot is not all that it must be."""
    _check(_SNAPSHOT, state, "snapshot")


def check_checkpoint(state: Any) -> None:
    """Raise ModelFormatError, which names the field, if a checkpoint is not all that it must be."""
    _check(_CHECKPOINT, state, "checkpoint")


def _check(adapter: TypeAdapter[Any], state: Any, what: str) -> None:
    try:
        adapter.validate_python(state)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or what
        raise ModelFormatError(
            f"{what} is broken: {field:.128}: {first['msg']}; the former one stays in use"
        ) from None
