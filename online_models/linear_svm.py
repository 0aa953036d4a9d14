"""An online linear support vector machine whose margins become probabilities."""

from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from river import linear_model, optim
from typing_extensions import TypedDict

from online_models import logistic
from online_models.formats import LARGEST_WEIGHT, check_origin, validated
from online_models.laplace import expit
from online_models.linear_scorer import LinearScorer
from online_models.logistic import OnlineLogisticRegression, library
from online_models.platt import PlattScaling, PlattState
from online_models.protocols import Features

SNAPSHOT_SCHEMA = 34
CHECKPOINT_SCHEMA = 34


@with_config(ConfigDict(strict=True))
class LinearSvmCheckpoint(TypedDict):
    """The whole state; the machine's own is checked where it is restored."""

    machine: dict[str, Any]
    calibration: PlattState


_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(LinearSvmCheckpoint)


class LinearSvm:
    """A linear model that learns by hinge loss: only from leads on the wrong side of the margin.

    Stochastic subgradient descent of the support vector machine's objective (Shalev-Shwartz et
    al. 2011, "Pegasos", with AdaGrad's steps in place of theirs), behind the scaler and categories
    of ``OnlineLogisticRegression``. A margin is no log-odds: Platt's scaling makes it one, and
    since that is linear as well, reasons stay exact.

    Parameters
    ----------
    learning_rate
        AdaGrad's step.
    l2
        Ridge penalty per example: the machine prefers a wide margin.
    max_features
        Features beyond this many are ignored.

    Examples
    --------
    >>> model = LinearSvm()
    >>> for _ in range(200):
    ...     model.learn_one({"last": "form_fill:demo_request"}, True)
    ...     model.learn_one({"last": "page_view:careers"}, False)
    >>> model.predict_proba_one({"last": "form_fill:demo_request"}) > 0.8
    True
    """

    def __init__(
        self, learning_rate: float = 0.1, l2: float = 1e-4, max_features: int = 20_000
    ) -> None:
        self.positives = 0
        self.negatives = 0
        optimizer = optim.AdaGrad(learning_rate)
        self._machine = OnlineLogisticRegression(
            max_features=max_features,
            regression=linear_model.LogisticRegression(optimizer, optim.losses.Hinge(), l2=l2),
        )
        self._calibration = PlattScaling()

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        margin = self._machine.margin(x)
        self._calibration.learn_one(margin, y, min(weight, LARGEST_WEIGHT))
        self._machine.learn_one(x, y, weight)
        self._count()

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        return expit(self._calibration.applied(self._machine.margin(x)))

    def snapshot(self) -> dict[str, Any]:
        """Return what ``OnlineLogisticRegression`` does, the calibration folded into weights."""
        machine, slope = self._machine.snapshot(), self._calibration.slope
        return machine | {
            "schema": SNAPSHOT_SCHEMA,
            "intercept": self._calibration.applied(machine["intercept"]),
            "numeric": {name: [slope * w, *z] for name, (w, *z) in machine["numeric"].items()},
            "plain": {name: slope * weight for name, weight in machine["plain"].items()},
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": library(),
            "positives": self.positives,
            "negatives": self.negatives,
            "machine": self._machine.checkpoint(),
            "calibration": self._calibration.checkpoint(),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "LinearSvm":
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or River version, or broken.
        """
        check_origin(state, CHECKPOINT_SCHEMA, library())
        checked: LinearSvmCheckpoint = validated(_CHECKPOINT, state, "checkpoint")
        model = cls(**parameters)
        fresh = model._machine
        model._machine = OnlineLogisticRegression.restore(
            checked["machine"], max_features=fresh.max_features, regression=fresh._regression
        )
        model._calibration.restore(checked["calibration"])
        model._count()
        return model

    def _count(self) -> None:
        self.positives, self.negatives = self._machine.positives, self._machine.negatives


def scorer(
    model: str, version: str, snapshot: dict[str, Any], fact_of: Callable[[str], str] = str
) -> LinearScorer:
    """Return what serves a snapshot: in all but its number it is a logistic regression's.

    Raises
    ------
    ModelFormatError
        If the snapshot is broken.
    """
    return LinearScorer(model, version, snapshot | {"schema": logistic.SNAPSHOT_SCHEMA}, fact_of)
