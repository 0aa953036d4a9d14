"""What deals are worth, as far as it can be foretold of a lead before it is won."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.deal_value import FEWEST_DEALS, DealValueModel
from online_models.served_deal_value import LARGEST_MINOR, ServedDealValue
from schemas.milestones import JourneyEnded, Milestone
from stream.reports.report import Bars, Table, Terms, View, check_currency, money, percent

SCHEMA = 1
LIBRARY = "leadstream deal value report"
MEMORY_DEALS = 1_000.0
"""Deals after which an error counts half, as in the model."""
SHOWN_FEATURES = 12
LEFT_OUT = {
    "no_value": "without a value",
    "other_currency": "in other currencies",
    "out_of_range": "of a value that is not above 0, or beyond all bounds",
    "no_vectors": "of whose leads nothing was kept",
    "not_numbers": "with what is not a number",
}
"""Why a deal is not learned -> as people are told."""
Errors = Annotated[list[formats.NotNegative], Field(min_length=3, max_length=3)]
FORECASTERS = ("deal_value", "mean")
"""Whose errors are told: the model's, and those of the mean of the deals before."""
_KEPT_SHARE = 2.0 ** (-1.0 / MEMORY_DEALS)


@with_config(formats.STRICT)
class LeftOutState(TypedDict):
    """How many deals were not learned, by why."""

    no_value: formats.Count
    other_currency: formats.Count
    out_of_range: formats.Count
    no_vectors: formats.Count
    not_numbers: formats.Count


@with_config(formats.STRICT)
class ReportState(TypedDict):
    """The whole state; ``errors`` are what foretold values and their mean were off, and deals."""

    schema: int
    library: str
    currency: str
    left_out: LeftOutState
    errors: Errors
    model: dict[str, Any]


STATE: TypeAdapter[Any] = TypeAdapter(ReportState)


class DealValueReport:
    """Values of deals that were won, learned from what their leads were like before.

    Parameters
    ----------
    terms
        Deals in other currencies are counted, and nothing more.
    """

    name: ClassVar[str] = "deal_value"
    kind: ClassVar[str] = "bayesian_regression"

    def __init__(self, terms: Terms) -> None:
        self._model = DealValueModel(memory_deals=MEMORY_DEALS)
        self._currency = terms.currency
        self._left_out = dict.fromkeys(LEFT_OUT, 0)
        self._errors = (0.0, 0.0, 0.0)

    def learn(self, milestone: Milestone) -> None:
        """Take in what a deal was worth."""
        if not isinstance(milestone, JourneyEnded) or milestone.result != "won":
            return
        reason = self._why_not(milestone)
        if reason is None:
            served, value_minor = self._model.served(), float(milestone.value_minor or 0)
            try:
                self._model.learn_one(milestone.vectors, value_minor)
            except ValueError:
                reason = "not_numbers"
            else:
                self._compare(served, milestone, value_minor)
        if reason is not None:
            self._left_out[reason] += 1

    def _why_not(self, deal: JourneyEnded) -> str | None:
        if deal.value_minor is None:
            return "no_value"
        if deal.currency != self._currency:
            return "other_currency"
        if not 0 < deal.value_minor <= LARGEST_MINOR:
            return "out_of_range"
        return None if deal.vectors else "no_vectors"

    def _compare(
        self, served: ServedDealValue | None, deal: JourneyEnded, value_minor: float
    ) -> None:
        """Note how far what was foretold, and the mean of the deals before, lay beside a deal."""
        if served is None:
            return
        off = [abs(served.predict_one(x).expected_minor - value_minor) for x in deal.vectors]
        news = (math.fsum(off) / len(off), abs(served.mean_minor - value_minor), 1.0)
        foretold, mean, deals = (
            former * _KEPT_SHARE + new for former, new in zip(self._errors, news, strict=True)
        )
        self._errors = (foretold, mean, deals)

    @property
    def deals(self) -> int:
        """From how many deals it has learned."""
        return self._model.deals

    def errors_minor(self) -> dict[str, float]:
        """Return the mean absolute error of each forecaster; none before the first deal."""
        *off, deals = self._errors
        return {by: of / deals for by, of in zip(FORECASTERS, off, strict=True)} if deals else {}

    def snapshot(self) -> dict[str, Any] | None:
        """Return what serving needs; None while fewer than 20 deals are known."""
        return self._model.snapshot()

    def figures(self, today: int) -> dict[str, Any]:  # noqa: ARG002
        """Return how many deals were learned, how well they were foretold, and by what."""
        served = self._model.served()
        errors = {by: round(minor) for by, minor in self.errors_minor().items()}
        return {
            "currency": self._currency,
            "deals": self.deals,
            "fewest_deals": FEWEST_DEALS,
            "left_out": dict(self._left_out),
            "mean_minor": None if served is None else round(served.mean_minor),
            "trust_ratio": None if served is None else served.trust,
            "errors_minor": errors,
            "features": [] if served is None else _strongest(served),
        }

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say how well deals are foretold, and by what."""
        currency, said = figures["currency"], []
        deals = f"{figures['deals']:,} deals with a value in {currency}"
        if figures["mean_minor"] is None:
            said.append(
                f"{deals} so far: what a lead's deal will bring is foretold from "
                f"{figures['fewest_deals']} on."
            )
        else:
            said.append(
                f"{deals}, {money(figures['mean_minor'], currency)} in the mean. What features say "
                f"is believed to {percent(figures['trust_ratio'])}, the mean for the rest."
            )
        if errors := figures["errors_minor"]:
            said.append(
                f"What was foretold of a deal before it was learned is off by "
                f"{money(errors['deal_value'], currency)} in the mean; the mean of the deals "
                f"before, by {money(errors['mean'], currency)}."
            )
        left_out = [f"{n:,} {LEFT_OUT[why]}" for why, n in figures["left_out"].items() if n]
        if left_out:
            said.append(f"Left out: {', '.join(left_out)}.")
        if not figures["features"]:
            return View(said, [])
        rows = [[of["feature"], f"x {of['factor']:.2f}"] for of in figures["features"]]
        title = "What one more of a feature does to a deal's value, the strongest first"
        return View(said, [Table(title, ["feature", "value"], rows)])

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return which features raise or lower a deal's value most."""
        features = figures["features"]
        if not features:
            return []
        title = "How many times as much a deal is worth, by one more of a feature"
        labels, factors = [of["feature"] for of in features], [of["factor"] for of in features]
        return [Bars(title, labels, factors, "times")]

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "currency": self._currency,
            "left_out": dict(self._left_out),
            "errors": list(self._errors),
            "model": self._model.checkpoint(),
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        check_currency(checkpoint, terms)
        state: ReportState = formats.validated(STATE, checkpoint, "checkpoint")
        report = cls(terms)
        report._model = DealValueModel.restore(state["model"], memory_deals=MEMORY_DEALS)
        report._left_out = {why: state["left_out"][why] for why in LEFT_OUT}  # type: ignore[literal-required]
        foretold, mean, deals = state["errors"]
        report._errors = (foretold, mean, deals)
        return report


def _strongest(served: ServedDealValue) -> list[dict[str, Any]]:
    """Return the features that change a deal's value most, by how many times one more of them."""
    weights = {name: weight for name, (_, weight) in served.numbers.items()} | dict(served.plain)
    ranked = sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))
    return [
        {"feature": name, "factor": math.exp(max(-50.0, min(50.0, weight)))}
        for name, weight in ranked[:SHOWN_FEATURES]
        if weight != 0.0
    ]
