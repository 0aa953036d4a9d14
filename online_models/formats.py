"""What stored models must look like: data that is checked whole before any of it is used."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

LARGEST = 1e100
"""Numbers are taken no larger than this: an infinite variance would undo the model."""
LARGEST_WEIGHT = 1e6
"""An example stands for no more than this many like it."""

STRICT = ConfigDict(strict=True, allow_inf_nan=False)

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


class ModelLibraryError(ModelFormatError):
    """A stored model was made by another release of the library that it stands on."""

    reason = "library"


@with_config(STRICT)
class Snapshot(TypedDict):
    """What predicting needs of a linear model."""

    positives: Count
    negatives: Count
    intercept: Weight
    numeric: dict[str, Row]
    plain: dict[str, Weight]


@with_config(STRICT)
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


Knot = Annotated[int, Field(ge=-1_000, le=1_000)]
# JSON has no tuples: lists are taken for them.
Curve = Annotated[
    tuple[Weight, Knot, Annotated[list[Weight], Field(min_length=1, max_length=100)]],
    Field(strict=False),
]
Shares = Annotated[tuple[Knot, NotNegative], Field(strict=False)]
CurveState = Annotated[
    tuple[Count, Annotated[list[Shares], Field(min_length=1)]], Field(strict=False)
]


Pair = Annotated[list[Weight], Field(min_length=2, max_length=2)]
Knots = Annotated[list[Weight], Field(min_length=1, max_length=100)]


@with_config(STRICT)
class UncertaintySnapshot(TypedDict):
    """What the variance of log-odds needs, where not all covariances are at hand."""

    lacking: NotNegative
    plain: dict[str, Pair]
    curves: dict[str, Knots]
    unknown: NotNegative


@with_config(STRICT)
class CurvesSnapshot(TypedDict):
    """What predicting needs of a model that is a sum of curves."""

    positives: Count
    negatives: Count
    intercept: Weight
    plain: dict[str, Weight]
    curves: dict[str, Curve]
    uncertainty: UncertaintySnapshot


@with_config(STRICT)
class BayesianCheckpoint(TypedDict):
    """The whole state of a Bayesian model that learns."""

    positives: Count
    negatives: Count
    ignored_features: Count
    names: Annotated[list[str], Field(min_length=1)]
    weights: list[Weight]
    covariance: str
    calibration: Annotated[list[Weight], Field(min_length=4, max_length=4)]
    uncertainty: Annotated[
        tuple[NotNegative, NotNegative, list[Weight], Count], Field(strict=False)
    ]
    alone: dict[str, Annotated[list[Weight], Field(min_length=2, max_length=2)]]
    curves: dict[str, CurveState]


_SNAPSHOT: TypeAdapter[Any] = TypeAdapter(Snapshot)
_CURVES: TypeAdapter[Any] = TypeAdapter(CurvesSnapshot)
_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(Checkpoint)
_BAYESIAN: TypeAdapter[Any] = TypeAdapter(BayesianCheckpoint)


def check_origin(state: Mapping[str, Any], schema: int, library: str) -> None:
    """Refuse a checkpoint of another schema, kind of model or library.

    Raises
    ------
    ModelSchemaError
        It says what was found and what this release reads.
    """
    if state.get("schema") != schema or state.get("library") != library:
        raise ModelSchemaError(
            f"checkpoint of schema {state.get('schema')!r:.40} by {state.get('library')!r:.80}; "
            f"this release reads {schema} by {library!r}: the model is learned anew from the "
            "examples that are kept"
        )


def checked_snapshot(state: Any) -> Snapshot:
    """Return a snapshot as its types have it; JSON may write a real number as a huge integer.

    Raises
    ------
    ModelFormatError
        If it is not all that it must be; the message names the field.
    """
    checked: Snapshot = validated(_SNAPSHOT, state, "snapshot")
    return checked


def checked_curves(state: Any) -> CurvesSnapshot:
    """Return a snapshot of curves as its types have it; raises as ``checked_snapshot`` does."""
    checked: CurvesSnapshot = validated(_CURVES, state, "snapshot")
    return checked


def checked_bayesian(state: Any) -> BayesianCheckpoint:
    """Return a Bayesian checkpoint as its types have it; raises as ``checked_snapshot`` does."""
    checked: BayesianCheckpoint = validated(_BAYESIAN, state, "checkpoint")
    return checked


def checked_checkpoint(state: Any) -> Checkpoint:
    """Return a checkpoint as its types have it; raises as ``checked_snapshot`` does."""
    checked: Checkpoint = validated(_CHECKPOINT, state, "checkpoint")
    return checked


def validated(adapter: TypeAdapter[Any], state: Any, what: str) -> Any:
    """Return a stored state as its types have it.

    Parameters
    ----------
    adapter
        The types.
    state
        Any JSON.
    what
        What the state is, for the message.

    Raises
    ------
    ModelFormatError
        If it is not all that it must be; the message names the field.
    """
    try:
        return adapter.validate_python(state)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or what
        raise ModelFormatError(
            f"{what} is broken: {field:.128}: {first['msg']}; the former one stays in use"
        ) from None
