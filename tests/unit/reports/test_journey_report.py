"""Report journey: what it counts, once; the stage to work on; what it says."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixed_leads import flat, interleaved

from online_models.formats import ModelFormatError
from schemas.milestones import LeadEntered, Milestone, StageLeft
from stream.reports.journey import MAX_STAGES, JourneyReport
from stream.reports.report import Terms, day_of

TERMS = Terms("EUR")
START = datetime(2026, 1, 5, tzinfo=UTC)
TODAY = day_of(START) + 200
NEXT: dict[str, tuple[str, ...]] = {
    "new": ("mql", "mql", "mql", "lost", "silent"),
    "mql": ("demo", "new", "silent", "demo"),
    "demo": ("won", "lost", "mql"),
}


def left(
    stage: str, after: str, began: datetime, stayed_s: float, *, is_after_end: bool = False
) -> StageLeft:
    where: dict[str, Any] = (
        {"result": after} if after in {"won", "lost", "silent"} else {"next_stage": after}
    )
    at = began + timedelta(seconds=stayed_s)
    where |= {"is_after_end": is_after_end}
    return StageLeft(stage=stage, stayed_s=stayed_s, occurred_at=at, **where)


def leads(seed: int, count: int) -> list[list[Milestone]]:
    """Return the milestones of leads; a deal is told by a move to ``customer`` once more."""
    random, found = Random(seed), []
    for _ in range(count):
        at = START + timedelta(seconds=random.uniform(0, 9e6))
        own: list[Milestone] = [LeadEntered(source="email", occurred_at=at)]
        stage = "new"
        while random.random() < 0.95:
            after, stayed_s = random.choice(NEXT[stage]), random.uniform(60.0, 1e6)
            own.append(left(stage, after, at, stayed_s))
            if after == "won":
                own.append(left(stage, "customer", at, stayed_s + 600.0, is_after_end=True))
            if after in {"won", "lost", "silent"}:
                break
            stage, at = after, own[-1].occurred_at
        found.append(own)
    return found


def learned(found: list[Milestone], report: JourneyReport | None = None) -> JourneyReport:
    report = JourneyReport(TERMS) if report is None else report
    for milestone in found:
        report.learn(milestone)
    return report


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_counts_are_those_of_brute_force_and_the_order_of_leads_does_not_matter(seed, random):
    found = leads(seed, 40)
    report = learned(flat(found))
    assert learned(interleaved(found, random)).figures(TODAY) == report.figures(TODAY)
    figures = report.figures(TODAY)
    stays = [one for one in flat(found) if isinstance(one, StageLeft)]
    moves = Counter((one.stage, one.next_stage) for one in stays if one.next_stage)
    results = Counter(one.result for one in stays if one.result)
    assert figures["moved_after_end"] == results["won"] == figures["won"]
    assert (figures["entered"], figures["lost"], figures["silent"]) == (
        40,
        results["lost"],
        results["silent"],
    )
    told = {(move["from_stage"], move["to_stage"]): move["count"] for move in figures["moves"]}
    assert told == {move: count for move, count in moves.items() if move[1] != "customer"}
    under_way = sum(not any(getattr(one, "result", None) for one in own) for own in found)
    assert sum(stage["now"] for stage in figures["stages"]) == under_way
    assert all(stage["unseen"] == 0 for stage in figures["stages"])


@pytest.mark.parametrize("cut", [0, 1, 99, 170])
def test_a_checkpoint_in_the_middle_changes_nothing(cut):
    found = flat(leads(5, 80))
    stored = orjson.loads(orjson.dumps(learned(found[:cut]).checkpoint()))
    resumed = learned(found[cut:], JourneyReport.restore(stored, TERMS))
    whole = learned(found)
    assert json.dumps(resumed.checkpoint()) == json.dumps(whole.checkpoint())
    assert resumed.figures(TODAY) == whole.figures(TODAY)


def test_a_deal_that_is_told_by_outcome_and_stage_is_one_deal():
    won = left("new", "won", START, 5_000.123457)
    moved = left("new", "customer", START, 5_600.123456, is_after_end=True)
    figures = learned([LeadEntered(source="email", occurred_at=START), won, moved]).figures(TODAY)
    assert (figures["won"], figures["moved_after_end"], figures["moves"]) == (1, 1, [])
    assert figures["conversion_ratio"] == 1.0


def test_a_lead_that_comes_back_after_silence_is_told_as_left_more_often_than_entered():
    entry = LeadEntered(source="email", occurred_at=START)
    back = [left("new", "silent", START, 9e6), left("new", "mql", START, 9.5e6)]
    report = learned([entry, *back])
    figures = report.figures(TODAY)
    stages = {stage["name"]: stage for stage in figures["stages"]}
    assert (stages["new"]["now"], stages["new"]["unseen"], stages["mql"]["now"]) == (0, 1, 1)
    assert any("1 times more often" in one for one in report.view(figures).sentences)


def test_the_stage_to_work_on_and_the_slowest_are_named_with_what_they_cost():
    found: list[Milestone] = []
    for number in range(1_000):
        at = START + timedelta(minutes=number)
        found.append(LeadEntered(source="email", occurred_at=at))
        found.append(left("new", "lost" if number < 100 else "demo", at, 86_400.0))
        if number >= 100:
            found.append(left("demo", "lost" if number < 700 else "offer", at, 86_400.0))
        if number >= 700:
            found.append(left("offer", "won" if number >= 750 else "back", at, 864_000.0))
    report = learned(found)
    figures = report.figures(TODAY)
    assert (figures["bottleneck"], figures["slowest"]) == ("demo", "offer")
    told = " ".join(report.view(figures).sentences)
    assert "Work on demo first. 66.7 % of those who leave it drop off." in told
    assert "from 25.0 % to 30.0 %: 50 more deals from 1,000 new leads" in told
    assert "offer takes longest: 83." in told
    (bars,) = report.plots(figures)
    assert bars.title == "Most drop off in demo: 66.7 % of who leave it"
    assert list(bars.labels) == ["new", "demo", "offer"]


def test_without_deals_no_bottleneck_is_named():
    at = START
    found = [left("new", "lost", at + timedelta(hours=n), 60.0) for n in range(50)]
    report = learned([LeadEntered(source="email", occurred_at=at), *found])
    figures = report.figures(TODAY)
    assert figures["bottleneck"] is None
    assert "No bottleneck can be named yet" in " ".join(report.view(figures).sentences)


def test_it_is_bounded_and_says_what_is_not_told_apart():
    report = JourneyReport(TERMS)
    random = Random(1)
    for number in range(40_000):
        at = START + timedelta(seconds=number)
        stage = f"a-rather-long-stage-{random.randrange(MAX_STAGES + 9)}"
        after = random.choice([f"a-rather-long-stage-{random.randrange(40)}", "won", "lost"])
        if after != stage:
            report.learn(left(stage, after, at, 60.0 * 1.05 ** random.uniform(0, 200)))
    figures = report.figures(TODAY)
    assert len(figures["stages"]) == MAX_STAGES + 1
    assert figures["in_other"] > 0
    assert any(one.startswith("Counted as other") for one in report.view(figures).sentences)


@pytest.mark.parametrize(
    "change",
    [
        {"moved_after_end": -1},
        {"moved_after_end": True},
        {"model": None},
    ],
)
def test_a_broken_checkpoint_is_refused(change):
    with pytest.raises(ModelFormatError):
        JourneyReport.restore(JourneyReport(TERMS).checkpoint() | change, TERMS)
