"""Key figures of sales: the last 7, 30 and 90 days, each beside the days before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Self, get_args

from online_models import formats
from online_models.day_counts import OTHER
from online_models.kpis import Kpis, SourceSums
from schemas.milestones import (
    JourneyEnded,
    LeadAnswered,
    LeadEntered,
    Milestone,
    PurchasesChanged,
    SatisfactionTold,
)
from schemas.scores import Tier
from schemas.topics import DAY_S
from stream.reports.kpis_text import plots_of, view_of
from stream.reports.report import Bars, Terms, View, check_currency, date_of, day_of
from stream.reports.spend import Spend, Spent

SCHEMA = 1
LIBRARY = "leadstream kpis report"
PERIODS_DAYS = (7, 30, 90)
UNASSIGNED = "unassigned"
"""Costs that name no channel."""


class KpisReport:
    """Leads, deals, conversion, times, satisfaction, revenue and what deals cost.

    Periods are of whole days, up to yesterday: a day that is not over would look like a bad one.

    Parameters
    ----------
    terms
        Deals and costs in other currencies are not added up with those in the house's.
    """

    name: ClassVar[str] = "kpis"

    def __init__(self, terms: Terms) -> None:
        self._currency = terms.currency
        self._kpis = Kpis(get_args(Tier))
        self._spend: Spend | None = None

    def learn(self, milestone: Milestone) -> None:
        """Take in a lead, a journey's end, an answer, satisfaction or a purchase."""
        kpis, day = self._kpis, day_of(milestone.occurred_at)
        match milestone:
            case LeadEntered():
                kpis.learn_lead(day, milestone.source)
            case JourneyEnded():
                self._learn_journey(day, milestone)
            case LeadAnswered():
                kpis.learn_answer(day, milestone.response_s, milestone.tier)
            case SatisfactionTold():
                kpis.learn_satisfaction(day, milestone.score, milestone.scale_max)
            case PurchasesChanged() if milestone.value_minor:
                kpis.learn_purchase(day, milestone.value_minor, milestone.currency)

    def take_spend(self, spend: Spend) -> None:
        """Take in what was spent; it is no part of what is learned."""
        self._spend = spend

    def figures(self, today: int) -> dict[str, Any]:
        """Return the figures of each period, and of as many days before it."""
        newest = self._kpis.newest
        return {
            "currency": self._currency,
            "to": date_of(today - 1),
            "newest": None if newest < 0 else date_of(newest),
            "periods": {
                str(days): {
                    "from": date_of(today - days),
                    "now": self._period(today - days, today - 1),
                    "before": self._period(today - 2 * days, today - days - 1),
                }
                for days in PERIODS_DAYS
            },
            "costs_told": None if self._spend is None else _told(self._spend),
        }

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say how sales are doing."""
        return view_of(figures)

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return conversion by tier, and deals by source."""
        return plots_of(figures)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        model = self._kpis.checkpoint()
        return {"schema": SCHEMA, "library": LIBRARY, "currency": self._currency, "model": model}

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        check_currency(checkpoint, terms)
        model = checkpoint.get("model")
        if not isinstance(model, dict):
            raise formats.ModelFormatError("checkpoint is broken: model: see who wrote it")
        report = cls(terms)
        report._kpis = Kpis.restore(model, get_args(Tier))
        return report

    def _learn_journey(self, day: int, journey: JourneyEnded) -> None:
        is_won = journey.result == "won"
        in_house = is_won and journey.currency == self._currency
        lasted_s = (journey.occurred_at - journey.entered_at).total_seconds()
        self._kpis.learn_journey(
            day,
            is_won,
            cycle_days=max(0.0, lasted_s / DAY_S),
            source=journey.source,
            tier=journey.tier,
            is_holdout=journey.is_holdout,
            value_minor=(journey.value_minor or 0) if in_house else 0,
        )

    def _period(self, first: int, last: int) -> dict[str, Any]:
        kpis = self._kpis
        sources, effect = kpis.sources(first, last), kpis.effect(first, last)
        tiers = kpis.conversion_by_tier(first, last)
        arms = kpis.conversion_by_arm(first, last)
        revenue_minor, conversion = kpis.revenue_minor(first, last), kpis.conversion(first, last)
        return {
            "leads": sum(one.leads for one in sources.values()),
            **conversion._asdict(),
            "cycle_days": kpis.cycle_days(first, last),
            "response": kpis.response(first, last)._asdict(),
            "satisfaction": kpis.satisfaction(first, last)._asdict(),
            "revenue_minor": revenue_minor,
            "sources": {
                name: {**one._asdict(), "ratio": one.deals / one.journeys if one.journeys else None}
                for name, one in sources.items()
            },
            "in_other_sources": sources[OTHER].leads if OTHER in sources else 0,
            "tiers": {
                name: {**one._asdict(), "response": kpis.response(first, last, name)._asdict()}
                for name, one in tiers.items()
            },
            "arms": {name: one._asdict() for name, one in arms.items()},
            "effect": effect._asdict() if effect else None,
            "costs": _costs(
                [] if self._spend is None else list(self._spend),
                (first, last),
                self._currency,
                conversion.deals,
                revenue_minor.get(self._currency, 0),
                sources,
            ),
        }


def _told(spend: Spend) -> dict[str, Any]:
    return {
        "costs": len(spend),
        "duplicates": spend.duplicates,
        "refused": spend.refused,
        "first_fault": spend.first_fault,
    }


def _costs(
    spend: Sequence[Spent],
    days: tuple[int, int],
    currency: str,
    deals: int,
    revenue_minor: int,
    sources: Mapping[str, SourceSums],
) -> dict[str, Any]:
    """Return what was spent within some days, in all and by channel, and what came of it.

    What a channel earned is the value of deals whose leads it brought; purchases do not say who
    brought the customer.
    """
    by_channel: defaultdict[str, Fraction] = defaultdict(Fraction)
    elsewhere: defaultdict[str, Fraction] = defaultdict(Fraction)
    for one in spend:
        share_minor = one.within(*days)
        if not share_minor:
            continue
        if one.currency == currency:
            by_channel[_source_of(one.channel, sources)] += share_minor
        else:
            elsewhere[one.currency] += share_minor
    nothing = SourceSums(0, 0, 0, 0)
    return {
        **_return(sum(by_channel.values(), Fraction()), deals, revenue_minor),
        "channels": {
            channel: _return(
                cost_minor,
                sources.get(channel, nothing).deals,
                sources.get(channel, nothing).value_minor,
            )
            for channel, cost_minor in sorted(
                by_channel.items(), key=lambda item: (-item[1], item[0])
            )
        },
        "other_currencies_minor": {name: round(of) for name, of in sorted(elsewhere.items())},
    }


def _source_of(channel: str | None, sources: Mapping[str, SourceSums]) -> str:
    """Return the source that a cost's channel is: ``Search``, which is paid, is ``paid_search``."""
    if not channel or not channel.strip():
        return UNASSIGNED
    name = channel.strip().lower().replace(" ", "_").replace("-", "_")
    paid = f"paid_{name}"
    return channel if channel in sources else paid if paid in sources else name


def _return(cost_minor: Fraction, deals: int, value_minor: int) -> dict[str, Any]:
    return {
        "cost_minor": round(cost_minor),
        "deals": deals,
        "per_deal_minor": round(cost_minor / deals) if deals and cost_minor else None,
        "value_minor": value_minor,
        "return_ratio": float(value_minor / cost_minor) if cost_minor > 0 else None,
    }
