"""One version of deal values, serving: what a lead's deal will be worth if it is won."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.deal_inputs import beside, bounded
from online_models.protocols import Features

SCHEMA = 1
LIBRARY = "leadstream deal value"
LARGEST_MINOR = 1e15
"""No deal is worth more: its square is a number that float64 tells from its neighbours."""
LARGEST_LOG = 1e6
"""Weights are no larger, whatever is stored: their sums stay numbers."""
INTERVAL = 0.8
"""Share of deals that come to lie within the interval."""

Minor = Annotated[float, Field(gt=0.0, le=LARGEST_MINOR)]
LogWeight = Annotated[float, Field(ge=-LARGEST_LOG, le=LARGEST_LOG)]


@with_config(formats.STRICT)
class DealValueSnapshot(TypedDict):
    """What predicting needs."""

    schema: int
    library: str
    deals: formats.Count
    trust: Annotated[float, Field(ge=0.0, le=1.0)]
    mean_minor: Minor
    intercept: LogWeight
    correction: LogWeight
    quantiles: Annotated[list[LogWeight], Field(min_length=3, max_length=3)]
    numbers: dict[str, Annotated[list[LogWeight], Field(min_length=2, max_length=2)]]
    plain: dict[str, LogWeight]
    least_minor: Minor
    largest_minor: Minor


_SNAPSHOT: TypeAdapter[Any] = TypeAdapter(DealValueSnapshot)


class DealForecast(NamedTuple):
    """What a deal will be worth if it is won, in minor units.

    Parameters
    ----------
    expected_minor
        The mean: times the probability that the lead converts, what the lead is expected to bring.
    median_minor
        Half of such deals are worth more: what to say of a single one.
    low_minor, high_minor
        Of ten such deals eight lie between.
    """

    expected_minor: float
    median_minor: float
    low_minor: float
    high_minor: float


class PredictsDealValue(Protocol):
    """What tells what a lead's deal will be worth if it is won."""

    def predict_one(self, x: Features) -> DealForecast | None:
        """Return the forecast; None while too few deals are known."""
        ...


class ServedDealValue(NamedTuple):
    """A sum of what features add to the logarithm of a deal's value, and how deals lie about it.

    Parameters
    ----------
    deals
        How many it was learned from.
    trust
        Share of the features' say against that of the mean of all deals, from 0 to 1.
    mean_minor
        Mean value of all deals.
    intercept
        Logarithm of the value (minor units) of a lead with every number at its mean, and no count
        or category.
    correction
        Added to the logarithm for the mean of values, which lies above what their mean logarithm
        says.
    quantiles
        Added to it for the interval's lower end, the median, and the upper end.
    numbers
        Number -> its mean, and what one unit beside that adds.
    plain
        Count or ``feature=text`` -> what one of it adds.
    least_minor, largest_minor
        Of the values seen: no forecast lies outside.

    Examples
    --------
    >>> served = ServedDealValue(
    ...     deals=40, trust=0.9, mean_minor=3e5, intercept=12.0, correction=0.5,
    ...     quantiles=(-1.0, 0.1, 1.2), numbers={"attribute_log:size": (5.0, 0.4)},
    ...     plain={"stage=demo": 0.7}, least_minor=1e4, largest_minor=1e8)
    >>> [round(minor) for minor in served.predict_one({"attribute_log:size": 5.5, "stage": "demo"})]
    [624003, 442413, 147267, 1329083]
    """

    deals: int
    trust: float
    mean_minor: float
    intercept: float
    correction: float
    quantiles: tuple[float, float, float]
    numbers: Mapping[str, tuple[float, float]]
    plain: Mapping[str, float]
    least_minor: float
    largest_minor: float

    def predict_one(self, x: Features) -> DealForecast:
        """Return what the deal will be worth if it is won."""
        log_value = self.log_value(x)
        low, median, high = (self._minor(log_value + of) for of in self.quantiles)
        by_features = self._minor(log_value + self.correction)
        expected = self.trust * by_features + (1.0 - self.trust) * self.mean_minor
        return DealForecast(expected, median, low, high)

    def log_value(self, x: Features) -> float:
        """Return the mean logarithm of the value in minor units, within that of values seen."""
        number_of, plain_of = self.numbers.get, self.plain.get
        total = self.intercept
        for name, value in x.items():
            if isinstance(value, str):
                total += plain_of(f"{name}={value}", 0.0)
            elif (row := number_of(name)) is not None:
                mean, weight = row
                total += weight * beside(bounded(name, value), mean)
            elif (weight := plain_of(name, 0.0)) != 0.0:
                total += weight * bounded(name, value)
        return max(math.log(self.least_minor), min(math.log(self.largest_minor), total))

    def _minor(self, log_value: float) -> float:
        # Compared as logarithms: a power of a large one would be no number.
        if log_value >= math.log(self.largest_minor):
            return self.largest_minor
        return max(self.least_minor, math.exp(log_value))

    def snapshot(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            **self._asdict(),
            "quantiles": list(self.quantiles),
            "numbers": {name: list(row) for name, row in self.numbers.items()},
            "plain": dict(self.plain),
        }

    @classmethod
    def restore(cls, snapshot: Mapping[str, Any]) -> "ServedDealValue":
        """Rebuild it.

        Raises
        ------
        ModelFormatError
            If the snapshot is of another schema, or broken.
        """
        if isinstance(snapshot, Mapping):
            formats.check_origin(snapshot, SCHEMA, LIBRARY)
        state: DealValueSnapshot = formats.validated(_SNAPSHOT, snapshot, "deal value")
        low, median, high = state["quantiles"]
        least_minor, largest_minor = state["least_minor"], state["largest_minor"]
        if not (low <= median <= high and least_minor <= state["mean_minor"] <= largest_minor):
            raise formats.ModelFormatError(
                "deal value is broken: quantiles, or the mean and the ends of values seen, are "
                "not in order; the former one stays in use"
            )
        return cls(
            deals=state["deals"],
            trust=state["trust"],
            mean_minor=state["mean_minor"],
            intercept=state["intercept"],
            correction=state["correction"],
            quantiles=(low, median, high),
            numbers={name: (mean, weight) for name, (mean, weight) in state["numbers"].items()},
            plain=state["plain"],
            least_minor=least_minor,
            largest_minor=largest_minor,
        )
