"""Key figures of sales: the last 7, 30 and 90 days, each beside the days before."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, get_args

from online_models import formats
from online_models.day_counts import OTHER
from online_models.kpis import Kpis
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
from stream.reports.returns import Earned, returns_of
from stream.reports.spend import Spend

SCHEMA = 1
LIBRARY = "leadstream kpis report"
PERIODS_DAYS = (7, 30, 90)


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
        self._names: Mapping[str, str] = {}

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

    def take_segment_names(self, names: Mapping[str, str]) -> None:
        """Take in what sets segments apart; it is no part of what is learned."""
        self._names = names

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
            campaign=journey.touches[0].campaign if journey.touches else None,
            segment=journey.segment,
        )

    def _period(self, first: int, last: int) -> dict[str, Any]:
        kpis = self._kpis
        sources, effect = kpis.sources(first, last), kpis.effect(first, last)
        tiers = kpis.conversion_by_tier(first, last)
        arms = kpis.conversion_by_arm(first, last)
        revenue_minor, conversion = kpis.revenue_minor(first, last), kpis.conversion(first, last)
        campaigns = kpis.campaigns(first, last)
        in_house_minor = revenue_minor.get(self._currency, 0)
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
            "segments": {
                segment: {"name": self._names.get(segment), **one._asdict()}
                for segment, one in kpis.conversion_by_segment(first, last).items()
            },
            "arms": {name: one._asdict() for name, one in arms.items()},
            "effect": effect._asdict() if effect else None,
            "costs": returns_of(
                self._spend or (),
                (first, last),
                self._currency,
                Earned(conversion.deals, in_house_minor, sources, campaigns),
            ),
            "in_other_campaigns": campaigns[OTHER].deals if OTHER in campaigns else 0,
        }


def _told(spend: Spend) -> dict[str, Any]:
    return {
        "costs": len(spend),
        "duplicates": spend.duplicates,
        "refused": spend.refused,
        "first_fault": spend.first_fault,
    }
