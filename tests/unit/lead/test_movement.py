"""A score change says which events moved it, and by how much."""

import math
from dataclasses import replace

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from stream.lead.movement import EARLIER, MAX_MOVES
from stream.lead.scoring import logit


def told(stream):
    bodies = [orjson.loads(output.value) for output in stream.outputs if output.value]
    return [body for body in bodies if body.get("type") == "score_changed"]


def fed(step, *events):
    stream = LeadStream(house=replace(HOUSE, score_step=step, warm_at=99.0, hot_at=99.9))
    stream.send(*events)
    return stream


def views(count):
    return [event("page_view", f"v{n}", n * DAY_S, lead_id="L") for n in range(count)]


def assert_they_sum(scores):
    before = logit(HOUSE.base_rate_prior)
    for score in scores:
        after = logit(score["p_convert"])
        assert math.fsum(m["change"] for m in score["moved_by"]) == pytest.approx(after - before)
        before = after


def test_each_change_is_told_with_the_event_that_made_it():
    scores = told(fed(0.0, *views(3), event("form_fill", "f", 3 * DAY_S, lead_id="L")))
    moves = [[move["event_id"] for move in score["moved_by"]] for score in scores]
    assert moves == [["v0"], ["v1"], ["v2"], ["f"]]
    (form,) = scores[-1]["moved_by"]
    assert form["kind"] == "form_fill:demo_request"
    assert form["text"] == "forms filled in: demo request"
    assert form["change"] > 1.0
    assert_they_sum(scores)


def test_moves_too_small_to_be_told_are_told_with_the_next_that_is_not():
    stream = fed(30.0, *views(4), event("form_fill", "f", 5 * DAY_S, lead_id="L"))
    scores = told(stream)
    assert len(scores) < 5, "the test is about those that are not told"
    moves = [m["event_id"] for s in scores for m in s["moved_by"]]
    waiting = [row[0] for row in stream.lead("L").moved_by]
    assert moves + waiting == ["v0", "v1", "v2", "v3", "f"]
    assert_they_sum(scores)


def test_the_oldest_are_summed_where_there_are_many():
    stream = fed(101.0, *views(30))
    scores = told(stream)
    moves = stream.lead("L").moved_by
    assert len(moves) == MAX_MOVES
    assert moves[0][1] == EARLIER
    assert [row[0] for row in moves[1:]] == [f"v{n}" for n in range(23, 30)]
    moved = math.fsum(row[2] for row in moves)
    assert moved == pytest.approx(stream.lead("L").log_odds - logit(scores[-1]["p_convert"]))


def test_absence_is_a_move_too_and_time_is_part_of_it():
    stream = fed(0.0, event("page_view", "v", lead_id="L"))
    stream.tick(10 * DAY_S)
    *_, score = told(stream)
    (move,) = score["moved_by"]
    assert move["kind"] == "absence"
    assert move["change"] < 0.0
    assert_they_sum(told(stream))


def test_they_survive_a_restart():
    stream = fed(101.0, *views(12))
    before = stream.lead("L").moved_by
    assert len(before) > 3
    stream.restart()
    assert stream.lead("L").moved_by == before
