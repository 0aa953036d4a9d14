"""Every kind of propensity model by its name: what learns it, and what serves its snapshots."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from online_models import bayesian_logistic, logistic
from online_models.bayesian_logistic import BayesianLogisticRegression
from online_models.formats import ModelLibraryError, ModelSchemaError
from online_models.linear_scorer import LinearScorer
from online_models.logistic import OnlineLogisticRegression
from online_models.protocols import PropensityModel, Scorer

FactOf = Callable[[str], str]
"""Feature -> the name that its contribution is counted under."""


class Kind(NamedTuple):
    """A kind of model.

    Parameters
    ----------
    new
        Makes one that knows nothing.
    restore
        Rebuilds one from its checkpoint; raises ``ModelFormatError`` if that does not fit.
    scorer
        Serves a snapshot: of ``model``, ``version``, the snapshot and ``fact_of``.
    schema, library
        What its snapshots say of themselves.
    """

    new: Callable[[], PropensityModel]
    restore: Callable[[dict[str, Any]], PropensityModel]
    scorer: Callable[[str, str, dict[str, Any], FactOf], Scorer]
    schema: int
    library: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "bayesian_logistic": Kind(
            BayesianLogisticRegression,
            BayesianLogisticRegression.restore,
            LinearScorer,
            bayesian_logistic.SNAPSHOT_SCHEMA,
            bayesian_logistic.LIBRARY,
        ),
        "logistic": Kind(
            OnlineLogisticRegression,
            OnlineLogisticRegression.restore,
            LinearScorer,
            logistic.SNAPSHOT_SCHEMA,
            logistic.library(),
        ),
    }
)


def build_model(kind: str, checkpoint: Mapping[str, Any] | None = None) -> PropensityModel:
    """Return a model, new or as its checkpoint has it.

    Raises
    ------
    ModelFormatError
        If the checkpoint does not fit this release, or is of another kind.

    Examples
    --------
    >>> build_model("logistic").predict_proba_one({})
    0.5
    """
    if checkpoint is None:
        return KINDS[kind].new()
    return KINDS[kind].restore(dict(checkpoint))


def build_scorer(
    model: str, version: str, snapshot: dict[str, Any], fact_of: FactOf = str
) -> Scorer:
    """Return what serves a snapshot, whichever kind made it.

    Raises
    ------
    ModelFormatError
        If no kind of this release makes such snapshots, or it is broken.
    """
    for kind in KINDS.values():
        if kind.schema == snapshot.get("schema"):
            if kind.library != snapshot.get("library"):
                raise ModelLibraryError(
                    f"made by {snapshot.get('library')!r:.60}, this is {kind.library}: "
                    "let the learner go on"
                )
            return kind.scorer(model, version, snapshot, fact_of)
    known = ", ".join(str(kind.schema) for kind in KINDS.values())
    raise ModelSchemaError(
        f"snapshot {model}/{version} is of schema {snapshot.get('schema')!r:.40}, this release "
        f"reads {known}; the version in use stays"
    )
