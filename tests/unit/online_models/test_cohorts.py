"""Cohorts: those of brute force, whatever the order; bounded, censored, and kept to the bit."""

import json
from itertools import chain, zip_longest
from math import ceil
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixed_leads import interleaved
from stored_changes import put

from online_models.cohort_cells import CohortCells, last_day_of, week_of
from online_models.cohort_curves import (
    AGES_WEEKS,
    CYCLE_BOUNDS,
    MONTH_DAYS,
    MONTHS,
    told_cycle_days,
)
from online_models.cohorts import Cohorts
from online_models.day_counts import OTHER
from online_models.formats import ModelFormatError
from online_models.intervals import quantile, wilson

SOURCES = ("search", "email", "direct")
START = 20_000
Fact = tuple[str, tuple[Any, ...]]


class Lead(NamedTuple):
    entered_day: int
    source: str
    won_day: int | None
    months: tuple[int, ...]

    def facts(self) -> list[Fact]:
        found: list[Fact] = [("entry", (self.entered_day, self.source))]
        if self.won_day is not None:
            found.append(("win", (self.entered_day, self.won_day, self.source)))
            found += [("activity", (self.won_day, m, self.source)) for m in self.months]
        return found


def leads(seed: int, count: int = 300, span: int = 400, sources: Any = SOURCES) -> list[Lead]:
    random, found = Random(seed), []
    for _ in range(count):
        entered_day = START + random.randrange(span)
        won_day = entered_day + random.randrange(500) if random.random() < 0.6 else None
        months = tuple(m for m in range(30) if random.random() < 0.5)
        found.append(Lead(entered_day, random.choice(sources), won_day, months))
    return found


def mixed(found: list[Lead], random: Random) -> list[Fact]:
    return interleaved([lead.facts() for lead in found], random)


def learned(facts: list[Fact], cohorts: Cohorts | None = None) -> Cohorts:
    cohorts = Cohorts() if cohorts is None else cohorts
    for kind, arguments in facts:
        getattr(cohorts, f"learn_{kind}")(*arguments)
    return cohorts


def facts_of(found: list[Lead]) -> list[Fact]:
    return list(chain.from_iterable(lead.facts() for lead in found))


@pytest.mark.parametrize("by", ["week", "name"])
@pytest.mark.parametrize("as_of_day", [START + 30, START + 500, START + 1_300])
def test_all_figures_are_those_of_brute_force(by, as_of_day):
    found = leads(1)
    report = learned(facts_of(found), Cohorts(weeks=300)).report(by, as_of_day)

    def cohort_of(lead: Lead, day: int) -> str:
        monday = last_day_of(week_of(day)) - 6
        return {"week": str(monday), "name": lead.source}[by]

    def is_grown(day: int, age_days: int) -> bool:
        return last_day_of(week_of(day)) + age_days < as_of_day

    assert sum(cohort.leads for cohort in report.leads) == len(found) == report.all_leads.leads
    for cohort in report.leads:
        own = [lead for lead in found if cohort_of(lead, lead.entered_day) == cohort.name]
        cycles = sorted(x.won_day - x.entered_day for x in own if x.won_day is not None)
        assert (cohort.leads, cohort.converted) == (len(own), len(cycles))
        if cycles:
            assert cohort.cycle_days == pytest.approx(cycles[(len(cycles) - 1) // 2], rel=0.05)
        told = {age.age_weeks: age for age in cohort.by_age}
        for weeks in AGES_WEEKS:
            grown = [lead for lead in own if is_grown(lead.entered_day, 7 * weeks)]
            assert (weeks in told) == bool(grown)
            if grown:
                won = sum(x.won_day is not None and x.won_day - x.entered_day <= 7 * weeks
                          for x in grown)  # fmt: skip
                assert (told[weeks].leads, told[weeks].converted) == (len(grown), won)
                assert told[weeks].ratio == won / len(grown)
                assert (told[weeks].low, told[weeks].high) == wilson(
                    won / len(grown), len(grown), quantile(0.95)
                )
    customers = [lead for lead in found if lead.won_day is not None]
    assert sum(cohort.customers for cohort in report.customers) == len(customers)
    for cohort in report.customers:
        own = [lead for lead in customers if cohort_of(lead, lead.won_day or 0) == cohort.name]
        assert cohort.customers == len(own)
        shown = []
        for month in range(MONTHS):
            age_days = ceil(MONTH_DAYS * (month + 1))
            grown = [lead for lead in own if is_grown(lead.won_day or 0, age_days)]
            if grown:
                shown.append((month, len(grown), sum(month in lead.months for lead in grown)))
        assert [(one.month, one.customers, one.active) for one in cohort.by_month] == shown


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_facts_of_different_leads_does_not_matter(seed, random):
    found = leads(seed, count=25, span=1_500)
    told = learned(facts_of(found)).checkpoint()
    assert json.dumps(learned(mixed(found, random)).checkpoint()) == json.dumps(told)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_a_lead_is_always_counted_under_the_same_name_though_names_come_and_go(seed, random):
    found = leads(seed, count=60, span=300, sources=[f"source-{n}" for n in range(9)])
    cohorts = learned(mixed(found, random), Cohorts(weeks=5, max_names=2))
    report = cohorts.report("name", START + 5_000)
    for cohort in report.leads:
        assert cohort.converted <= cohort.leads
        assert all(age.ratio is not None for age in cohort.by_age)
    for cohort in report.customers:
        assert all(one.active <= one.customers for one in cohort.by_month)
    assert len(report.leads) <= 3


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([2, 32]))
def test_a_restored_model_goes_on_to_the_bit(seed, cut, max_names):
    parameters = {"weeks": 30, "max_names": max_names}
    facts = mixed(leads(seed, count=80), Random(seed))
    cut %= len(facts)
    stored = json.loads(json.dumps(learned(facts[:cut], Cohorts(**parameters)).checkpoint()))
    resumed = learned(facts[cut:], Cohorts.restore(stored, **parameters))
    whole = learned(facts, Cohorts(**parameters))
    assert json.dumps(resumed.checkpoint()) == json.dumps(whole.checkpoint())
    assert resumed.report("name", START + 900) == whole.report("name", START + 900)


def test_a_cohort_too_young_for_an_age_shows_nothing_there():
    cohorts = Cohorts()
    monday = 7 * 2_900 - 3
    for _ in range(4):
        cohorts.learn_entry(monday, "search")
    cohorts.learn_win(monday, monday + 1, "search")
    ages = {
        day: [age.age_weeks for age in cohorts.report("week", monday + day).leads[0].by_age]
        for day in (5, 13, 14, 20, 21, 400)
    }
    assert ages == {5: [], 13: [], 14: [1], 20: [1], 21: [1, 2], 400: list(AGES_WEEKS)}
    young = cohorts.report("week", monday + 5).leads[0]
    assert (young.leads, young.converted, young.cycle_days) == (4, 1, 1.0)


def test_the_median_of_a_cycle_is_off_by_a_twentieth_at_most_and_exact_up_to_twenty_days():
    for days in range(CYCLE_BOUNDS[-1] + 1):
        bucket = next(n for n, bound in enumerate(CYCLE_BOUNDS) if days <= bound)
        told = told_cycle_days(bucket)
        assert abs(told - days) <= (0.0 if days <= 20 else 0.05 * days)
    assert told_cycle_days(len(CYCLE_BOUNDS)) == CYCLE_BOUNDS[-1]
    cohorts = Cohorts()
    cohorts.learn_win(0, 100_000, "search")
    assert cohorts.report("name", 100_000).all_leads.cycle_days == CYCLE_BOUNDS[-1]


def test_more_deals_than_leads_have_no_ratio():
    cohorts = Cohorts()
    cohorts.learn_entry(START, "search")
    for _ in range(2):
        cohorts.learn_win(START, START, "search")
    (age, *_) = cohorts.report("name", START + 60).leads[0].by_age
    assert (age.converted, age.leads, age.ratio, age.low) == (2, 1, None, None)


def test_memory_is_bounded_whatever_comes():
    cohorts = Cohorts(weeks=4, max_names=3)
    for number in range(4_000):
        day = START + number // 20
        cohorts.learn_entry(day, f"source-{number}")
        cohorts.learn_win(day, day + number % 90, f"source-{number}")
    assert len(cohorts) <= 2 * 4 * 4
    assert len(json.dumps(cohorts.checkpoint())) < 15_000
    report = cohorts.report("name", START + 400)
    assert report.in_other > 0
    assert sum(c.leads for c in report.leads) == report.all_leads.leads
    assert {c.name for c in report.leads} >= {OTHER}


def test_the_fullest_checkpoint_fits_into_a_message():
    cohorts = Cohorts()
    for week in range(120):
        for number in range(40):
            told = f"a-rather-long-source-{number}"
            cohorts.learn_entry(START + 7 * week, told)
            cohorts.learn_win(START + 7 * week, START + 7 * week + 3 * number, told)
            cohorts.learn_activity(START + 7 * week, number % MONTHS, told)
    assert 7_500 < len(cohorts) <= 2 * 120 * 33
    assert len(json.dumps(cohorts.checkpoint(), separators=(",", ":"))) < 1_500_000


def test_a_name_that_no_kept_week_has_makes_room_from_the_next_week_on():
    cells = CohortCells(fields=1, weeks=3, max_names=1)
    cells.count(10, "old", 0)
    cells.count(11, "new", 0)
    cells.count(13, "new", 0)  # "old" is gone, but week 13 may have had "new" as other
    cells.count(14, "new", 0)
    cells.count(13, "new", 0)
    assert [tuple(cell) for cell in cells] == [(13, OTHER, [2]), (14, "new", [1])]


@pytest.mark.parametrize(
    ("kind", "arguments", "named"),
    [
        ("entry", (-1, "email"), "entered_day"),
        ("entry", (1.0, "email"), "entered_day"),
        ("entry", (START, ""), "name"),
        ("entry", (START, None), "name"),
        ("entry", (START, "x" * 300), "name"),
        ("win", (START, START - 1, "email"), "won_day"),
        ("win", (START, START, ""), "name"),
        ("win", (-5, START, "email"), "entered_day"),
        ("activity", (START, -1, "email"), "month"),
        ("activity", (10**6, 1, "email"), "won_day"),
    ],
)
def test_bad_facts_are_refused_and_lose_nothing(kind, arguments, named):
    cohorts = learned(facts_of(leads(2, count=5)))
    before = cohorts.checkpoint()
    with pytest.raises(ValueError, match=f"{named} is"):
        learned([(kind, arguments)], cohorts)
    assert cohorts.checkpoint() == before


@pytest.mark.parametrize(("by", "as_of_day"), [("tier", START), ("week", -1), ("week", 1.5)])
def test_a_report_of_nothing_known_is_refused(by, as_of_day):
    with pytest.raises(ValueError, match="must be"):
        Cohorts().report(by, as_of_day)


def test_an_empty_model_reports_nothing_and_a_report_is_plain_json():
    empty = Cohorts().report("name", START)
    assert (empty.leads, empty.customers, empty.all_leads.leads) == ((), (), 0)
    found = learned(facts_of(leads(3))).report("week", START + 800)
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert stored["all_leads"]["by_age"][0]["age_weeks"] == 1
    for cohort, told in zip_longest(found.leads, stored["leads"]):
        assert told["leads"] == cohort.leads


@pytest.mark.parametrize(
    "change",
    [
        put("schema", 1),
        put("library", "another"),
        put("tables", None),
        put("tables/more", {}),
        put("tables/leads", "none"),
        put("tables/leads/newest", 10**9),
        put("tables/leads/newest", 5_000),
        put("tables/leads/is_turned_away", 1),
        put("tables/leads/names/0", ["other", -1, 2_900]),
        put("tables/leads/names/0", ["search", -1, 2_900]),
        put("tables/leads/names/0", ["direct", 2_910, 2_900]),
        put("tables/leads/names", [[f"name-{n}", -1, 2_890] for n in range(40)]),
        put("tables/leads/rows/0/0", 9),
        put("tables/leads/rows/0/1", 7),
        put("tables/leads/rows/0/2", [1]),
        put("tables/leads/rows/0/2/0", -1),
        put("tables/leads/rows/0/2/0", 0.5),
        put("tables/leads/rows/1", [2_857, 1, [1]]),
    ],
)
def test_a_broken_checkpoint_is_refused(change):
    state = json.loads(json.dumps(learned(facts_of(leads(4))).checkpoint()))
    change(state)
    with pytest.raises(ModelFormatError):
        Cohorts.restore(state)


@pytest.mark.parametrize("state", [None, [], "text", {}])
def test_what_is_no_checkpoint_is_refused(state):
    with pytest.raises(ModelFormatError):
        Cohorts.restore(state)


def test_a_checkpoint_of_more_names_or_weeks_than_may_be_is_refused():
    state = learned(facts_of(leads(4))).checkpoint()
    for parameters in ({"max_names": 2}, {"weeks": 3}):
        with pytest.raises(ModelFormatError):
            Cohorts.restore(state, **parameters)
    state["tables"]["leads"]["rows"].append(state["tables"]["leads"]["rows"][0])
    with pytest.raises(ModelFormatError, match="twice"):
        Cohorts.restore(state)
