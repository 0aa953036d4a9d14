"""Serving a linear model from its snapshot: log-odds and exact contributions, no River."""

from collections.abc import Callable
from typing import Any, NamedTuple

from online_models import bayesian_logistic, logistic
from online_models.axes import LARGEST_POSITION, is_input, unit_of
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
    """What a number contributes, and adds to the variance: straight between knots.

    ``weights`` are told against the centre; the first of ``weights`` and ``variances`` is at knot
    ``begin``, the last at ``begin + last``, and what lies beyond contributes ``outside``.
    """

    fact: str
    per_unit: float
    begin: int
    last: int
    weights: list[float]
    variances: list[float]
    outside: float


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
        *("_centred", "_curves", "_intercept", "_lacking", "_plain", "_scaled", "_unknown"),
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
        self._plain: dict[str, tuple[str, float, float, float]] = {}
        self._scaled: dict[str, tuple[str, float, float, float]] = {}
        self._curves: dict[str, Curve] = {}
        self._lacking = self._unknown = 0.0
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
        self._centred = [(n, c.fact, -c.outside) for n, c in self._curves.items() if c.outside]

    def _take_scaled(self, checked: Snapshot, fact_of: Callable[[str], str]) -> None:
        self._take_plain(checked, fact_of)
        for name, (weight, mean, inverse_deviation) in checked["numeric"].items():
            self._scaled[name] = fact_of(name), weight, mean, inverse_deviation

    def _take_curves(self, checked: CurvesSnapshot, fact_of: Callable[[str], str]) -> None:
        self._take_plain(checked, fact_of)
        uncertainty = checked["uncertainty"]
        unknown = self._unknown = uncertainty["unknown"]
        self._lacking = uncertainty["lacking"]
        for name, (variance, twice_mean) in uncertainty["plain"].items():
            fact, weight, *_ = self._plain.get(name, (fact_of(name), 0.0))
            self._plain[name] = fact, weight, variance, twice_mean
        for name, (centre, first, weights) in checked["curves"].items():
            variances = uncertainty["curves"].get(name, [])[: len(weights)]
            variances += [unknown] * (len(weights) - len(variances))
            self._curves[name] = Curve(
                fact_of(name),
                1.0 / unit_of(name),
                first - 1,
                len(weights) + 1,
                [weight - centre for weight in (0.0, *weights, 0.0)],
                [unknown, *variances, unknown],
                -centre,
            )

    def _take_plain(
        self, checked: Snapshot | CurvesSnapshot, fact_of: Callable[[str], str]
    ) -> None:
        self.positives, self.negatives = checked["positives"], checked["negatives"]
        self._intercept = checked["intercept"]
        for name, weight in checked["plain"].items():
            self._plain[name] = fact_of(name), weight, 0.0, 0.0

    def explain_one(  # noqa: PLR0912 - one loop, see there
        self, x: Features
    ) -> tuple[float, dict[str, float], float]:
        """Return the intercept, what each known fact contributes to the log-odds, their variance.

        Contributions are exact: with the intercept they are the log-odds that the learner itself
        would give. A number's is told against the average lead, where its curve has a centre.
        """
        # One long loop: it runs for each event, and a call for each feature doubles its time.
        plain_of, curve_of, scaled_of = self._plain.get, self._curves.get, self._scaled.get
        contributions: dict[str, float] = {}
        variance, unknown = self._lacking, self._unknown
        for name, value in x.items():
            if isinstance(value, str):
                plain = plain_of(f"{name}={value}")
                if plain is None:
                    variance += unknown
                    continue
                fact, contribution, own, twice_mean = plain
                variance += own * (1.0 - twice_mean)
            elif (curve := curve_of(name)) is not None:
                fact, per_unit, begin, last, weights, variances, contribution = curve
                position = value * per_unit
                if not -LARGEST_POSITION <= position <= LARGEST_POSITION:
                    position = LARGEST_POSITION if position > 0.0 else -LARGEST_POSITION
                position -= begin
                if 0.0 <= position < last:
                    knot = int(position)
                    share = position - knot
                    contribution = weights[knot]
                    contribution += share * (weights[knot + 1] - contribution)
                    own = variances[knot]
                    variance += own + share * (variances[knot + 1] - own)
                else:
                    variance += unknown
            elif (plain := plain_of(name)) is not None:
                fact, weight, own, twice_mean = plain
                contribution = weight * value
                if own:
                    held = value
                    if not -LARGEST_POSITION <= value <= LARGEST_POSITION:
                        held = LARGEST_POSITION if value > 0.0 else -LARGEST_POSITION
                    variance += own * held * (held - twice_mean)
            elif (scaled := scaled_of(name)) is not None:
                fact, weight, mean, inverse_deviation = scaled
                contribution = weight * max(-CLIP, min(CLIP, (value - mean) * inverse_deviation))
            else:
                if unknown and is_input(name):
                    variance += unknown
                continue
            if fact in contributions:
                contributions[fact] += contribution
            else:
                contributions[fact] = contribution
        for name, fact, centre in self._centred:
            if isinstance(x.get(name, ""), str):  # lacking after all: not what it is on average
                contributions[fact] = contributions.get(fact, 0.0) - centre
        return self._intercept, contributions, max(0.0, variance)
