"""Serving a linear model from its snapshot: log-odds and exact contributions, no River."""

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

    __slots__ = ("_intercept", "_numeric", "_plain", "model", "negatives", "positives", "version")

    def __init__(self, model: str, version: str, snapshot: dict[str, Any]) -> None:
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
        self._numeric = checked["numeric"]
        self._plain = checked["plain"]

    def explain_one(self, x: Features) -> tuple[float, dict[str, float]]:
        """Return the intercept and each known feature's contribution to the log-odds.

        For a linear model the contribution ``weight * standardised value`` is exact: together
        with the intercept they are the log-odds that the learner itself would give.
        """
        numeric, plain = self._numeric, self._plain
        contributions = {}
        for name, value in x.items():
            if isinstance(value, str):
                category = f"{name}={value}"
                weight = plain.get(category)
                if weight is not None:
                    contributions[category] = weight
                continue
            row = numeric.get(name)
            if row is not None:
                z = (value - row[1]) * row[2]
                contributions[name] = row[0] * max(-CLIP, min(CLIP, z))
                continue
            weight = plain.get(name)
            if weight is not None:
                contributions[name] = weight * value
        return self._intercept, contributions
