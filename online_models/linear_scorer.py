"""Serving a linear model from its snapshot: log-odds and exact contributions, no River."""

from collections.abc import Callable
from typing import Any, NamedTuple

from online_models import bayesian_logistic, logistic
from online_models.axes import LARGEST_POSITION, category, unit_of
from online_models.formats import (
    CurvesSnapshot,
    ModelSchemaError,
    Snapshot,
    checked_curves,
    checked_snapshot,
)
from online_models.logistic import CLIP
from online_models.protocols import Features


class Curve(NamedTuple):
    """A number's contribution: straight between ``weights``, which end in zeros, from ``begin``."""

    fact: str
    centre: float
    unit: float
    begin: int
    weights: list[float]


class LinearScorer:
    """One version of a linear propensity model, or of one that is a sum of curves.

    Parameters
    ----------
    model, version
        Its name and version, which scores carry.
    snapshot
        As made by ``OnlineLogisticRegression`` or ``BayesianLogisticRegression``.
    fact_of
        Feature -> the name that its contribution is counted under, with those of all features
        that say the same in another form; by default its own.

    Raises
    ------
    ModelFormatError
        If the snapshot is of another schema, or broken.

    Examples
    --------
    >>> scorer = LinearScorer("p_convert", "7", {
    ...     "schema": 1, "positives": 3, "negatives": 4, "intercept": -1.0,
    ...     "numeric": {"age": [2.0, 10.0, 0.5]}, "plain": {"last=email_click": 0.25}})
    >>> scorer.explain_one({"age": 11.0, "last": "email_click", "unknown": 3.0})
    (-1.0, {'age': 1.0, 'last=email_click': 0.25}, 0.0)
    """

    __slots__ = (
        *("_centred", "_curves", "_intercept", "_weights"),
        *("model", "negatives", "positives", "version"),
    )

    def __init__(
        self,
        model: str,
        version: str,
        snapshot: dict[str, Any],
        fact_of: Callable[[str], str] = str,
    ) -> None:
        self.model = model
        self.version = version
        self._weights: dict[str, tuple[str, float, float, float]] = {}
        self._curves: dict[str, Curve] = {}
        match snapshot.get("schema"):
            case logistic.SNAPSHOT_SCHEMA:
                self._take_scaled(checked_snapshot(snapshot), fact_of)
            case bayesian_logistic.SNAPSHOT_SCHEMA:
                self._take_curves(checked_curves(snapshot), fact_of)
            case schema:
                raise ModelSchemaError(
                    f"snapshot {model}/{version} is of schema {schema!r:.40}, this release reads "
                    f"{logistic.SNAPSHOT_SCHEMA} and {bayesian_logistic.SNAPSHOT_SCHEMA}; the "
                    "version in use stays"
                )
        self._centred = [(n, c.fact, c.centre) for n, c in self._curves.items() if c.centre]

    def _take_scaled(self, checked: Snapshot, fact_of: Callable[[str], str]) -> None:
        self._take_plain(checked, fact_of)
        for name, (weight, mean, inverse_deviation) in checked["numeric"].items():
            self._weights[name] = fact_of(name), weight, mean, inverse_deviation

    def _take_curves(self, checked: CurvesSnapshot, fact_of: Callable[[str], str]) -> None:
        self._take_plain(checked, fact_of)
        for name, (centre, first, weights) in checked["curves"].items():
            padded = [0.0, *weights, 0.0]
            self._curves[name] = Curve(fact_of(name), centre, unit_of(name), first - 1, padded)

    def _take_plain(
        self, checked: Snapshot | CurvesSnapshot, fact_of: Callable[[str], str]
    ) -> None:
        self.positives, self.negatives = checked["positives"], checked["negatives"]
        self._intercept = checked["intercept"]
        for name, weight in checked["plain"].items():
            self._weights[name] = fact_of(name), weight, 0.0, 0.0

    def explain_one(self, x: Features) -> tuple[float, dict[str, float], float]:
        """Return the intercept, what each known fact contributes to the log-odds, their variance.

        Contributions are exact: with the intercept they are the log-odds that the learner itself
        would give. A number's is told against the average lead, where its curve has a centre.
        """
        weight_of, curve_of = self._weights.get, self._curves.get
        contributions: dict[str, float] = {}
        for name, value in x.items():
            if isinstance(value, str):
                found = weight_of(category(name, value))
                if found is None:
                    continue
                fact, contribution = found[0], found[1]
            elif (curve := curve_of(name)) is not None:
                fact, contribution = curve.fact, _height(value, curve)
            elif (found := weight_of(name)) is not None:
                fact, weight, mean, inverse_deviation = found
                z = value
                if inverse_deviation:
                    z = max(-CLIP, min(CLIP, (value - mean) * inverse_deviation))
                contribution = weight * z
            else:
                continue
            if fact in contributions:
                contributions[fact] += contribution
            else:
                contributions[fact] = contribution
        for name, fact, centre in self._centred:
            if isinstance(x.get(name, ""), str):  # lacking after all: not what it is on average
                contributions[fact] = contributions.get(fact, 0.0) - centre
        return self._intercept, contributions, 0.0


def _height(value: float, curve: Curve) -> float:
    """Return how far a curve is above its centre at a number."""
    position = value / curve.unit
    if not -LARGEST_POSITION <= position <= LARGEST_POSITION:
        position = max(-LARGEST_POSITION, min(LARGEST_POSITION, position))
    position -= curve.begin
    weights = curve.weights
    if not 0.0 <= position < len(weights) - 1:
        return -curve.centre
    knot = int(position)
    share = position - knot
    return (1.0 - share) * weights[knot] + share * weights[knot + 1] - curve.centre
