"""Which channels and campaigns conversions, and their value, are owed to."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from online_models import formats
from online_models.attribution import METHODS, Attribution
from schemas.milestones import JourneyEnded, Milestone
from stream.lead.milestone_bodies import UNKNOWN
from stream.reports.report import Bars, Table, Terms, View, check_currency, money, percent

SCHEMA = 1
LIBRARY = "leadstream attribution report"
NO_CAMPAIGN = "(none)"
PARAMETERS: dict[str, dict[str, int]] = {
    "channels": {"max_channels": 30, "order": 3, "max_transitions": 100_000},
    "campaigns": {"max_channels": 30, "order": 1},
}
"""Of the models. Removal effects by higher orders are told of channels alone; a chain of so many
transitions is solved within seconds, and its counts fit into a message."""
_SHOWN = ("first_touch", "last_touch", "linear", "position_based", "markov", "shapley")


class AttributionReport:
    """Credit by channel and by campaign, by seven methods.

    Parameters
    ----------
    terms
        Journeys worth something in another currency count without value.
    """

    name: ClassVar[str] = "attribution"

    def __init__(self, terms: Terms) -> None:
        self._currency = terms.currency
        self._models = {by: _model(by) for by in PARAMETERS}

    def learn(self, milestone: Milestone) -> None:
        """Take in a journey that has ended."""
        if not isinstance(milestone, JourneyEnded):
            return
        is_won = milestone.result == "won"
        value_minor = 0
        if is_won and milestone.currency == self._currency:
            value_minor = max(0, milestone.value_minor or 0)
        touches = milestone.touches
        touched_s = [touch.occurred_at.timestamp() for touch in touches] or [0.0]
        for by, model in self._models.items():
            names = [
                touch.channel if by == "channels" else touch.campaign or NO_CAMPAIGN
                for touch in touches
            ]
            model.learn_one(
                names or [UNKNOWN], is_won, value_minor=value_minor, touched_s=touched_s
            )

    def figures(self, today: int) -> dict[str, Any]:  # noqa: ARG002
        """Return credits by method."""
        channels = self._models["channels"]
        return {
            "currency": self._currency,
            "conversions": channels.conversions,
            "nulls": channels.nulls,
            "value_minor": channels.value_minor,
            **{by: _credits(model) for by, model in self._models.items()},
            "removal_effects": _effects(channels),
            "removal_orders": {
                "told": channels.chain_order,
                "wanted": channels.order,
                "max_transitions": channels.max_transitions,
            },
        }

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say which channels deals are owed to."""
        conversions, currency = figures["conversions"], figures["currency"]
        if not conversions:
            return View(
                [f"No journey has ended in a deal yet ({figures['nulls']:,} ended without)."], []
            )
        best, credit = max(
            figures["channels"]["markov"].items(), key=lambda item: float(item[1]["conversions"])
        )
        sentences = [
            f"{conversions:,} journeys ended in a deal, {figures['nulls']:,} without. By what "
            f"would be lost without it, {best} is owed most: {credit['conversions']:.1f} deals, "
            f"{money(credit['value_minor'], currency)}."
        ]
        first, last = (figures["channels"][m] for m in ("first_touch", "last_touch"))
        opens = {n: first[n]["conversions"] - last[n]["conversions"] for n in first}
        opener, closer = max(opens, key=opens.__getitem__), min(opens, key=opens.__getitem__)
        if opens[opener] > 0.0:
            sentences.append(
                f"{opener} begins journeys more often than it ends them; {closer} ends them."
            )
        orders = figures["removal_orders"]
        if orders["told"] < orders["wanted"]:
            sentences.append(
                f"What would be lost is told by chains of up to order {orders['told']}, not "
                f"{orders['wanted']}: channels followed each other in more than "
                f"{orders['max_transitions']:,} ways, too many to solve."
            )
        tables = [_table(by, figures[by]) for by in PARAMETERS]
        return View(sentences, [*tables, _removal_table(figures)])

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return deals by channel."""
        if not figures["conversions"]:
            return []
        names, owed = _owed_something(figures["channels"]), figures["channels"]["markov"]
        values = [owed[name]["conversions"] for name in names]
        return [Bars(f"Most deals are owed to {names[0]}", names, values, "deals")]

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        models = {by: model.checkpoint() for by, model in self._models.items()}
        return {"schema": SCHEMA, "library": LIBRARY, "currency": self._currency, "models": models}

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        report = cls(terms)
        check_currency(checkpoint, terms)
        models = checkpoint.get("models")
        if not isinstance(models, dict) or set(models) != set(PARAMETERS):
            raise formats.ModelFormatError("checkpoint is broken: models: see who wrote it")
        report._models = {by: _model(by, models[by]) for by in PARAMETERS}
        return report


def _model(by: str, checkpoint: dict[str, Any] | None = None) -> Attribution:
    if checkpoint is None:
        return Attribution(**PARAMETERS[by])
    return Attribution.restore(checkpoint, **PARAMETERS[by])


def _credits(model: Attribution) -> dict[str, dict[str, dict[str, float]]]:
    if not model.conversions:
        return {}
    return {
        method: {
            name: {
                "conversions": round(float(credit.conversions), 4),
                "value_minor": credit.value_minor,
            }
            for name, credit in model.credits(method).items()
        }
        for method in METHODS
    }


def _effects(model: Attribution) -> dict[str, dict[str, float]]:
    """Return by how much fewer deals there would be without each channel, by the chain's order."""
    if not model.conversions:
        return {}
    return {
        str(order): {
            name: round(effect.conversions, 4)
            for name, effect in model.removal_effects(order).items()
        }
        for order in range(1, model.chain_order + 1)
    }


def _owed_something(by_method: Mapping[str, Any]) -> list[str]:
    """Return channels or campaigns that a deal is owed to by some method, the most first."""
    found = {
        name
        for credited in by_method.values()
        for name, credit in credited.items()
        if credit["conversions"]
    }
    return sorted(found, key=lambda name: -by_method["markov"][name]["conversions"])


def _table(by: str, by_method: Mapping[str, Any]) -> Table:
    names = _owed_something(by_method)
    rows = [
        [name, *(f"{by_method[method][name]['conversions']:,.1f}" for method in _SHOWN)]
        for name in names
    ]
    heads = [by.removesuffix("s"), *(method.replace("_", " ") for method in _SHOWN)]
    return Table(f"Deals by {by.removesuffix('s')} and method", heads, rows)


def _removal_table(figures: Mapping[str, Any]) -> Table:
    """Put orders of the chain beside each other: where they differ, what came before matters."""
    effects = figures["removal_effects"]
    names = _owed_something(figures["channels"])
    rows = [[name, *(percent(effects[order][name]) for order in effects)] for name in names]
    heads = ["channel", *(f"order {order}" for order in effects)]
    return Table("Deals that would be lost without a channel, by order of the chain", heads, rows)
