"""Report cohorts: what it counts, what it leaves open, what it says."""

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixed_leads import flat, interleaved

from schemas.milestones import CustomerActive, JourneyEnded, LeadEntered, Milestone
from stream.reports.cohorts import MAX_SOURCES, WEEKS, CohortsReport
from stream.reports.report import Terms, day_of

TERMS = Terms("EUR")
MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
SOURCES = ("search", "email", "direct")


def entered(at: datetime, source: str = "search") -> LeadEntered:
    return LeadEntered(source=source, occurred_at=at)


def ended(
    since: datetime, after_days: float, source: str = "search", result: Any = "won"
) -> JourneyEnded:
    at = since + timedelta(days=after_days)
    return JourneyEnded(result=result, entered_at=since, source=source, occurred_at=at)


def active(won: datetime, month: int, source: str = "search") -> CustomerActive:
    at = won + timedelta(days=31 * month)
    return CustomerActive(won_at=won, month=month, source=source, occurred_at=at)


def leads(seed: int, count: int, days: int = 200) -> list[list[Milestone]]:
    """Return the milestones of leads, each lead's in order."""
    random, found = Random(seed), []
    for _ in range(count):
        at, source = MONDAY + timedelta(days=random.uniform(0, days)), random.choice(SOURCES)
        own: list[Milestone] = [entered(at, source)]
        after = random.uniform(0, 90)
        if random.random() < 0.3:
            own.append(ended(at, after / 2, source, random.choice(["silent", "lost"])))
        if random.random() < 0.5:
            own.append(ended(at, after, source))
            won = own[-1].occurred_at
            own += [active(won, month, source) for month in range(4) if random.random() < 0.5]
        found.append(own)
    return found


def learned(found: list[Milestone], report: CohortsReport | None = None) -> CohortsReport:
    report = CohortsReport(TERMS) if report is None else report
    for milestone in found:
        report.learn(milestone)
    return report


def test_an_age_that_a_cohort_has_not_reached_is_null_and_not_zero():
    report = learned([entered(MONDAY), entered(MONDAY), ended(MONDAY, 3)])
    week = report.figures(day_of(MONDAY) + 15)["weeks"][0]
    assert (week["week"], week["monday"]) == ("2026-W02", "2026-01-05")
    assert (week["leads"], week["deals"], week["cycle_days"]) == (2, 1, 3.0)
    assert week["by_age_weeks"]["1"]["ratio"] == 0.5
    assert 0.0 < week["by_age_weeks"]["1"]["low"] < 0.5 < week["by_age_weeks"]["1"]["high"] < 1.0
    assert [week["by_age_weeks"][age] for age in ("2", "4", "8", "13", "26", "52")] == [None] * 6


def test_a_week_begins_on_monday_in_utc():
    sunday = datetime(2026, 1, 4, 23, 59, tzinfo=UTC)
    report = learned([entered(sunday), entered(sunday + timedelta(minutes=1))])
    weeks = report.figures(day_of(MONDAY))["weeks"]
    assert [week["week"] for week in weeks] == ["2026-W01", "2026-W02"]


def test_of_a_lead_that_fell_silent_first_the_deal_counts_and_only_it():
    silent = ended(MONDAY, 30, result="silent")
    figures = learned([entered(MONDAY), silent, ended(MONDAY, 50)]).figures(day_of(MONDAY) + 100)
    assert (figures["all"]["leads"], figures["all"]["deals"]) == (1, 1)
    assert figures["all"]["by_age_weeks"]["4"]["deals"] == 0
    assert figures["all"]["by_age_weeks"]["8"]["deals"] == 1


def test_a_deal_whose_week_is_no_longer_kept_counts_in_the_totals_alone():
    now = MONDAY + timedelta(weeks=WEEKS)
    report = learned([entered(MONDAY, "email"), entered(now), ended(MONDAY, 7 * WEEKS, "email")])
    figures = report.figures(day_of(now))
    assert (figures["all"]["leads"], figures["all"]["deals"]) == (1, 0)
    assert figures["totals"] == {
        "email": {"leads": 1, "deals": 1},
        "search": {"leads": 1, "deals": 0},
    }
    assert any("1 more deal" in sentence for sentence in report.view(figures).sentences)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_totals_are_those_of_brute_force_and_the_order_of_leads_does_not_matter(seed, random):
    found = leads(seed, 40)
    report = learned(flat(found))
    figures = report.figures(day_of(MONDAY) + 600)
    assert learned(interleaved(found, random)).checkpoint() == report.checkpoint()
    for source in SOURCES:
        own = [lead for lead in found if lead[0].source == source]  # type: ignore[attr-defined]
        won = sum(isinstance(one, JourneyEnded) and one.result == "won" for one in flat(own))
        assert figures["totals"].get(source, {"leads": 0, "deals": 0}) == {
            "leads": len(own),
            "deals": won,
        }
        told = next((of for of in figures["sources"] if of["source"] == source), None)
        if told is not None:
            assert (told["leads"], told["deals"]) == (len(own), won)
            assert told["by_age_weeks"]["13"]["deals"] == won
    of_months = figures["customers"]["by_month"]
    for month in range(4):
        count = sum(isinstance(one, CustomerActive) and one.month == month for one in flat(found))
        if figures["customers"]["customers"]:
            assert of_months[str(month)]["active"] == count


@pytest.mark.parametrize("cut", [0, 1, 77, 150])
def test_a_checkpoint_in_the_middle_changes_nothing(cut):
    found = flat(leads(3, 120))
    stored = orjson.loads(orjson.dumps(learned(found[:cut]).checkpoint()))
    resumed = learned(found[cut:], CohortsReport.restore(stored, TERMS))
    whole = learned(found)
    assert json.dumps(resumed.checkpoint()) == json.dumps(whole.checkpoint())
    assert resumed.figures(day_of(MONDAY) + 300) == whole.figures(day_of(MONDAY) + 300)


def test_the_fullest_one_is_bounded_and_fits_into_a_message():
    report = CohortsReport(TERMS)
    for week in range(WEEKS + 5):
        at = MONDAY + timedelta(weeks=week)
        for number in range(MAX_SOURCES + 8):
            source = f"a-rather-long-source-{number}"
            for after in (number, 5 * number):
                report.learn(entered(at, source))
                report.learn(ended(at, after, source))
                report.learn(active(at, number % 25, source))
    figures = report.figures(day_of(MONDAY) + 900)
    assert len(figures["weeks"]) == WEEKS
    assert len(figures["sources"]) == len(figures["totals"]) == MAX_SOURCES + 1
    assert figures["in_other"] > 0
    assert len(orjson.dumps(report.checkpoint())) < 900_000


def test_it_says_which_source_is_best_whether_newer_leads_do_worse_and_who_stays():
    found: list[Milestone] = []
    for week in range(16):
        at = MONDAY + timedelta(weeks=week)
        for number in range(50):
            source = ("webinar", "display")[number % 2]
            found.append(entered(at, source))
            if number < (4 if week >= 10 else 20) or (source == "webinar" and number < 30):
                found.append(ended(at, 5, source))
                found += [active(at + timedelta(days=5), month, source) for month in (1, 2, 3)]
    report = learned(found)
    figures = report.figures(day_of(MONDAY) + 16 * 7 + 5)
    told = " ".join(report.view(figures).sentences)
    assert "800 leads entered in 16 weeks since 2026-01-05" in told
    assert "Leads from webinar convert best" in told
    assert "chance" not in told
    assert ": worse (-" in told
    assert "100.0 % were active in month" in told
    (bars,) = report.plots(figures)
    assert bars.title.startswith("Of webinar leads")
    assert bars.labels == ["webinar", "display"]
    assert bars.low is not None
    assert bars.high is not None
    assert all(
        low <= value <= high
        for low, value, high in zip(bars.low, bars.values, bars.high, strict=True)
    )


def test_of_few_leads_no_source_is_called_the_best():
    report = learned([entered(MONDAY, "webinar"), ended(MONDAY, 1, "webinar"), entered(MONDAY)])
    told = " ".join(report.view(report.figures(day_of(MONDAY) + 60)).sentences)
    assert "best" not in told
    assert "2 leads entered" in told
