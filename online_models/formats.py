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
    counts: dict[str, Count]
    weights: dict[str, Weight]
    intercept: Weight
    squares: dict[str, NotNegative]
    iterations: Count


_SNAPSHOT: TypeAdapter[Any] = TypeAdapter(Snapshot)
_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(Checkpoint)


def checked_snapshot(state: Any) -> Snapshot:
    """Return a snapshot as its types have it; JSON may write a real number as a huge integer.

    Raises
    ------
    ModelFormatError
        If it is not all that it must be; the message names the field.
    """
    checked: Snapshot = _checked(_SNAPSHOT, state, "snapshot")
    return checked


def checked_checkpoint(state: Any) -> Checkpoint:
    """Return a checkpoint as its types have it; raises as ``checked_snapshot`` does."""
    checked: Checkpoint = _checked(_CHECKPOINT, state, "checkpoint")
    return checked


def _checked(adapter: TypeAdapter[Any], state: Any, what: str) -> Any:
    try:
        return adapter.validate_python(state)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or what
        raise ModelFormatError(
            f"{what} is broken: {field:.128}: {first['msg']}; the former one stays in use"
        ) from None
