"""Drift: telling when a model's loss rises, or its scores or main features change."""

import math
from typing import Annotated, Any, Final, NamedTuple

import river
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models.axes import LARGEST_POSITION, category, is_count, position_of, unit_of
from online_models.formats import Count, Weight, check_origin, validated
from online_models.protocols import Features
from online_models.watched_series import Detector, Series, SeriesState, Size

CHECKPOINT_SCHEMA = 1
BURN_IN = 1_024
"""Examples before anything is watched: the model is learning, and features are being chosen."""
MAX_CANDIDATES = 1_000
"""Inputs from which features are chosen."""
MAX_FEATURES = 100
"""A monitor watches no more, whatever it is asked for or reads."""
SMALLEST_P = 0.01
"""The loss is taken as if no less had been said: else one example outweighs a block."""
LEAST_DEVIATION = 0.03
"""Of a feature: as if one example in a thousand had another value, though none had."""
LOSS: Final = "loss"
SCORE: Final = "score"

Input = tuple[str, str | None]
"""A number by its feature's name, or a category by its feature's name and its text."""


class Alert(NamedTuple):
    """A drift: of what (``loss``, ``score``, ``feature:…``), and the detector that told it."""

    what: str
    detector: Detector


def library() -> str:
    """Return the library and version that states are made with."""
    return f"river {river.__version__}"


def clipped_loss(y: bool, p: float) -> float:
    """Return the log loss in nats of a probability that is kept off 0 and 1.

    >>> round(clipped_loss(True, 0.5), 4), clipped_loss(True, 0.0) == clipped_loss(True, 0.01)
    (0.6931, True)
    """
    said = p if y else 1.0 - p
    return -math.log(min(1.0 - SMALLEST_P, max(SMALLEST_P, said)))


class DriftMonitor:
    """Watches a model that learns: its loss, its scores, and the features that say most.

    Loss alerts when it rises; what was learned no longer holds. Scores and features alert when
    their mean changes: other leads than before. That alone need not harm the model.

    Features are chosen once, after ``BURN_IN`` examples, by how they go with the label: at most
    one category of each text, one count of each kind of event. A number that lacks is taken as 0,
    so that one that comes no more, or more often than before, is seen as well.

    Parameters
    ----------
    max_features
        How many are watched, up to ``MAX_FEATURES``.

    Examples
    --------
    >>> from random import Random
    >>> rng, monitor, told = Random(1), DriftMonitor(), []
    >>> for n in range(6_000):
    ...     x = {"last": rng.choice(["demo", "careers"])}
    ...     p = 0.8 if x["last"] == "demo" else 0.2
    ...     y = (rng.random() < p) == (n < 5_000)  # the other way round from there on
    ...     told += [(alert.what, n // 100) for alert in monitor.update(y, p, x)]
    >>> told
    [('loss', 50)]
    """

    def __init__(self, max_features: int = 8) -> None:
        self.max_features = min(max_features, MAX_FEATURES)
        self._seen = 0
        self._positives = 0
        self._candidates: dict[Input, list[float]] = {}
        self._loss, self._score = Series(rise_only=True), Series()
        self._features: dict[Input, Series] = {}

    @property
    def watched(self) -> list[str]:
        """What is watched by now; of features, those first that go with the label most."""
        return [LOSS, SCORE, *map(_name, self._features)]

    def update(self, y: bool, p: float, x: Features) -> list[Alert]:
        """Take in an example, and what was said of it before its label; return what it shows."""
        self._seen += 1
        if self._seen <= BURN_IN:
            self._consider(y, x)
            if self._seen == BURN_IN:
                self._choose()
            return []
        alerts = []
        if found := self._loss.update(clipped_loss(y, p)):
            alerts.append(Alert(LOSS, found))
        if found := self._score.update(p):
            alerts.append(Alert(SCORE, found))
        for watched, series in self._features.items():
            if found := series.update(_value(watched, x)):
                alerts.append(Alert(_name(watched), found))
        return alerts

    def relearning(self) -> None:
        """Let the model learn anew undisturbed: its loss and scores get new baselines."""
        self._loss, self._score = Series(rise_only=True), Series()

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": library(),
            "seen": self._seen,
            "positives": self._positives,
            "candidates": [[*key, *sums] for key, sums in self._candidates.items()],
            "loss": self._loss.checkpoint(),
            "score": self._score.checkpoint(),
            "features": [[*key, series.checkpoint()] for key, series in self._features.items()],
        }

    @classmethod
    def restore(cls, state: dict[str, Any], max_features: int = 8) -> "DriftMonitor":
        """Rebuild a monitor from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or River version, or broken.
        """
        check_origin(state, CHECKPOINT_SCHEMA, library())
        checked: MonitorState = validated(_STATE, state, "drift monitor")
        monitor = cls(max_features)
        monitor._seen, monitor._positives = checked["seen"], checked["positives"]
        for feature, text, *sums in checked["candidates"]:
            monitor._candidates[feature, text] = list(sums)
        monitor._loss.restore(checked["loss"])
        monitor._score.restore(checked["score"])
        for feature, text, series in checked["features"]:
            monitor._features[feature, text] = _series_of_feature()
            monitor._features[feature, text].restore(series)
        return monitor

    def _consider(self, y: bool, x: Features) -> None:
        self._positives += y
        for feature, raw in x.items():
            key = (feature, raw) if isinstance(raw, str) else (feature, None)
            sums = self._candidates.get(key)
            if sums is None:
                if len(self._candidates) >= MAX_CANDIDATES or not _is_watchable(feature, raw):
                    continue
                sums = self._candidates[key] = [0.0, 0.0, 0.0]
            value = _value(key, x)
            sums[0] += value
            sums[1] += value * value
            sums[2] += value * y

    def _choose(self) -> None:
        """Choose the inputs with the largest correlations with the label, one of a fact."""
        share = self._positives / BURN_IN
        correlation: dict[Input, float] = {}
        for key, (total, squares, of_positives) in self._candidates.items():
            mean = total / BURN_IN
            variance = squares / BURN_IN - mean * mean
            if variance > LEAST_DEVIATION**2:
                together = of_positives / BURN_IN - mean * share
                correlation[key] = abs(together) / math.sqrt(variance)
        self._candidates = {}
        taken: set[str] = set()
        for key in sorted(correlation, key=lambda key: (-correlation[key], _name(key))):
            fact = _fact(key[0])
            if len(taken) < self.max_features and fact not in taken:
                taken.add(fact)
                self._features[key] = _series_of_feature()


def _series_of_feature() -> Series:
    return Series(least_deviation=LEAST_DEVIATION)


def _name(key: Input) -> str:
    feature, text = key
    return f"feature:{feature if text is None else category(feature, text)}"


def _fact(feature: str) -> str:
    """Return what a feature is about: a count is the same fact over whatever time it is taken."""
    return feature.partition(":")[2] if is_count(feature) else feature


def _is_watchable(feature: str, raw: float | str) -> bool:
    """Tell whether a feature is on an axis: numbers of any size have their logarithm beside."""
    return isinstance(raw, str) or is_count(feature) or position_of(feature, raw) is not None


def _value(key: Input, x: Features) -> float:
    feature, text = key
    raw = x.get(feature, 0.0)
    if text is not None:
        return 1.0 if raw == text else 0.0
    if isinstance(raw, str):
        return 0.0
    return max(-LARGEST_POSITION, min(LARGEST_POSITION, raw / unit_of(feature)))


Candidate = Annotated[tuple[str, str | None, Weight, Size, Weight], Field(strict=False)]
Watched = Annotated[tuple[str, str | None, SeriesState], Field(strict=False)]


@with_config(ConfigDict(strict=True, allow_inf_nan=False))
class MonitorState(TypedDict):
    """The whole state of a monitor."""

    seen: Count
    positives: Count
    candidates: Annotated[list[Candidate], Field(max_length=MAX_CANDIDATES)]
    loss: SeriesState
    score: SeriesState
    features: Annotated[list[Watched], Field(max_length=MAX_FEATURES)]


_STATE: TypeAdapter[MonitorState] = TypeAdapter(MonitorState)
