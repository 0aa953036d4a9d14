"""What a lead's deal will be worth if it is won, learned online from the deals that were won."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import Field, TypeAdapter, with_config
from river.linear_model import BayesianLinearRegression
from typing_extensions import TypedDict

from online_models import formats
from online_models.deal_errors import DealErrors, DealErrorsState
from online_models.deal_inputs import DealInputs, DealInputsState
from online_models.logistic import library
from online_models.protocols import Features
from online_models.served_deal_value import (
    INTERVAL,
    LARGEST_MINOR,
    LIBRARY,
    DealForecast,
    ServedDealValue,
)
from online_models.stored_regression import RegressionState, restored, stored

CHECKPOINT_SCHEMA = 1
FEWEST_DEALS = 20
"""Where logarithms deviate by 1, the mean of so many has a standard error of a quarter."""
PRIOR_PRECISIONS = (20.0, 200.0)
"""Of the weights, in precisions of the noise: one for features that say much, one for little."""
ROUNDING = 1e-9
"""By so large a share a mean of values may seem to lie beside all of them."""
_OF_CORRECTION: Final = ("foretold_minor", "came_minor", "foretold_deals")

_Seen = Annotated[float, Field(ge=0.0, le=LARGEST_MINOR)]


@with_config(formats.STRICT)
class DealValueState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    deals: formats.Count
    known: formats.NotNegative
    level: Annotated[float, Field(ge=-100.0, le=100.0)]
    mean_minor: _Seen
    least_minor: _Seen
    largest_minor: _Seen
    ignored_features: formats.Count
    inputs: DealInputsState
    errors: DealErrorsState
    regressions: list[RegressionState]


_STATE: TypeAdapter[Any] = TypeAdapter(DealValueState)


class DealValueModel:
    """Regression of deals' values on leads' features, for few deals with a heavy tail.

    The logarithm of a value is the mean of all deals' and what River's Bayesian linear regression
    adds, at two strengths of its prior. Mean and regressions are mixed by how well each has
    foretold deals before these were learned (``online_models.deal_errors``): so features that
    say nothing leave the mean. The mean forgets old deals, weights of features do not.

    It learns from won leads only: the value is that of a deal given that it is won. It knows of no
    currency: hand it values of one.

    Parameters
    ----------
    max_features
        Inputs beyond this many are ignored and counted. Memory and the cost of a vector grow with
        the square of it: 0.5 MB for 127, the checkpoint 0.4 MB.
    memory_deals
        Deals after which the mean, and how well each has foretold, count half: prices change.
        Infinity never forgets.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> model = DealValueModel()
    >>> for n in range(200):
    ...     model.learn_one([{"attribute:plan": "team"}], value_minor=90_000 + 1_000 * (n % 21))
    ...     model.learn_one([{"attribute:plan": "single"}], value_minor=9_000 + 100 * (n % 21))
    >>> [round(minor, -3) for minor in model.predict_one({"attribute:plan": "team"})]
    [99000.0, 89000.0, 74000.0, 110000.0]
    """

    def __init__(self, max_features: int = 127, memory_deals: float = 1_000.0) -> None:
        if max_features < 1:
            raise ValueError(f"max_features is {max_features!r}: it must be 1 or more")
        if not memory_deals > 0.0:
            raise ValueError(f"memory_deals is {memory_deals!r}: it must be above 0")
        self.deals = 0
        self._kept_share = 2.0 ** (-1.0 / memory_deals)
        self._known = 0.0
        self._level = self._mean_minor = 0.0
        self._least_minor = self._largest_minor = 0.0
        self._inputs = DealInputs(max_features)
        self._errors = DealErrors(1 + len(PRIOR_PRECISIONS), self._kept_share)
        self._regressions = [BayesianLinearRegression(alpha=of) for of in PRIOR_PRECISIONS]
        self._served: ServedDealValue | None = None

    @property
    def ignored_features(self) -> int:
        """How often an input was ignored because there was no room for it."""
        return self._inputs.ignored

    def learn_one(self, vectors: Sequence[Features], value_minor: float) -> None:
        """Learn what a lead's deal was worth, when it is won.

        Parameters
        ----------
        vectors
            What was kept of the lead while that was not known, one or more; they are not changed.
            All of them together weigh as much as those of any other deal.
        value_minor
            The deal's value in minor units, always of the same currency.

        Raises
        ------
        ValueError
            If a number is out of its range, or there is no vector. Nothing is changed then.
        """
        _check(vectors, value_minor)
        log_value = math.log(value_minor)
        if self.deals:
            self._errors.compare([self._off_by(x, log_value) for x in vectors])
        served = self.served()
        # Of one vector, the first, the second … by turns: each deal is one example.
        foretold = served.log_value(vectors[self.deals % len(vectors)]) if served else 0.0
        self._errors.note(log_value - foretold, math.exp(foretold), value_minor)
        self._add(vectors, log_value)
        self._mean_minor += (value_minor - self._mean_minor) / self._known
        self._least_minor = min(self._least_minor or value_minor, value_minor)
        self._largest_minor = max(self._largest_minor, value_minor)
        if self.deals == FEWEST_DEALS:
            self._errors.rebase(self._level)

    def predict_one(self, x: Features) -> DealForecast | None:
        """Return what a lead's deal will be worth if it is won.

        None while fewer than 20 deals are known: where logarithms deviate by 1, the mean of so
        many has a standard error of a quarter already.
        """
        served = self.served()
        return None if served is None else served.predict_one(x)

    def served(self) -> ServedDealValue | None:
        """Return what serves; None while fewer than 20 deals are known."""
        if self._served is None and self.deals >= FEWEST_DEALS:
            self._served = self._build()
        return self._served

    def snapshot(self) -> dict[str, Any] | None:
        """Return what ``ServedDealValue`` needs; None while fewer than 20 deals are known."""
        served = self.served()
        return None if served is None else served.snapshot()

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": f"{LIBRARY} on {library()}",
            "deals": self.deals,
            "known": self._known,
            "level": self._level,
            "mean_minor": self._mean_minor,
            "least_minor": self._least_minor,
            "largest_minor": self._largest_minor,
            "ignored_features": self._inputs.ignored,
            "inputs": self._inputs.checkpoint(),
            "errors": self._errors.checkpoint(),
            "regressions": [stored(regression) for regression in self._regressions],
        }

    @classmethod
    def restore(cls, checkpoint: Mapping[str, Any], **parameters: Any) -> Self:
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or River version, broken, or has more features
            than may be.
        """
        if isinstance(checkpoint, Mapping):
            formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, f"{LIBRARY} on {library()}")
        state: DealValueState = formats.validated(_STATE, checkpoint, "checkpoint")
        model = cls(**parameters)
        model._inputs.restore(state["inputs"])
        model._inputs.ignored = state["ignored_features"]
        names = set(model._inputs.names)
        if len(names) > model._inputs.max_features:
            raise formats.ModelFormatError(
                f"checkpoint has {len(names)} features, max_features is "
                f"{model._inputs.max_features}: raise it"
            )
        if not _fits(state, names):
            raise formats.ModelFormatError(
                "checkpoint is broken: its deals, values, errors and regressions do not go together"
            )
        model._regressions = [
            restored(regression, alpha)
            for regression, alpha in zip(state["regressions"], PRIOR_PRECISIONS, strict=True)
        ]
        model._errors.restore(state["errors"])
        model.deals, model._known, model._level = state["deals"], state["known"], state["level"]
        model._mean_minor = state["mean_minor"]
        model._least_minor = state["least_minor"]
        model._largest_minor = state["largest_minor"]
        return model

    def _off_by(self, x: Features, log_value: float) -> list[float]:
        """Return by how much the mean and each regression are off."""
        inputs = self._inputs.centred(x)
        off = log_value - self._level
        return [off, *(off - regression.predict_one(inputs) for regression in self._regressions)]

    def _add(self, vectors: Sequence[Features], log_value: float) -> None:
        self.deals += 1
        self._served = None
        self._known = self._known * self._kept_share + 1.0
        self._level += (log_value - self._level) / self._known
        weight = 1.0 / len(vectors)
        for x in vectors:
            self._inputs.learn_one(x, weight)
        # River's has no weights of examples: this is what one would do to the squared error.
        scale = math.sqrt(weight)
        target = (log_value - self._level) * scale
        for x in vectors:
            inputs = {name: scale * value for name, value in self._inputs.centred(x).items()}
            if not inputs:
                continue  # River's is not made for that
            for regression in self._regressions:
                regression.learn_one(inputs, target)

    def _build(self) -> ServedDealValue:
        mean_share, *shares = self._errors.shares()

        def added(name: str) -> float:
            """Return what one of an input adds to the logarithm."""
            return math.fsum(
                share * regression.predict_one({name: 1.0})
                for share, regression in zip(shares, self._regressions, strict=True)
            )

        plain = {name: added(name) for name in self._inputs.plain}
        low, median, high = self._errors.quantiles(
            (1.0 - INTERVAL) / 2.0, 0.5, (1.0 + INTERVAL) / 2.0
        )
        return ServedDealValue(
            deals=self.deals,
            trust=1.0 - mean_share,
            mean_minor=max(self._least_minor, min(self._largest_minor, self._mean_minor)),
            intercept=self._level
            - math.fsum(plain[name] * mean for name, mean in self._inputs.plain.items()),
            correction=self._errors.correction(self._mean_minor),
            quantiles=(low, median, high),
            numbers={name: (mean, added(name)) for name, (_, mean) in self._inputs.numbers.items()},
            plain=plain,
            least_minor=self._least_minor,
            largest_minor=self._largest_minor,
        )


def _check(vectors: Sequence[Features], value_minor: float) -> None:
    if not 0.0 < value_minor <= LARGEST_MINOR:
        raise ValueError(
            f"value_minor is {value_minor!r}: it must be above 0 and at most "
            f"{LARGEST_MINOR:.0e} minor units; leave out deals without a value"
        )
    if not vectors:
        raise ValueError("vectors is empty: leave out deals of whose leads no vector was kept")
    for x in vectors:
        # Before bounds are laid on them, which make a number of it.
        if unknown := [name for name, value in x.items() if value != value]:  # noqa: PLR0124
            raise ValueError(f"{unknown[0]:.60} is not a number: leave out what is not known")


def _fits(state: DealValueState, names: set[str]) -> bool:
    regressions, errors, deals = state["regressions"], state["errors"], state["deals"]
    return (
        len(regressions) == len(PRIOR_PRECISIONS) == len(errors["losses"]) - 1
        and all(names.issuperset(regression["names"]) for regression in regressions)
        and state["least_minor"] <= state["mean_minor"] * (1.0 + ROUNDING)
        and state["mean_minor"] <= state["largest_minor"] * (1.0 + ROUNDING)
        and bool(deals) == (state["least_minor"] > 0.0) == bool(errors["newest"])
        and bool(deals) == all(errors[n] > 0.0 for n in _OF_CORRECTION)
    )
