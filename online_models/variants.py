"""Logistic regression of other inputs: hashed ones, and pairs of facts."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from river.preprocessing import FeatureHasher

from online_models import bayesian_logistic, formats, logistic, variant_formats
from online_models.axes import inputs_of
from online_models.bayesian_logistic import BayesianLogisticRegression
from online_models.linear_scorer import LinearScorer
from online_models.logistic import OnlineLogisticRegression
from online_models.paired_facts import facts_in, information, pair_name, pairs_in
from online_models.protocols import Features, PropensityModel

HASHED_SCHEMA = 12
PAIRED_SCHEMA = 13
HASH_SEED = 0
_BUCKET = re.compile(r"count:\d{1,7}", re.ASCII)
MAX_COUNTED_FACTS = 2_000
"""Whose labels are counted, to find those that are paired."""


class _Variant(ABC):
    """A model behind a transformation of its features."""

    def __init__(self, model: PropensityModel) -> None:
        self._take(model)

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        self._model.learn_one(self._transformed(x), y, weight)
        self._take(self._model)

    def _take(self, model: PropensityModel) -> None:
        self._model = model
        self.positives, self.negatives = model.positives, model.negatives

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        return self._model.predict_proba_one(self._transformed(x))

    @abstractmethod
    def _transformed(self, x: Features) -> Features: ...

    def _head(self, schema: int, library: str) -> dict[str, Any]:
        counts = {"positives": self.positives, "negatives": self.negatives}
        return {"schema": schema, "library": library, **counts}


class HashedInputs:
    """Inputs by bucket: which of them share a weight is up to a hash, not to who came first.

    Weinberger et al. (2009), by River's ``FeatureHasher`` (MurmurHash3, the same in every
    process). Half of the inputs enter with the opposite sign, so that what shares a bucket does
    not pile up.

    Examples
    --------
    >>> [feature for feature, _, _ in HashedInputs(16).of({"last": "open", "count:open": 2.0})]
    ['last=open', 'count:open']
    """

    def __init__(self, buckets: int) -> None:
        self._hasher = FeatureHasher(n_features=buckets, seed=HASH_SEED)

    def of(self, x: Features) -> Iterator[tuple[str, int, float]]:
        """Yield feature (with its category, for text), bucket and signed value of each input."""
        for feature, knot, name, value in inputs_of(x):
            ((bucket, sign),) = self._hasher.transform_one({name: 1.0}).items()
            yield (name if knot is None else feature), bucket, sign * value


class HashedLogisticRegression(_Variant):
    """River's logistic regression over hashed inputs: bounded memory, whatever senders think of.

    Where features are kept by name, those that come after ``max_features`` are ignored for ever,
    even if the first ones never come again. Here each new one finds a weight, at the price of
    sharing it.

    Parameters
    ----------
    learning_rate
        AdaGrad's step.
    max_features
        Buckets, each with a weight.

    Examples
    --------
    >>> model = HashedLogisticRegression()
    >>> for _ in range(200):
    ...     model.learn_one({"last": "form_fill:demo_request"}, True)
    ...     model.learn_one({"last": "page_view:careers"}, False)
    >>> model.predict_proba_one({"last": "form_fill:demo_request"}) > 0.8
    True
    """

    _model: OnlineLogisticRegression

    def __init__(self, learning_rate: float = 0.1, max_features: int = 2**14) -> None:
        super().__init__(OnlineLogisticRegression(learning_rate, max_features=max_features))
        self._inputs = HashedInputs(max_features)

    def snapshot(self) -> dict[str, Any]:
        """Return how many buckets there are, and the weights of those in use."""
        inner = self._model.snapshot()
        return self._head(HASHED_SCHEMA, logistic.library()) | {
            "intercept": inner["intercept"],
            "buckets": self._model.max_features,
            "weights": [[int(n.removeprefix("count:")), w] for n, w in inner["plain"].items()],
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state: that of the regression over buckets."""
        return self._head(HASHED_SCHEMA, logistic.library()) | {
            "buckets": self._model.max_features,
            "model": self._model.checkpoint(),
        }

    @classmethod
    def restore(
        cls, state: dict[str, Any], learning_rate: float = 0.1
    ) -> "HashedLogisticRegression":
        """Rebuild a model from its checkpoint, with as many buckets as it had.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or River version, or broken.
        """
        formats.check_origin(state, HASHED_SCHEMA, logistic.library())
        checked: variant_formats.HashedCheckpoint = formats.validated(
            variant_formats.HASHED_CHECKPOINT, state, "checkpoint"
        )
        model = cls(learning_rate, checked["buckets"])
        inner = OnlineLogisticRegression.restore(
            checked["model"], learning_rate=learning_rate, max_features=checked["buckets"]
        )
        if not all(map(_BUCKET.fullmatch, checked["model"]["weights"])):
            raise formats.ModelFormatError("checkpoint is broken: model.weights: not of buckets")
        model._take(inner)
        return model

    def _transformed(self, x: Features) -> Features:
        hashed: dict[str, float] = {}
        for _, bucket, value in self._inputs.of(x):
            name = f"count:{bucket}"  # the regression takes counts as they are
            hashed[name] = hashed.get(name, 0.0) + value
        return hashed


class HashedScorer:
    """One version of a ``HashedLogisticRegression``, serving; made as ``LinearScorer`` is.

    It hashes the lead's features itself and keeps their names: each is told what its own value
    times the weight of its bucket is, so that shared buckets leave the sum exact.
    """

    def __init__(
        self,
        model: str,
        version: str,
        snapshot: dict[str, Any],
        fact_of: Callable[[str], str] = str,
    ) -> None:
        checked: variant_formats.HashedSnapshot = formats.validated(
            variant_formats.HASHED, snapshot, "snapshot"
        )
        self.model, self.version = model, version
        self.positives, self.negatives = checked["positives"], checked["negatives"]
        self._intercept = checked["intercept"]
        self._inputs = HashedInputs(checked["buckets"])
        self._weights = dict(checked["weights"])
        self._fact_of = fact_of

    def explain_one(self, x: Features) -> tuple[float, dict[str, float], float]:
        """Return the intercept, what each fact contributes to the log-odds, and 0."""
        contributions: dict[str, float] = {}
        for feature, bucket, value in self._inputs.of(x):
            if weight := self._weights.get(bucket):
                fact = self._fact_of(feature)
                contributions[fact] = contributions.get(fact, 0.0) + weight * value
        return self._intercept, contributions, 0.0


class PairedLogisticRegression(_Variant):
    """Bayesian logistic regression with weights for pairs of facts as well.

    A sum of facts cannot say that a pricing page means more after a demo. All pairs would be too
    many to learn from few labels, so only facts that tell something by themselves are paired
    (heredity: Chipman 1996): once, after ``choose_after`` examples, those that share most
    information with the label. A pair that comes and goes would never be learned.

    Parameters
    ----------
    max_facts, choose_after
        Facts that are paired, and examples before; pairs are at most half of facts' square.
    max_features
        As for ``BayesianLogisticRegression``.
    """

    _model: BayesianLogisticRegression

    def __init__(
        self, max_facts: int = 12, choose_after: int = 1_000, max_features: int = 20_000
    ) -> None:
        super().__init__(BayesianLogisticRegression(max_features=max_features))
        self.max_facts = max_facts
        self.choose_after = choose_after
        self._max_counted = min(MAX_COUNTED_FACTS, max_features)
        self._counts: dict[str, list[float]] = {}
        self._labels = [0.0, 0.0]
        self._paired: list[str] = []

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        if self.positives + self.negatives < self.choose_after:
            self._count(x, y, min(weight, formats.LARGEST_WEIGHT))
        super().learn_one(x, y, weight)

    def snapshot(self) -> dict[str, Any]:
        """Return the paired facts and the snapshot of the model that knows their pairs."""
        head = self._head(PAIRED_SCHEMA, bayesian_logistic.LIBRARY)
        return head | {"paired": self._paired, "model": self._model.snapshot()}

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return self._head(PAIRED_SCHEMA, bayesian_logistic.LIBRARY) | {
            "paired": list(self._paired),
            "labels": list(self._labels),
            "counts": {fact: list(counts) for fact, counts in self._counts.items()},
            "model": self._model.checkpoint(),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "PairedLogisticRegression":
        """Rebuild a model from its checkpoint; raises as ``HashedLogisticRegression`` does."""
        formats.check_origin(state, PAIRED_SCHEMA, bayesian_logistic.LIBRARY)
        checked: variant_formats.PairedCheckpoint = formats.validated(
            variant_formats.PAIRED_CHECKPOINT, state, "checkpoint"
        )
        model = cls(**parameters)
        inner = BayesianLogisticRegression.restore(
            checked["model"], max_features=model._model.max_features
        )
        model._take(inner)
        model._paired, model._labels = list(checked["paired"]), list(checked["labels"])
        model._counts = {fact: list(counts) for fact, counts in checked["counts"].items()}
        return model

    def _transformed(self, x: Features) -> Features:
        return {**x, **pairs_in(x, self._paired)} if self._paired else x

    def _count(self, x: Features, y: bool, weight: float) -> None:
        self._labels[y] += weight
        for fact in facts_in(x):
            if fact in self._counts or len(self._counts) < self._max_counted:
                self._counts.setdefault(fact, [0.0, 0.0])[y] += weight
        if self.positives + self.negatives + 1 == self.choose_after:
            told = {
                fact: information(counts, self._labels) for fact, counts in self._counts.items()
            }
            best = sorted(told, key=lambda fact: (-told[fact], fact))[: self.max_facts]
            self._paired = [fact for fact in best if told[fact] > 0.0]
            self._counts.clear()


class PairedScorer:
    """One version of a ``PairedLogisticRegression``, serving; made as ``LinearScorer`` is.

    A pair is told under the names of both of its facts: ``stage=demo x count:open``.
    """

    def __init__(
        self,
        model: str,
        version: str,
        snapshot: dict[str, Any],
        fact_of: Callable[[str], str] = str,
    ) -> None:
        checked: variant_formats.PairedSnapshot = formats.validated(
            variant_formats.PAIRED, snapshot, "snapshot"
        )
        self._paired = checked["paired"]
        told = {
            pair_name(one, other): f"{fact_of(one)} x {fact_of(other)}"
            for one, other in combinations(self._paired, 2)
        }
        self._scorer = LinearScorer(
            model, version, checked["model"], lambda name: told.get(name) or fact_of(name)
        )
        self.model, self.version = model, version
        self.positives, self.negatives = self._scorer.positives, self._scorer.negatives

    def explain_one(self, x: Features) -> tuple[float, dict[str, float], float]:
        """Return the intercept, what each fact and pair contributes to the log-odds, and 0."""
        return self._scorer.explain_one({**x, **pairs_in(x, self._paired)})
