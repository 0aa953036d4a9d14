"""Reasons of a model that is no sum: what each fact adds, on the way from the average lead."""

from collections.abc import Callable, Mapping
from typing import Protocol

from online_models.average_lead import TEXT_SUFFIX, AverageLead
from online_models.axes import category
from online_models.protocols import Features


class Predictor(Protocol):
    """A model that tells the log-odds of inputs."""

    positives: int
    negatives: int
    leads: AverageLead

    def log_odds(self, inputs: dict[str, float]) -> float:
        """Return the log-odds."""
        ...


class PermutedReasons:
    r"""One version of any model, with Shapley values of its log-odds as reasons.

    Facts of the average lead are replaced by this lead's, one after the other; a fact contributes
    what its replacement changes. The Shapley value is the mean of that over all orders (Štrumbelj
    and Kononenko 2014); here over one order, by name, and its reverse. Such an antithetic pair
    cancels what two facts do together exactly, and halves the error of two independent orders or
    better (Mitchell, Cooper, Frank and Holmes 2022, section 4.1). Whatever the order, contributions
    and the average lead's log-odds sum to this lead's: every way starts and ends there.

    A fact whose values are the average lead's contributes nothing; :math:`2n - 1` predictions tell
    the other :math:`n`.

    Parameters
    ----------
    model, version
        Its name and version, which scores carry.
    predictor
        The model, with the average lead that it has met.
    fact_of
        Feature -> the name that its contribution is counted under: all features of a fact are
        replaced together.

    Examples
    --------
    >>> class Product:
    ...     positives, negatives, leads = 1, 1, AverageLead(max_features=9)
    ...     def log_odds(self, inputs):
    ...         return inputs["a"] * inputs["b"] + inputs["c"]
    >>> product = Product()
    >>> product.leads.learn_one({"a": 0.0, "b": 0.0, "c": 1.0})
    >>> PermutedReasons("p_convert", "7", product).explain_one({"a": 2.0, "b": 3.0, "c": 5.0})
    (1.0, {'a': 3.0, 'b': 3.0, 'c': 4.0}, 0.0)
    """

    __slots__ = (
        *("_average", "_fact_of", "_intercept", "_inputs", "_log_odds", "_texts"),
        *("model", "negatives", "positives", "version"),
    )

    def __init__(
        self,
        model: str,
        version: str,
        predictor: Predictor,
        fact_of: Callable[[str], str] = str,
    ) -> None:
        self.model = model
        self.version = version
        self.positives, self.negatives = predictor.positives, predictor.negatives
        average = predictor.leads.average()
        self._inputs = predictor.leads.inputs
        self._log_odds = predictor.log_odds
        self._fact_of = fact_of
        self._texts = {name: v for name, v in average.items() if isinstance(v, str)}
        self._average = self._inputs(average)
        self._intercept = self._log_odds(self._average)

    def explain_one(self, x: Features) -> tuple[float, Mapping[str, float], float]:
        """Return the average lead's log-odds, what each fact adds to them, and no variance."""
        inputs = self._inputs(x)
        changes: dict[str, dict[str, float | None]] = {}
        for name in self._average | inputs:
            if inputs.get(name) != self._average.get(name):
                changes.setdefault(self._fact(name, x), {})[name] = inputs.get(name)
        order = sorted(changes)
        if not order:
            return self._intercept, {}, 0.0
        log_odds = self._log_odds(inputs)
        contributions = dict.fromkeys(order, 0.0)
        for way in (order, order[::-1]):
            lead, before = dict(self._average), self._intercept
            for fact in way[:-1]:
                _replace(lead, changes[fact])
                after = self._log_odds(lead)
                contributions[fact] += (after - before) / 2.0
                before = after
            contributions[way[-1]] += (log_odds - before) / 2.0
        return self._intercept, contributions, 0.0

    def _fact(self, name: str, x: Features) -> str:
        if not name.endswith(TEXT_SUFFIX):
            return self._fact_of(name)
        feature = name.removesuffix(TEXT_SUFFIX)
        value = x.get(feature)
        if not isinstance(value, str):
            value = self._texts[feature]  # what the average lead has, and this one lacks
        return self._fact_of(category(feature, value))


def _replace(lead: dict[str, float], values: Mapping[str, float | None]) -> None:
    for name, value in values.items():
        if value is None:
            lead.pop(name, None)
        else:
            lead[name] = value
