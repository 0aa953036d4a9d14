"""Online logistic regression over numbers and text: scaler, one-hot, AdaGrad."""

import math
from typing import Any

import river
from river import linear_model, optim, preprocessing

from online_models.axes import category, is_count
from online_models.formats import LARGEST, LARGEST_WEIGHT, check_origin, checked_checkpoint
from online_models.protocols import Features

__all__ = [
    "CHECKPOINT_SCHEMA",
    "CLIP",
    "LARGEST",
    "SNAPSHOT_SCHEMA",
    "OnlineLogisticRegression",
    "library",
]

SNAPSHOT_SCHEMA = 1
CHECKPOINT_SCHEMA = 1
CLIP = 5.0
"""Standardised values are kept within this many standard deviations."""


def library() -> str:
    """Return the library and version that states are made with."""
    return f"river {river.__version__}"


def _finite(value: float) -> float:
    return max(-LARGEST, min(LARGEST, value))


class OnlineLogisticRegression:
    """River's logistic regression behind its scaler, with text as one-hot categories.

    Parameters
    ----------
    learning_rate
        AdaGrad's step (Duchi, Hazan and Singer 2011).
    l2
        Ridge penalty per example.
    max_features
        Features beyond this many are ignored, so that ids in a text field cannot fill the memory.
    regression
        River's, with an optimizer and a loss of its own, in place of ``learning_rate`` and ``l2``.

    Examples
    --------
    >>> model = OnlineLogisticRegression()
    >>> for _ in range(200):
    ...     model.learn_one({"last": "form_fill:demo_request"}, True)
    ...     model.learn_one({"last": "page_view:careers"}, False)
    >>> model.predict_proba_one({"last": "form_fill:demo_request"}) > 0.8
    True
    >>> round(model.predict_proba_one({"last": "never seen"}), 1)
    0.5
    """

    def __init__(
        self,
        learning_rate: float = 0.1,
        l2: float = 0.0,
        max_features: int = 20_000,
        regression: linear_model.LogisticRegression | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.l2 = l2
        self.max_features = max_features
        self.positives = 0
        self.negatives = 0
        self.ignored_features = 0
        self._scaler = preprocessing.StandardScaler()
        self._regression = regression or linear_model.LogisticRegression(
            optimizer=optim.AdaGrad(learning_rate), l2=l2
        )

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        means = self._scaler.means
        room = self.max_features - len(means)
        numeric = {}
        for name, value in x.items():
            if isinstance(value, str) or is_count(name):
                continue
            if name not in means:
                if room <= 0:
                    continue
                room -= 1
            numeric[name] = _finite(value)
        self._scaler.learn_one(numeric)
        z = self._transform(x)
        known = self._regression._weights  # `weights` copies them all
        if len(known) + len(z) > self.max_features:
            kept = {k: v for k, v in z.items() if k in known}
            self.ignored_features += len(z) - len(kept)
            z = kept
        self._regression.learn_one(z, y, w=min(weight, LARGEST_WEIGHT))
        if y:
            self.positives += 1
        else:
            self.negatives += 1

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        return float(self._regression.predict_proba_one(self._transform(x)).get(True, 0.5))

    def margin(self, x: Features) -> float:
        """Return the weighted sum: the log-odds, where the loss is logistic."""
        return float(self._regression._raw_dot_one(self._transform(x)))

    def widen(self, share: float = 0.9) -> None:
        """Doubt what was learned, so that it is soon learned anew where it no longer holds.

        Weights shrink by that share; so do AdaGrad's sums, which makes steps longer. At 1 all but
        the scaling and the intercept (how many convert) is learned anew.

        Raises
        ------
        ValueError
            If the share is not from 0 to 1.
        """
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"share is {share!r}: it must be from 0 to 1")
        weights, squares = self._regression._weights, self._squares()
        for name in list(weights):
            weights[name] *= 1.0 - share
        for name in squares:
            squares[name] *= 1.0 - share

    def snapshot(self) -> dict[str, Any]:
        """Return weights with the scaling they stand for; zero weights are left out.

        ``numeric``: name -> [weight, mean, 1 / standard deviation]; ``plain``: log counts
        and categories -> weight.
        """
        numeric, plain = {}, {}
        means, variances = self._scaler.means, self._scaler.vars
        for name, weight in self._regression.weights.items():
            if not weight:
                continue
            if name in means:
                deviation = math.sqrt(variances[name])
                if deviation:
                    numeric[name] = [weight, means[name], 1.0 / deviation]
            else:
                plain[name] = weight
        return {
            "schema": SNAPSHOT_SCHEMA,
            "library": library(),
            "positives": self.positives,
            "negatives": self.negatives,
            "intercept": float(self._regression.intercept),
            "numeric": numeric,
            "plain": plain,
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state: counts, scaler, weights, intercept and AdaGrad's sums."""
        optimizer = self._regression.optimizer
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": library(),
            "positives": self.positives,
            "negatives": self.negatives,
            "ignored_features": self.ignored_features,
            "means": dict(self._scaler.means),
            "vars": dict(self._scaler.vars),
            "counts": dict(self._scaler.counts),
            "weights": dict(self._regression.weights),
            "intercept": float(self._regression.intercept),
            "squares": {k: float(v) for k, v in self._squares().items()},
            "iterations": optimizer.n_iterations,
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "OnlineLogisticRegression":
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or River version, or broken.
        """
        check_origin(state, CHECKPOINT_SCHEMA, library())
        checked = checked_checkpoint(state)
        model = cls(**parameters)
        model.positives, model.negatives = checked["positives"], checked["negatives"]
        model.ignored_features = checked["ignored_features"]
        scaler, regression = model._scaler, model._regression
        scaler.means.update(checked["means"])
        scaler.vars.update(checked["vars"])
        scaler.counts.update(checked["counts"])
        regression.intercept = checked["intercept"]
        regression._weights.update(checked["weights"])
        model._squares().update(checked["squares"])
        regression.optimizer.n_iterations = checked["iterations"]
        return model

    def _squares(self) -> dict[str, float]:
        """Return AdaGrad's sums; other optimizers have none."""
        squares: dict[str, float] = getattr(self._regression.optimizer, "g2", {})
        return squares

    def _transform(self, x: Features) -> dict[str, float]:
        z: dict[str, float] = {}
        numeric: dict[str, float] = {}
        known = self._scaler.means  # River's scaler would keep a row for each unknown one
        for name, value in x.items():
            if isinstance(value, str):
                z[category(name, value)] = 1.0
            elif is_count(name):
                z[name] = _finite(value)
            elif name in known:
                numeric[name] = _finite(value)
        for name, value in self._scaler.transform_one(numeric).items():
            z[name] = max(-CLIP, min(CLIP, value))
        return z
