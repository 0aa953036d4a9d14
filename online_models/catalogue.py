"""Every kind of propensity model by its name: what learns it, and what serves its snapshots."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from online_models import (
    ad_predictor,
    bayesian_logistic,
    ensemble,
    linear_svm,
    logistic,
    neural,
    variants,
)
from online_models.ad_predictor import AdPredictor
from online_models.bayesian_logistic import BayesianLogisticRegression
from online_models.ensemble import Ensemble, PooledScorer
from online_models.formats import ModelLibraryError, ModelSchemaError
from online_models.linear_scorer import LinearScorer
from online_models.linear_svm import LinearSvm
from online_models.logistic import OnlineLogisticRegression
from online_models.neural import NeuralPropensity
from online_models.neural_scorer import NeuralScorer
from online_models.probit_scorer import ProbitScorer
from online_models.protocols import PropensityModel, Scorer
from online_models.river_models import AdaptiveForest, HoeffdingTree, NaiveBayes
from online_models.variants import (
    HashedLogisticRegression,
    HashedScorer,
    PairedLogisticRegression,
    PairedScorer,
)

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


def _river(kind: type[NaiveBayes | HoeffdingTree | AdaptiveForest]) -> Kind:
    return Kind(kind, kind.restore, kind.scorer, kind.snapshot_schema, logistic.library())


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
        "hashed_logistic": Kind(
            HashedLogisticRegression,
            HashedLogisticRegression.restore,
            HashedScorer,
            variants.HASHED_SCHEMA,
            logistic.library(),
        ),
        "paired_logistic": Kind(
            PairedLogisticRegression,
            PairedLogisticRegression.restore,
            PairedScorer,
            variants.PAIRED_SCHEMA,
            bayesian_logistic.LIBRARY,
        ),
        "ad_predictor": Kind(
            AdPredictor,
            AdPredictor.restore,
            ProbitScorer,
            ad_predictor.SNAPSHOT_SCHEMA,
            ad_predictor.LIBRARY,
        ),
        "ensemble": Kind(
            Ensemble, Ensemble.restore, PooledScorer, ensemble.SNAPSHOT_SCHEMA, ensemble.library()
        ),
        "neural": Kind(
            NeuralPropensity,
            NeuralPropensity.restore,
            NeuralScorer,
            neural.SNAPSHOT_SCHEMA,
            neural.LIBRARY,
        ),
        "naive_bayes": _river(NaiveBayes),
        "hoeffding_tree": _river(HoeffdingTree),
        "adaptive_forest": _river(AdaptiveForest),
        "linear_svm": Kind(
            LinearSvm,
            LinearSvm.restore,
            linear_svm.scorer,
            linear_svm.SNAPSHOT_SCHEMA,
            logistic.library(),
        ),
    }
)


def build_model(kind: str, checkpoint: Mapping[str, Any] | None = None) -> PropensityModel:
    """Return a model, new or as its checkpoint has it.

    Raises
    ------
    ModelFormatError
        If there is no such kind, or the checkpoint does not fit this release or is of another.

    Examples
    --------
    >>> build_model("logistic").predict_proba_one({})
    0.5
    """
    if kind not in KINDS:
        raise ModelSchemaError(f"no kind of model is called {kind!r:.70}; there are {_known()}")
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


def _known() -> str:
    return ", ".join(KINDS)
