"""Which leads become customers, how soon, and who stays: by week of entry, source and segment."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, Self

from online_models import formats
from online_models.cohort_cells import CohortCells
from online_models.cohort_curves import AGES_WEEKS, MONTHS
from online_models.cohort_report import ActiveIn, ConvertedBy, CustomerCohort, LeadCohort
from online_models.cohorts import Cohorts
from schemas.milestones import CustomerActive, JourneyEnded, LeadEntered, Milestone, SegmentSeen
from stream.reports.cohorts_text import plots_of, view_of
from stream.reports.report import Bars, Terms, View, date_of, day_of

SCHEMA = 2
LIBRARY = "leadstream cohorts report"
WEEKS = 60
MAX_SOURCES = 32
_KEPT = {"weeks": WEEKS, "max_names": MAX_SOURCES}
_TOTALS = {"fields": 2, "weeks": 1, "max_names": MAX_SOURCES}
"""Leads and deals of each source, all of them in one week that never ends."""


class CohortsReport:
    """Conversion by age, length of cycles and retention, by ISO week, source and first segment.

    A lead counts in its first segment, if it came into one before it was won. Its first deal
    counts, also where it fell silent before. A deal whose lead entered before the weeks that are
    kept counts in the totals by source alone.

    Parameters
    ----------
    terms
        They change nothing here: only counts are kept.
    """

    name: ClassVar[str] = "cohorts"

    def __init__(self, terms: Terms) -> None:  # noqa: ARG002
        self._cohorts = Cohorts(**_KEPT)
        self._segments = Cohorts(**_KEPT)
        self._totals = CohortCells(**_TOTALS)
        self._names: Mapping[str, str] = {}

    def learn(self, milestone: Milestone) -> None:
        """Take in a lead, a deal, or a customer's sign."""
        match milestone:
            case LeadEntered():
                self._cohorts.learn_entry(day_of(milestone.occurred_at), milestone.source)
                self._totals.count(0, milestone.source, 0)
            case SegmentSeen(entered_at=datetime() as entered_at, segment=str() as segment):
                self._segments.learn_entry(day_of(entered_at), segment)
            case JourneyEnded() if (
                milestone.result == "won" and milestone.is_first_win is not False
            ):
                days = day_of(milestone.entered_at), day_of(milestone.occurred_at)
                self._cohorts.learn_win(*days, milestone.source)
                self._totals.count(0, milestone.source, 1)
                if milestone.first_segment is not None:
                    self._segments.learn_win(*days, milestone.first_segment)
            case CustomerActive():
                won_day = day_of(milestone.won_at)
                self._cohorts.learn_activity(won_day, milestone.month, milestone.source)
                if milestone.first_segment is not None:
                    self._segments.learn_activity(won_day, milestone.month, milestone.first_segment)

    def take_segment_names(self, names: Mapping[str, str]) -> None:
        """Take in what sets segments apart; it is no part of what is learned."""
        self._names = names

    def figures(self, today: int) -> dict[str, Any]:
        """Return all cohorts; an age or a month that one has not reached is null."""
        weekly = self._cohorts.report("week", today)
        by_source = self._cohorts.report("name", today)
        by_segment = self._segments.report("name", today)
        totals = {cell.name: cell.counts for cell in self._totals}
        return {
            "as_of": date_of(today),
            "weeks_kept": WEEKS,
            "all": _leads(weekly.all_leads),
            "weeks": [_week(of.name) | _leads(of) for of in weekly.leads],
            "sources": [{"source": of.name} | _leads(of) for of in by_source.leads],
            "segments": [self._segment(of.name) | _leads(of) for of in by_segment.leads],
            "customers": _customers(weekly.all_customers),
            "customer_weeks": [_week(of.name) | _customers(of) for of in weekly.customers],
            "customer_sources": [
                {"source": of.name} | _customers(of) for of in by_source.customers
            ],
            "customer_segments": [
                self._segment(of.name) | _customers(of) for of in by_segment.customers
            ],
            "in_other": by_source.in_other,
            "totals": {
                name: {"leads": leads, "deals": deals} for name, (leads, deals) in totals.items()
            },
        }

    def _segment(self, segment: str) -> dict[str, Any]:
        return {"segment": segment, "name": self._names.get(segment)}

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say which leads become customers."""
        return view_of(figures)

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return conversion by source."""
        return plots_of(figures)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "model": self._cohorts.checkpoint(),
            "segments": self._segments.checkpoint(),
            "totals": self._totals.checkpoint(),
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        report = cls(terms)
        report._cohorts = Cohorts.restore(checkpoint.get("model", {}), **_KEPT)
        report._segments = Cohorts.restore(checkpoint.get("segments", {}), **_KEPT)
        report._totals = CohortCells.restore(checkpoint.get("totals"), **_TOTALS)
        return report


def _week(monday: str) -> dict[str, str]:
    """Return a week as ISO 8601 has it, and its Monday."""
    first = date_of(int(monday))
    year, week, _ = date.fromisoformat(first).isocalendar()
    return {"week": f"{year}-W{week:02d}", "monday": first}


def _leads(cohort: LeadCohort) -> dict[str, Any]:
    return {
        "leads": cohort.leads,
        "deals": cohort.converted,
        "cycle_days": cohort.cycle_days,
        "by_age_weeks": _told(AGES_WEEKS, {of.age_weeks: _deals(of) for of in cohort.by_age}),
    }


def _deals(of: ConvertedBy) -> dict[str, Any]:
    return {"leads": of.leads, "deals": of.converted, **_share(of)}


def _customers(cohort: CustomerCohort) -> dict[str, Any]:
    active = {of.month: _active(of) for of in cohort.by_month}
    return {"customers": cohort.customers, "by_month": _told(range(MONTHS), active)}


def _active(of: ActiveIn) -> dict[str, Any]:
    return {"customers": of.customers, "active": of.active, **_share(of)}


def _share(of: ConvertedBy | ActiveIn) -> dict[str, float | None]:
    return {"ratio": of.ratio, "low": of.low, "high": of.high}


def _told(ages: Iterable[int], known: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    return {str(age): known.get(age) for age in ages}
