"""Learned segments in the fold: when leads are looked at, what goes out, who leaves them."""

from dataclasses import replace
from functools import cache
from itertools import count
from random import Random
from typing import Any

import orjson
import pytest
from lead_stream import HOUSE, LeadStream, event

from online_models.segment_scorer import LIBRARY, SNAPSHOT_SCHEMA
from schemas import topics
from schemas.milestones import SegmentSeen
from schemas.scores import SegmentChanged
from stream.lead.hashing import address_hash
from stream.lead.learned_segments import MODEL
from stream.reports.report import Terms
from stream.reports.segments import SegmentsReport

TELLS = replace(HOUSE, logs_milestones=True, erasure_key=b"a key for tests", score_step=0.0)
PAGES = {"reader": ["blog", "blog", "webinars"], "buyer": ["pricing", "docs", "product"]}
VERSION = "latent_classes-7"
NUMBERS = count()


def visits(
    stream: LeadStream, lead: str, kind: str, views: int, seed: int = 1, **more: Any
) -> None:
    """Let a lead see pages of one kind of lead."""
    random = Random(f"{lead}/{seed}")
    for number in range(views):
        url = f"https://example.com/{random.choice(PAGES[kind])}"
        at_s = 60.0 * number
        stream.send(event("page_view", f"v{next(NUMBERS)}", at_s, lead_id=lead, url=url, **more))


def milestones(stream: LeadStream) -> list[SegmentSeen]:
    return [
        SegmentSeen.model_validate_json(orjson.dumps(body))
        for body in stream.bodies(topics.TRAINING_EXAMPLES)
        if body["type"] == "segment_seen"
    ]


def changes(stream: LeadStream) -> list[SegmentChanged]:
    return [
        SegmentChanged.model_validate_json(orjson.dumps(body))
        for body in stream.bodies(topics.LEAD_SCORES)
        if body["type"] == "segment_changed"
    ]


@cache
def learned() -> SegmentsReport:
    """Return segments of 160 leads of two kinds, learned from what the fold tells of them."""
    stream, report = LeadStream(house=TELLS), SegmentsReport(Terms("EUR"))
    for number in range(160):
        visits(stream, f"L{number}", ("reader", "buyer")[number % 2], 8)
    for milestone in milestones(stream):
        report.learn(milestone)
    report.fit()
    return report


def put_snapshot(stream: LeadStream) -> None:
    body = {
        "type": "model_snapshot", "model": MODEL, "version": VERSION, "examples": 7,
        "positives": 0, "snapshot_schema": SNAPSHOT_SCHEMA, "library": LIBRARY,
        "state": learned().snapshot(),
    }  # fmt: skip
    stream.store.put(f"{MODEL}/{VERSION}", orjson.dumps(body))


def serve(stream: LeadStream) -> None:
    put_snapshot(stream)
    use = {"type": "use_model", "model": MODEL, "version": VERSION}
    stream.append(0, None, orjson.dumps(use), [])


@pytest.fixture
def served() -> LeadStream:
    stream = LeadStream(house=TELLS)
    serve(stream)
    return stream


def test_a_lead_is_looked_at_after_its_8th_12th_16th_event():
    stream = LeadStream(house=TELLS)
    visits(stream, "L", "reader", 25)
    seen = milestones(stream)
    assert len(seen) == 4  # and the 24th
    assert {one.lead_hash for one in seen} == {address_hash("L", TELLS.erasure_key)}
    assert [(one.previous_segment, one.segment) for one in seen] == [(None, None)] * 4
    assert changes(stream) == []
    assert all(name.startswith(("count:", "attribute")) for one in seen for name in one.x)


def test_a_lead_comes_into_a_segment_and_moves_to_another(served):
    visits(served, "R", "reader", 8)
    visits(served, "B", "buyer", 8)
    first, second = changes(served)
    assert (first.kind, first.lead_id, first.previous_segment) == ("learned", "R", None)
    assert first.segment != second.segment
    assert first.name is not None
    assert "blog" in first.name
    assert first.model_version == VERSION
    assert served.lead("R").segment == first.segment
    visits(served, "R", "buyer", 40, seed=2)
    *_, moved = changes(served)
    assert (moved.lead_id, moved.previous_segment) == ("R", first.segment)
    assert moved.segment == second.segment == served.lead("R").segment
    told = [one for one in milestones(served) if one.previous_segment == first.segment]
    assert second.segment in {one.segment for one in told}


def test_a_lead_that_is_known_already_gets_its_segment_with_its_next_event():
    stream = LeadStream(house=TELLS)
    visits(stream, "L", "reader", 9)
    serve(stream)
    visits(stream, "L", "reader", 1)
    (change,) = changes(stream)
    assert milestones(stream)[-1].segment == change.segment


def test_folded_again_and_over_a_restart_it_is_the_same_to_the_bit(served):
    visits(served, "R", "reader", 10)
    served.restart()
    visits(served, "R", "buyer", 40)
    assert len(changes(served)) == 2
    again = LeadStream(house=TELLS)
    put_snapshot(again)
    for entry in served.logs[0]:
        again.apply(0, entry)
    assert again.outputs == served.outputs
    assert again.states() == served.states()


def test_an_erased_lead_leaves_its_segment_and_the_sample(served):
    visits(served, "R", "reader", 8)
    served.send(event("erasure", "e", 9_999.0, lead_id="R"))
    left = milestones(served)[-1]
    assert (left.x, left.segment) == ({}, None)
    assert left.previous_segment == changes(served)[0].segment
    assert left.lead_hash == address_hash("R", TELLS.erasure_key)


def test_a_lead_that_withdraws_its_consent_leaves_its_segment(served):
    visits(served, "R", "reader", 8)
    (entered,) = changes(served)
    sent = len(served.bodies(topics.LEAD_SCORES))
    refusal = {"purpose": "scoring", "granted": False}
    served.send(event("consent", "c", 9_999.0, lead_id="R", **refusal))
    assert served.lead("R").segment is None
    assert milestones(served)[-1].x == {}
    assert (changes(served)[-1].previous_segment, changes(served)[-1].segment) == (
        entered.segment,
        None,
    )
    visits(served, "R", "reader", 16)
    assert len(milestones(served)) == 2
    assert len(served.bodies(topics.LEAD_SCORES)) == sent + 1


def test_of_two_leads_that_are_one_the_other_leaves_and_both_count_once(served):
    visits(served, "R", "reader", 8)
    visits(served, "S", "reader", 8)
    served.send(event("lead_merge", "m", 9_999.0, lead_id="S", into_lead_id="R"))
    left, seen = milestones(served)[-2:]
    assert (left.lead_hash, left.x) == (address_hash("S", TELLS.erasure_key), {})
    assert left.previous_segment is not None
    assert seen.lead_hash == address_hash("R", TELLS.erasure_key)
    assert seen.previous_segment == seen.segment == served.lead("R").segment
    told = changes(served)[-1]
    assert (told.lead_id, told.previous_segment, told.segment) == ("S", left.previous_segment, None)


def test_who_is_forgotten_after_long_silence_leaves_its_segment(served):
    visits(served, "R", "reader", 8)
    (entered,) = changes(served)
    served.tick(TELLS.retention_s + 9_999.0)
    told = changes(served)[-1]
    assert (told.lead_id, told.previous_segment, told.segment) == ("R", entered.segment, None)
    assert (milestones(served)[-1].x, milestones(served)[-1].segment) == ({}, None)


def test_visitors_without_a_name_are_in_no_segment(served):
    for number in range(12):
        url = "https://example.com/blog"
        served.send(event("page_view", f"a{number}", number, anonymous_id="A", url=url))
    assert milestones(served) == []
    assert changes(served) == []


def test_a_journey_says_in_which_segment_it_ended(served):
    visits(served, "R", "reader", 8)
    served.send(event("outcome", "o", 9_999.0, lead_id="R"))
    ended = [b for b in served.bodies(topics.TRAINING_EXAMPLES) if b["type"] == "journey_ended"]
    assert [one["segment"] for one in ended] == [served.lead("R").segment]


def test_its_first_segment_and_its_entry_stay_with_a_lead_for_cohorts(served):
    visits(served, "R", "reader", 8)
    visits(served, "R", "buyer", 40, seed=2)
    served.send(event("outcome", "o", 9_999.0, lead_id="R"))
    entered = [one for one in milestones(served) if one.entered_at is not None]
    first, second = changes(served)
    assert [one.segment for one in entered] == [first.segment]
    (told,) = (b for b in served.bodies(topics.TRAINING_EXAMPLES) if b["type"] == "journey_ended")
    assert (told["first_segment"], told["segment"]) == (first.segment, second.segment)
    assert told["is_first_win"]


def test_a_customer_that_comes_into_a_segment_is_in_no_cohort_of_leads(served):
    served.send(event("outcome", "o", 0.0, lead_id="R"))
    visits(served, "R", "reader", 8)
    assert changes(served)
    assert all(one.entered_at is None for one in milestones(served))


def test_a_house_without_reports_looks_at_nobody():
    stream = LeadStream(house=replace(TELLS, logs_milestones=False))
    serve(stream)
    visits(stream, "R", "reader", 16)
    assert milestones(stream) == []
    assert stream.lead("R").segment is None
