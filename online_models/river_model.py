"""A River classifier behind the interface of propensity models."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.average_lead import AverageLead, AverageLeadState
from online_models.calibration import FARTHEST
from online_models.laplace import LARGEST_LOG_ODDS, expit
from online_models.logistic import library
from online_models.permuted_reasons import PermutedReasons
from online_models.platt import PlattScaling, PlattState
from online_models.protocols import Features
from online_models.river_parts import LEARNING
from online_models.river_state import decode, encode


@with_config(ConfigDict(strict=True, allow_inf_nan=False))
class RiverDocument(TypedDict):
    """A snapshot or checkpoint: ``estimator`` is checked by ``online_models.river_state``."""

    positives: formats.Count
    negatives: formats.Count
    ignored_features: formats.Count
    leads: AverageLeadState
    calibration: PlattState
    estimator: Any


_DOCUMENT: TypeAdapter[Any] = TypeAdapter(RiverDocument)


class RiverModel:
    """A River classifier that takes leads, and whose probabilities hold.

    Numbers enter as they are and texts as categories (``online_models.average_lead``, which bounds
    them as well); what comes out passes through Platt's scaling, as trees and naive Bayes know
    their odds badly.

    Parameters
    ----------
    estimator
        Of River's, one that may be stored (``online_models.river_parts``).
    max_features
        Numbers and categories beyond this many are ignored.
    """

    snapshot_schema: ClassVar[int]
    estimator_type: ClassVar[type]

    def __init__(self, estimator: Any, max_features: int) -> None:
        self.positives = 0
        self.negatives = 0
        self.leads = AverageLead(max_features)
        self._estimator = estimator
        self._calibration = PlattScaling()

    @property
    def ignored_features(self) -> int:
        """How often a feature was ignored because there was no room for it."""
        return self.leads.ignored

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        weight = min(weight, formats.LARGEST_WEIGHT)
        self.leads.learn_one(x, weight)
        inputs = self.leads.inputs(x)
        self._calibration.learn_one(self.margin(inputs), y, weight)
        self._fit(inputs, y, weight)
        if y:
            self.positives += 1
        else:
            self.negatives += 1

    def _fit(self, inputs: dict[str, float], y: bool, weight: float) -> None:
        self._estimator.learn_one(inputs, y, w=weight)

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        return expit(self.log_odds(self.leads.inputs(x)))

    def log_odds(self, inputs: dict[str, float]) -> float:
        """Return the calibrated log-odds, bounded."""
        log_odds = self._calibration.applied(self.margin(inputs))
        return max(-LARGEST_LOG_ODDS, min(LARGEST_LOG_ODDS, log_odds))

    def margin(self, inputs: dict[str, float]) -> float:
        """Return the log-odds that River's estimator gives, bounded; 0 where it says nothing."""
        votes = self._votes(inputs)
        total = sum(votes.values())
        if not 0.0 < total < math.inf:
            return 0.0
        p = votes.get(True, 0.0) / total
        nearest = expit(-FARTHEST)
        p = max(nearest, min(1.0 - nearest, p))
        return math.log(p / (1.0 - p))

    def _votes(self, inputs: dict[str, float]) -> dict[bool, float]:
        votes: dict[bool, float] = self._estimator.predict_proba_one(inputs)
        return votes

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs: no drift detectors, no generators."""
        return self._document(encode(self._estimator, without=LEARNING))

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return self._document(encode(self._estimator))

    def _document(self, estimator: dict[str, Any]) -> dict[str, Any]:
        return {
            "schema": self.snapshot_schema,
            "library": library(),
            "positives": self.positives,
            "negatives": self.negatives,
            "ignored_features": self.ignored_features,
            "leads": self.leads.checkpoint(),
            "calibration": self._calibration.checkpoint(),
            "estimator": estimator,
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> Self:
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or River version, or broken.
        """
        return cls(**parameters)._take(state, learns=True)

    def _take(self, state: dict[str, Any], *, learns: bool) -> Self:
        formats.check_origin(state, self.snapshot_schema, library())
        checked: RiverDocument = formats.validated(_DOCUMENT, state, "model")
        estimator = decode(checked["estimator"], learns=learns)
        if type(estimator) is not self.estimator_type:
            raise formats.ModelFormatError(
                f"model is broken: it is not of a {self.estimator_type.__name__}"
            )
        self.positives, self.negatives = checked["positives"], checked["negatives"]
        self.leads.restore(checked["leads"])
        self.leads.ignored = checked["ignored_features"]
        self._calibration.restore(checked["calibration"])
        self._estimator = estimator
        return self

    @classmethod
    def scorer(
        cls, model: str, version: str, snapshot: dict[str, Any], fact_of: Callable[[str], str] = str
    ) -> PermutedReasons:
        """Return what serves a snapshot.

        Raises
        ------
        ModelFormatError
            If the snapshot is of another schema or River version, or broken.
        """
        served = object.__new__(cls)
        RiverModel.__init__(served, estimator=None, max_features=0)  # all comes from the snapshot
        return PermutedReasons(model, version, served._take(snapshot, learns=False), fact_of)
