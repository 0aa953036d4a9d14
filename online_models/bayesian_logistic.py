"""Online Bayesian logistic regression: what features share is told apart, so few labels suffice."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models import formats, laplace
from online_models.axes import inputs_of, knot_name
from online_models.calibration import SlopeCalibration
from online_models.observed_curves import ObservedCurve
from online_models.protocols import Features
from online_models.symmetric import packed, unpacked
from online_models.uncertainty import Uncertainty

SNAPSHOT_SCHEMA = 2
CHECKPOINT_SCHEMA = 2
LIBRARY = f"numpy {np.__version__.partition('.')[0]}"
INTERCEPT = ""
"""The intercept's name among the weights."""
INTERCEPT_VARIANCE = 10.0
SMALLEST_VARIANCE = 1e-12
"""Rounding may leave a little less than nothing of a variance."""

Array = NDArray[np.float64]


class BayesianLogisticRegression:
    r"""Logistic regression whose weights are one normal distribution, updated by each example.

    Weights start at zero with ``prior_variance``. An example with features :math:`x` moves them
    along :math:`\Sigma x` to the most probable log-odds given itself, and narrows the
    distribution there (the online Laplace approximation: Spiegelhalter and Lauritzen 1990,
    section 5; Opper and Winther 1998). Since :math:`\Sigma` is kept whole, features that come
    together share what is learned instead of each learning all of it, which gradient steps need
    many passes for: one pass comes close to what an offline fit finds.

    What comes out is calibrated (``online_models.calibration``). Text is a category. Counts
    (``count:…``) enter as they are; every other number as a curve: straight between knots, so that
    neither sense nor scale of a feature needs to be known.

    Parameters
    ----------
    prior_variance
        Of each weight before anything is learned of it: the smaller, the more is asked of data.
    memory
        Examples after which what was learned of a feature counts half, by its own examples:
        markets change. Infinity never forgets.
    max_together
        Inputs whose covariances are kept; further ones learn each on its own. Memory and an
        example's cost grow with the square of it.
    max_features
        Inputs beyond this many are ignored, so that ids in a text field cannot fill the memory.

    Examples
    --------
    >>> model = BayesianLogisticRegression()
    >>> for _ in range(50):
    ...     model.learn_one({"last": "form_fill:demo_request"}, True)
    ...     model.learn_one({"last": "page_view:careers"}, False)
    >>> model.predict_proba_one({"last": "form_fill:demo_request"}) > 0.8
    True
    >>> round(model.predict_proba_one({"last": "never seen"}), 1)
    0.5
    """

    def __init__(
        self,
        prior_variance: float = 0.3,
        memory: float = 10_000.0,
        max_together: int = 400,
        max_features: int = 20_000,
    ) -> None:
        self.prior_variance = prior_variance
        self.memory = memory
        self.max_together = max_together
        self.max_features = max_features
        self.positives = 0
        self.negatives = 0
        self.ignored_features = 0
        self._names: dict[str, int] = {INTERCEPT: 0}
        self._weights: Array = np.zeros(32)
        self._covariance: Array = np.zeros((32, 32))
        self._covariance[0, 0] = INTERCEPT_VARIANCE
        self._alone: dict[str, list[float]] = {}
        self._curves: dict[str, ObservedCurve] = {}
        self._calibration = SlopeCalibration()
        self._uncertainty = Uncertainty()

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        self.predict_then_learn_one(x, y, weight)

    def predict_then_learn_one(self, x: Features, y: bool, weight: float = 1.0) -> float:
        """Learn from one labelled vector; return what was predicted of it just before."""
        weight = min(weight, formats.LARGEST_WEIGHT)
        numbers, values, alone = self._place(x)
        size = len(self._names)
        self._forget(numbers)
        covariance = self._covariance[:size, :size]
        # Sums in a fixed order, not BLAS: a learner started anew, on whatever machine, has to come
        # to the same bits.
        towards = (covariance[numbers] * values[:, None]).sum(axis=0)
        variance = float((towards[numbers] * values).sum())
        log_odds = float((self._weights[numbers] * values).sum())
        self._uncertainty.learn_one(numbers, values, np.diagonal(covariance), variance)
        for row, value in alone:
            log_odds += row[0] * value
            variance += row[1] * value * value
        p = laplace.expit(self._calibration.applied(log_odds))
        self._calibration.learn_one(log_odds, y, weight)
        surprise, certainty = laplace.step(log_odds, variance, y, weight)
        self._weights[:size] += towards * surprise
        narrowed = towards * math.sqrt(certainty)
        covariance -= np.outer(narrowed, narrowed)
        for row, value in alone:
            step = row[1] * value
            row[0] += step * surprise
            row[1] -= step * step * certainty
        if y:
            self.positives += 1
        else:
            self.negatives += 1
        return p

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        log_odds = float(self._weights[0])
        for _, _, name, value in inputs_of(x):
            log_odds += self._weight(name) * value
        return laplace.expit(self._calibration.applied(log_odds))

    def widen(self, share: float = 0.5) -> None:
        r"""Doubt what was learned, so that it is soon learned anew where it no longer holds.

        With probability ``share`` all weights are as little known as at first. The weights become
        the one normal distribution that has the mean and covariance of both cases mixed:
        :math:`(1-s)\mu` and :math:`(1-s)\Sigma + s\Sigma_0 + s(1-s)\mu\mu^T` (collapsing a
        mixture: Bar-Shalom, Li and Kirubarajan 2001, section 1.4.16). So they become uncertain
        along what was learned most of all: that it has turned into its opposite costs little to
        find out. The intercept keeps its mean: how many convert is not forgotten.

        Raises
        ------
        ValueError
            If the share is not from 0 to 1.
        """
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"share is {share!r}: it must be from 0 to 1")
        size = len(self._names)
        learned = self._weights[:size].copy()
        learned[0] = 0.0
        prior = np.full(size, self.prior_variance)
        prior[0] = INTERCEPT_VARIANCE
        covariance = self._covariance[:size, :size]
        covariance *= 1.0 - share
        covariance += share * (1.0 - share) * np.outer(learned, learned)
        covariance[np.diag_indices(size)] += share * prior
        self._weights[1:size] *= 1.0 - share
        for row in self._alone.values():
            weight, variance = row
            apart = share * (1.0 - share) * weight * weight
            row[:] = (
                (1.0 - share) * weight,
                ((1.0 - share) * variance + share * self.prior_variance + apart),
            )
        self._calibration = SlopeCalibration()

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs.

        ``plain``: counts and categories -> weight. ``curves``: number -> [centre, first knot,
        weights at the knots]. A curve's centre is what it contributes on average where a number
        never lacks, and part of the intercept: reasons are told against the average lead.
        """
        slope = self._calibration.slope
        intercept = self._calibration.applied(float(self._weights[0]))
        on_axes = {name for curve in self._curves.values() for name in curve.sums}
        plain = {
            name: slope * weight
            for name in (*self._names, *self._alone)
            if name != INTERCEPT and name not in on_axes and (weight := self._weight(name))
        }
        curves: dict[str, list[Any]] = {}
        for feature, curve in self._curves.items():
            weights = {knot: slope * self._weight(name) for name, knot in curve.knots.items()}
            first, last = min(weights), max(weights)
            centre = 0.0
            if curve.seen == self.positives + self.negatives:
                total = math.fsum(weights[k] * curve.sums[name] for name, k in curve.knots.items())
                centre = total / curve.seen
            curves[feature] = [centre, first, [weights.get(k, 0.0) for k in range(first, last + 1)]]
            intercept += centre
        size = len(self._names)
        variances = np.diagonal(self._covariance)[:size]
        alone = {name: row[1] for name, row in self._alone.items()}
        knots = {feature: curve.knots for feature, curve in self._curves.items()}
        return {
            "schema": SNAPSHOT_SCHEMA,
            "library": LIBRARY,
            "positives": self.positives,
            "negatives": self.negatives,
            "intercept": intercept,
            "plain": plain,
            "curves": curves,
            "uncertainty": self._uncertainty.snapshot(
                self._names, variances, alone, knots, slope, self.prior_variance
            ),
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state; the covariance is its upper triangle, float64 in base64."""
        size = len(self._names)
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "positives": self.positives,
            "negatives": self.negatives,
            "ignored_features": self.ignored_features,
            "names": list(self._names),
            "weights": self._weights[:size].tolist(),
            "covariance": packed(self._covariance[:size, :size]),
            "calibration": self._calibration.checkpoint(),
            "uncertainty": self._uncertainty.checkpoint(size),
            "alone": {name: list(row) for name, row in self._alone.items()},
            "curves": {
                feature: [curve.seen, [[k, curve.sums[n]] for n, k in curve.knots.items()]]
                for feature, curve in self._curves.items()
            },
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "BayesianLogisticRegression":
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or library, or broken.
        """
        formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
        checked = formats.checked_bayesian(state)
        model = cls(**parameters)
        size = len(checked["names"])
        covariance = unpacked(checked["covariance"], size)
        model.positives, model.negatives = checked["positives"], checked["negatives"]
        model.ignored_features = checked["ignored_features"]
        model._names = {name: number for number, name in enumerate(checked["names"])}
        if (
            not len(model._names)
            == len(checked["weights"])
            == len(checked["uncertainty"][2])
            == size
            or checked["names"][0] != INTERCEPT
        ):
            raise formats.ModelFormatError("checkpoint is broken: names and weights do not agree")
        room = max(32, 1 << (size - 1).bit_length())
        model._weights, model._covariance = np.zeros(room), np.zeros((room, room))
        model._weights[:size] = checked["weights"]
        model._covariance[:size, :size] = covariance
        model._calibration.restore(checked["calibration"])
        model._uncertainty.restore(checked["uncertainty"])
        model._alone = {name: list(row) for name, row in checked["alone"].items()}
        for feature, (seen, knots) in checked["curves"].items():
            curve = model._curves[feature] = ObservedCurve(seen)
            for knot, total in knots:
                name = knot_name(feature, knot)
                if name not in model._names and name not in model._alone:
                    raise formats.ModelFormatError(
                        f"checkpoint is broken: curves: {name!r:.60} is not among the names"
                    )
                curve.knots[name], curve.sums[name] = knot, total
        return model

    def _place(self, x: Features) -> tuple[list[int], Array, list[tuple[list[float], float]]]:
        """Return numbers and values of the inputs learned together, and the rows of the others."""
        numbers, values, alone = [0], [1.0], []
        for feature, knot, name, value in inputs_of(x):
            number = self._names.get(name)
            row = self._alone.get(name) if number is None else None
            if number is None and row is None:
                if len(self._names) + len(self._alone) >= self.max_features:
                    self.ignored_features += 1
                    continue
                if len(self._names) < self.max_together:
                    number = self._add(name)
                else:
                    row = self._alone[name] = [0.0, self.prior_variance]
            if number is not None:
                numbers.append(number)
                values.append(value)
            elif row is not None:
                alone.append((row, value))
            if knot is not None:
                self._curves.setdefault(feature, ObservedCurve()).add(name, knot, value)
        for feature in x:
            if feature in self._curves:
                self._curves[feature].seen += 1
        return numbers, np.array(values), alone

    def _add(self, name: str) -> int:
        number = self._names[name] = len(self._names)
        if number >= len(self._weights):
            room = 2 * len(self._weights)
            weights, covariance = np.zeros(room), np.zeros((room, room))
            weights[:number] = self._weights
            covariance[:number, :number] = self._covariance
            self._weights, self._covariance = weights, covariance
        self._covariance[number, number] = self.prior_variance
        return number

    def _forget(self, at_hand: list[int]) -> None:
        """Let what is known of the features at hand fade a little, back to the prior at most."""
        if self.memory == math.inf:
            return
        numbers = np.array(at_hand)
        known = np.maximum(self._covariance[numbers, numbers], SMALLEST_VARIANCE)
        prior = np.where(numbers == 0, INTERCEPT_VARIANCE, self.prior_variance)
        grown = np.minimum(known * 2.0 ** (1.0 / self.memory), np.maximum(prior, known))
        factors = np.ones(len(self._weights))
        factors[numbers] = np.sqrt(grown / known)
        # Both triangles by the very same products: a checkpoint keeps one of them.
        rows = self._covariance[numbers] * np.outer(factors[numbers], factors)
        self._covariance[numbers] = rows
        self._covariance[:, numbers] = rows.T

    def _weight(self, name: str) -> float:
        number = self._names.get(name)
        if number is not None:
            return float(self._weights[number])
        row = self._alone.get(name)
        return 0.0 if row is None else row[0]
