"""Serving a linear model from its snapshot: log-odds and exact contributions, no River."""

from collections.abc import Callable
from typing import Any

from online_models.formats import ModelSchemaError, checked_snapshot
from online_models.logistic import CLIP, SNAPSHOT_SCHEMA
from online_models.protocols import Features


class LinearScorer:
    """One version of a linear propensity model, as its snapshot has it.

    Parameters
    ----------
    model, version
        Its name and version, which scores carry.
    snapshot
        As made by ``OnlineLogisticRegression.snapshot``.
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
    (-1.0, {'age': 1.0, 'last=email_click': 0.25})
    """

    __slots__ = ("_intercept", "_weights", "model", "negatives", "positives", "version")

    def __init__(
        self,
        model: str,
        version: str,
        snapshot: dict[str, Any],
        fact_of: Callable[[str], str] = str,
    ) -> None:
        if snapshot.get("schema") != SNAPSHOT_SCHEMA:
            raise ModelSchemaError(
                f"snapshot {model}/{version} is of schema {snapshot.get('schema')!r:.40}, this "
                f"release reads {SNAPSHOT_SCHEMA}; the version in use stays"
            )
        checked = checked_snapshot(snapshot)
        self.model = model
        self.version = version
        self.positives = checked["positives"]
        self.negatives = checked["negatives"]
        self._intercept = checked["intercept"]
        self._weights: dict[str, tuple[str, float, float, float]] = {
            name: (fact_of(name), weight, 0.0, 0.0) for name, weight in checked["plain"].items()
        }
        for name, (weight, mean, inverse_deviation) in checked["numeric"].items():
            self._weights[name] = fact_of(name), weight, mean, inverse_deviation

    def explain_one(self, x: Features) -> tuple[float, dict[str, float]]:
        """Return the intercept and what each known fact contributes to the log-odds.

        For a linear model the contribution ``weight * standardised value`` is exact: together
        with the intercept they are the log-odds that the learner itself would give.
        """
        weight_of = self._weights.get
        contributions: dict[str, float] = {}
        for name, value in x.items():
            if isinstance(value, str):
                found = weight_of(f"{name}={value}")
                if found is not None:
                    contributions[found[0]] = contributions.get(found[0], 0.0) + found[1]
                continue
            found = weight_of(name)
            if found is None:
                continue
            fact, weight, mean, inverse_deviation = found
            if inverse_deviation:
                z = (value - mean) * inverse_deviation
                contribution = weight * max(-CLIP, min(CLIP, z))
            else:
                contribution = weight * value
            if fact in contributions:
                contributions[fact] += contribution
            else:
                contributions[fact] = contribution
        return self._intercept, contributions
