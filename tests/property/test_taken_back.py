"""A scanner's events that are recognised late leave what those recognised at once leave."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_stream import START_S, LeadStream, event

from schemas import scores, topics
from stream.lead import discount
from stream.lead.features import features_of
from stream.lead.house import House
from stream.lead.point_rules import parse_point_rules
from stream.lead.points import standing
from stream.lead.state import LeadState
from stream.lead.unsettled import MAX_UNSETTLED

RULES = parse_point_rules("""
[[rule]]
name = "clicked"
points = 15
event = "email_click"
max_points = 40
half_life_s = 3_600

[[rule]]
name = "clicked_pricing"
points = 7
event = "email_click"
where.url.contains = "/1"

[[rule]]
name = "opened"
points = 5
event = "email_open"
max_points = 12

[[rule]]
name = "visited"
points = 4
event = "page_view"
max_points = 20
""")
HOUSE = House(points=RULES, samples_per_lead=3)
SCANNER = {"user_agent": "Barracuda Sentinel (EE)"}

touches = st.tuples(
    st.sampled_from(["email_open", "email_click"]), st.integers(0, 4), st.sampled_from(["m", "n"])
)
others = st.tuples(
    st.sampled_from(["page_view", "form_fill", "activity", "stage_change", "email_reply"]),
    st.integers(0, 9),
    st.just(""),
)
deliveries = st.tuples(st.just("email_delivered"), st.just(0), st.sampled_from(["m", "n"]))
moments = st.tuples(
    st.sampled_from([0.0, 0.2, 1.0, 1.0, 4.0, 9.0, 40.0, 70.0]),
    st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 20.0]),
)
histories = st.lists(
    st.tuples(st.one_of(touches, touches, others, deliveries), moments), min_size=1, max_size=16
)


def times(history: list[Any]) -> list[float]:
    """Return when each event occurred, in seconds after the start: no two at once."""
    now_s, found = 0.0, []
    for number, (_, (after_s, late_s)) in enumerate(history):
        now_s += after_s
        found.append(round(now_s - late_s + number / 1000, 3))
    return found


def told(history: list[Any], before: int, machines: frozenset[int] = frozenset()) -> LeadStream:
    """Let a history happen to a lead that has done something before.

    Parameters
    ----------
    machines
        Numbers of the events whose agent says what it is.
    """
    stream = LeadStream(house=HOUSE)
    for number in range(before):
        page = f"https://example.com/{number}"
        stream.send(event("page_view", f"b{number}", -9e4 + number, lead_id="L", url=page))
    for number, (((kind, link, mail), _), at_s) in enumerate(
        zip(history, times(history), strict=True)
    ):
        fields: dict[str, Any] = {"stage": "s"} if kind == "stage_change" else {}
        if mail:
            fields |= {"message_id": mail, "url": f"https://example.com/{link}"}
        elif kind == "page_view":
            fields |= {"url": f"https://example.com/{link}", "duration_s": 3.0}
        if number in machines:
            fields["context"] = SCANNER
        stream.send(event(kind, f"e{number}", at_s, lead_id="L", **fields))
    return stream


def seen(state: LeadState) -> dict[str, float | str]:
    points = sum(standing(state.ledger, HOUSE.points, state.last_at_s).values())
    return features_of(state, state.last_at_s + 60, points)


def recognised(history: list[Any], before: int, machines: frozenset[int] = frozenset()):
    """Let a history happen; return it, and which of its events were a machine's in the end."""
    found: set[float] = set()
    count = discount.count

    def noted(state: LeadState, kind: str, reason: str, at_s: float) -> None:
        found.add(round(at_s - START_S, 3))
        count(state, kind, reason, at_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discount, "count", noted)
        stream = told(history, before, machines)
    return stream, frozenset(n for n, at_s in enumerate(times(history)) if at_s in found)


@settings(max_examples=400, deadline=None)
@given(histories, st.sampled_from([0, 3, 30]))
def test_taken_back_is_as_if_recognised_at_once(history, before):
    late, machines = recognised(history, before)
    at_once, same = recognised(history, before, machines)
    assert same == machines
    one, other = late.lead("L"), at_once.lead("L")
    assert (one.events, one.sessions, one.dwell_s) == (other.events, other.sessions, other.dwell_s)
    assert (one.last_active_s, one.absence_due_s) == (other.last_active_s, other.absence_due_s)
    assert one.pages == other.pages
    assert [step[:2] for step in one.journey] == [step[:2] for step in other.journey]
    assert one.ledger.keys() == other.ledger.keys()
    for name, value in seen(one).items():
        expected = seen(other)[name]
        if isinstance(value, float):
            assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9), name
        else:
            assert value == expected, name
    assert seen(one).keys() == seen(other).keys()
    assert {k: row[0] for k, row in one.counts.counts.items()} == {
        k: row[0] for k, row in other.counts.counts.items()
    }


@settings(max_examples=100, deadline=None)
@given(histories, st.sampled_from([0, 30]))
def test_what_is_unsettled_survives_a_restart(history, before):
    whole = told(history, before)
    again = LeadStream(house=HOUSE)
    for entry in whole.logs[0]:
        again.restart()
        again.apply(0, entry)
    assert again.states() == whole.states()
    assert again.outputs == whole.outputs


@settings(max_examples=150, deadline=None)
@given(histories)
def test_scores_say_what_is_discounted_and_it_stays_small(history):
    stream = told(history, 0)
    lead = stream.lead("L")
    for body in stream.bodies(topics.LEAD_SCORES):
        scores.ScoreChanged.model_validate_json(orjson.dumps(body))
    assert lead.events + sum(int(n) for n, _ in (lead.discounted or {}).values()) == sum(
        kind != "email_delivered" for (kind, _, _), _ in history
    )
    assert len(lead.mails or ()) <= discount.MAX_MAILS
    assert lead.unsettled is None or len(lead.unsettled.steps) <= MAX_UNSETTLED
