"""Key figures of sales: those of brute force, whatever the order; bounded, and kept to the bit."""

import json
from random import Random
from statistics import mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_changes import put

from online_models.day_counts import OTHER, DayCounts
from online_models.day_quantiles import LogBuckets
from online_models.formats import ModelFormatError
from online_models.kpis import (
    CYCLE_DAYS,
    DAYS_KEPT,
    MAX_CAMPAIGNS,
    MAX_NAMES,
    RESPONSE_MINUTES,
    Kpis,
)

TIERS = ("hot", "warm", "cold")
SOURCES = ("search", "email", "direct")
CAMPAIGNS = ("spring", "fair", None)
Fact = tuple[str, tuple[Any, ...]]


def facts(seed: int, count: int = 400, span: int = 90) -> list[Fact]:
    random, found = Random(seed), []
    for _ in range(count):
        day, source = 20_000 + random.randrange(span), random.choice(SOURCES)
        tier = random.choice([*TIERS, None])
        won, held = random.random() < 0.4, random.choice([True, False, None])
        days, worth_minor = random.uniform(0.1, 200.0), 100 * random.randrange(9)
        found += [
            ("lead", (day, source)),
            (
                "journey",
                (day, won, days, source, tier, held, worth_minor, random.choice(CAMPAIGNS)),
            ),
            ("answer", (day, random.uniform(40.0, 90_000.0), tier)),
            ("satisfaction", (day, float(random.randrange(11)), random.choice([10.0, 20.0]))),
            ("purchase", (day, random.randrange(1, 99), random.choice(["EUR", "USD"]))),
        ]
    return found


def learned(found: list[Fact], kpis: Kpis | None = None) -> Kpis:
    kpis = Kpis(TIERS) if kpis is None else kpis
    for kind, arguments in found:
        getattr(kpis, f"learn_{kind}")(*arguments)
    return kpis


@pytest.mark.parametrize(("first", "last"), [(20_000, 20_089), (20_030, 20_036), (20_089, 20_089)])
def test_all_figures_are_those_of_brute_force(first, last):
    found = facts(1)
    kpis = learned(found)
    of = {
        kind: [a for k, a in found if k == kind and first <= a[0] <= last]
        for kind in ("lead", "journey", "answer", "satisfaction", "purchase")
    }
    journeys = of["journey"]
    told = kpis.conversion(first, last)
    assert (told.journeys, told.deals) == (len(journeys), sum(j[1] for j in journeys))
    for source, sums in kpis.sources(first, last).items():
        own = [j for j in journeys if j[3] == source]
        assert sums.leads == sum(a[1] == source for a in of["lead"])
        assert sums[1:] == (len(own), sum(j[1] for j in own), sum(j[6] for j in own))
    for campaign, brought in kpis.campaigns(first, last).items():
        own = [j for j in journeys if j[1] and j[7] == campaign]
        assert brought == (len(own), sum(j[6] for j in own))
    assert set(kpis.campaigns(first, last)) == {j[7] for j in journeys if j[1]} - {None}
    for tier, one in kpis.conversion_by_tier(first, last).items():
        own = [j for j in journeys if (j[4] or "none") == tier]
        assert (one.journeys, one.deals) == (len(own), sum(j[1] for j in own))
    cycles = sorted(j[2] for j in journeys if j[1])
    if cycles:
        exact = cycles[(len(cycles) - 1) // 2]
        assert kpis.cycle_days(first, last) == pytest.approx(exact, rel=CYCLE_DAYS.relative_error)
    for tier in (None, "hot"):
        waits = sorted(a[1] / 60.0 for a in of["answer"] if tier in (None, a[2]))
        response = kpis.response(first, last, tier)
        assert response.answers == len(waits)
        if waits:
            ranks = (-(-len(waits) // 2), -(-len(waits) * 9 // 10))
            for value, rank in zip(response[1:], ranks, strict=True):
                error = RESPONSE_MINUTES.relative_error
                assert value == pytest.approx(waits[rank - 1], rel=error)
    scores = [(a[1], a[2]) for a in of["satisfaction"]]
    satisfaction = kpis.satisfaction(first, last)
    assert satisfaction.mean_ratio == pytest.approx(mean(s / m for s, m in scores), abs=1e-6)
    assert satisfaction.satisfied_ratio == mean(s >= 0.8 * m for s, m in scores)
    asked = [s for s, most in scores if most == 10.0]
    assert satisfaction.nps_answers == len(asked)
    if asked:
        nps = 100.0 * (sum(s >= 9 for s in asked) - sum(s <= 6 for s in asked)) / len(asked)
        assert satisfaction.nps == pytest.approx(nps)
    for currency, value_minor in kpis.revenue_minor(first, last).items():
        assert value_minor == sum(a[1] for a in of["purchase"] if a[2] == currency)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter_even_beyond_the_days_that_are_kept(seed, random):
    found = facts(seed, count=12, span=2 * DAYS_KEPT)
    shuffled = random.sample(found, len(found))
    assert json.dumps(learned(found).checkpoint()) == json.dumps(learned(shuffled).checkpoint())


def test_a_checkpoint_goes_on_to_the_bit():
    found = facts(3)
    half = learned(found[:900])
    stored = json.loads(json.dumps(half.checkpoint()))
    resumed = learned(found[900:], Kpis.restore(stored, TIERS))
    whole = learned(found)
    assert json.dumps(resumed.checkpoint()) == json.dumps(whole.checkpoint())
    assert resumed.conversion(0, 30_000) == whole.conversion(0, 30_000)


@pytest.mark.parametrize(
    "change",
    [
        put("schema", 2),
        put("schema", 4),
        put("library", "another"),
        put("tables", None),
        put("tables/more", {}),
        put("tables/sources", "none"),
        put("tables/sources/names", ["email", "email"]),
        put("tables/sources/names", [f"source-{n}" for n in range(40)]),
        put("tables/sources/newest", 10**12),
        put("tables/sources/newest", 20_500),
        put("tables/sources/days/20001", {"0": [1]}),
        put("tables/sources/days/20001", {"77": [1, 1, 1, 1]}),
        put("tables/sources/days/20001", {"0": [1, 1, 1, 0.5]}),
        put("tables/sources/days/-1", {"0": [1, 1, 1, 1]}),
        put("tables/campaigns", None),
        put("tables/campaigns/days/20001", {"0": [1]}),
        put("tables/satisfaction/days/20001", {"0": [1, 1, 1, 1, 1]}),
        put("tables/cycles", {"newest": 9, "names": ["x"], "days": {"9": {"0": [1]}}}),
    ],
)
def test_a_broken_checkpoint_is_refused(change):
    state = json.loads(json.dumps(learned(facts(4)).checkpoint()))
    change(state)
    with pytest.raises(ModelFormatError):
        Kpis.restore(state, TIERS)


@pytest.mark.parametrize(
    ("score", "scale_max", "is_satisfied"),
    [(4, 5, 1), (3, 5, 0), (8, 10, 1), (7, 10, 0), (6, 7, 1), (5, 7, 0), (80, 100, 1), (2, 3, 0)],
)
def test_an_answer_of_four_fifths_of_the_scale_is_satisfied(score, scale_max, is_satisfied):
    kpis = Kpis(TIERS)
    kpis.learn_satisfaction(20_000, score, scale_max)
    assert kpis.satisfaction(20_000, 20_000).satisfied_ratio == is_satisfied
    assert kpis.satisfaction(20_001, 20_001).satisfied_ratio is None


def test_nurtured_leads_are_set_against_the_holdout_as_newcombe_does():
    kpis = Kpis(TIERS)
    for is_holdout, deals, count in ((False, 56, 70), (True, 48, 80)):
        for number in range(count):
            kpis.learn_journey(20_000, number < deals, 3.0, "email", is_holdout=is_holdout)
    effect = kpis.effect(20_000, 20_000)
    assert effect is not None
    assert effect == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)  # his table II, example a
    assert kpis.effect(20_001, 20_001) is None


def test_memory_is_bounded_whatever_comes():
    counts = DayCounts(fields=1, days=5, max_names=3)
    for number in range(2_000):
        counts.add(number // 20, f"name-{number}", [1])
    assert len(counts) <= 5 * 4
    assert counts.total(0, 99) == [100]  # the last five days, and nothing of them is lost
    assert OTHER in counts.sums(0, 99)
    assert len(json.dumps(counts.checkpoint())) < 600


def test_the_fullest_checkpoint_still_fits_into_a_message():
    kpis = Kpis(TIERS)
    for day in range(20_000, 20_000 + DAYS_KEPT):
        for number in range(2 * MAX_CAMPAIGNS):
            kpis.learn_journey(
                day, True, 9.0, "email", value_minor=10**6, campaign=f"campaign-{number}"
            )
        for number in range(2 * MAX_NAMES):
            kpis.learn_journey(day, True, 1.2**number, f"a-rather-long-source-{number}", "hot")
            kpis.learn_answer(day, 30.0 * 1.2**number, "hot")
            kpis.learn_purchase(day, 10**6, f"{number:03d}")
    assert len(kpis) < DAYS_KEPT * (
        4 * MAX_NAMES + MAX_CAMPAIGNS + 1 + CYCLE_DAYS.last + RESPONSE_MINUTES.last
    )
    assert len(json.dumps(kpis.checkpoint(), separators=(",", ":"))) < 3_000_000


def test_a_name_that_no_kept_day_has_makes_room():
    counts = DayCounts(fields=1, days=5, max_names=1)
    counts.add(10, "old", [1])
    counts.add(11, "new", [1])
    assert counts.sums(0, 99) == {"old": [1], OTHER: [1]}
    counts.add(15, "new", [1])
    assert counts.sums(0, 99) == {"new": [1], OTHER: [1]}


@pytest.mark.parametrize(
    ("day", "name", "amounts", "named"),
    [
        (-1, "email", [1], "day"),
        (1, "", [1], "name"),
        (1, "email", [1, 2], "amounts"),
        (1, "email", [10**16], "amount"),
        (1, "email", [0.5], "amount"),
    ],
)
def test_bad_counts_are_refused_and_lose_nothing(day, name, amounts, named):
    counts = DayCounts(fields=1, days=5)
    counts.add(1, "email", [7])
    before = counts.checkpoint()
    with pytest.raises(ValueError, match=named):
        counts.add(day, name, amounts)
    assert counts.checkpoint() == before


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("journey", (20_000, True, float("nan"), "email")),
        ("journey", (20_000, True, 1.0, "")),
        ("journey", (20_000, True, 1.0, "email", "hot", True, 10**16)),
        ("answer", (20_000, -1.0)),
        ("satisfaction", (20_000, 11.0, 10.0)),
        ("satisfaction", (20_000, 0.0, 0.0)),
        ("purchase", (20_000, 10**16, "EUR")),
    ],
)
def test_bad_facts_are_refused_and_lose_nothing(kind, arguments):
    kpis = learned(facts(5, count=5))
    before = kpis.checkpoint()
    with pytest.raises(ValueError, match="must"):
        learned([(kind, arguments)], kpis)
    assert kpis.checkpoint() == before


@given(st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=40), st.floats(0.01, 1.0))
def test_quantiles_are_off_by_their_relative_error_at_most(values, share):
    buckets = LogBuckets(0.5, 1e6, 0.05)
    counts: dict[int, int] = {}
    for value in values:
        counts[buckets.bucket(value)] = counts.get(buckets.bucket(value), 0) + 1
    exact = next(v for n, v in enumerate(sorted(values), 1) if n >= share * len(values))
    told = buckets.quantile(counts, share)
    assert told == pytest.approx(min(1e6, max(0.5, exact)), rel=0.0501)
    assert max(counts) <= buckets.last
