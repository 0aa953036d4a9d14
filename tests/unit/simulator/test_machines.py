"""Scanners and crawlers of the simulation, whose truth is known."""

from collections import Counter
from datetime import datetime

import orjson
import pytest
from lead_stream import DAY_S

from stream.lead import discount
from stream.lead.decide import score_state
from stream.lead.house import House
from stream.lead.point_rules import parse_point_rules
from stream.offline import OfflineStream

CLICKS_HEAT = House(
    points=parse_point_rules("""
[[rule]]
name = "clicked"
points = 20
event = "email_click"
max_points = 100
"""),
    tasks=frozenset(),
)


def _fold(events):
    received_s = events[-1].arrives_at + 365 * DAY_S
    # What learns does not matter to what is counted, so that the quickest does.
    stream = OfflineStream(CLICKS_HEAT, b"a key for tests", received_s, ["logistic"])
    for event in events:
        stream.feed(event.topic, event.value)
    return stream


def _touch(address, kind, at_s):
    return address, kind, round(at_s, 3)


@pytest.fixture(scope="module")
def folded(run):
    """Return the leads of the whole run, and what was taken for a machine's."""
    found = set()
    count = discount.count

    def noted(state, kind, reason, at_s):
        found.add(_touch(state.lead_id, kind, at_s))
        count(state, kind, reason, at_s)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discount, "count", noted)
        return _fold(run.events).partition.leads, found


def test_machines_are_recognised_and_people_are_not_taken_for_them(run, folded):
    _, found = folded
    machines = set()
    for event in run.events:
        if event.flaw in {None, "late"} and event.is_machine:
            body = orjson.loads(event.value)
            address = body.get("lead_id") or f"anon:{body['anonymous_id']}"
            at_s = datetime.fromisoformat(body["occurred_at"]).timestamp()
            machines.add(_touch(address, body["type"], at_s))
    assert len(machines) > 500
    assert len(found & machines) / len(machines) > 0.9
    assert len(found & machines) / len(found) > 0.99


def test_scanned_leads_score_as_they_would_without_scanners(run, folded):
    with_machines, _ = folded
    without = _fold([event for event in run.events if not event.is_machine]).partition.leads
    scanned = [lead for lead in run.truth.leads.values() if lead.is_scanner]
    same, apart = Counter(), []
    for truth in scanned:
        one, other = with_machines.get(truth.lead_id), without.get(truth.lead_id)
        if one is None or other is None or one.forward_to or other.forward_to:
            continue
        counts = [{k: row[0] for k, row in s.counts.counts.items()} for s in (one, other)]
        same[counts[0] == counts[1] and one.events == other.events] += 1
        scores = [score_state(s, s.last_at_s, None, CLICKS_HEAT)[0].score for s in (one, other)]
        apart.append(abs(scores[0] - scores[1]))
    assert same.total() > 30
    assert same[True] / same.total() > 0.85
    assert sum(apart) / len(apart) < 5


def test_a_machines_events_are_a_small_part_and_say_so_to_nobody(run):
    machines = [event for event in run.events if event.is_machine]
    assert 0.01 < len(machines) / len(run.events) < 0.1
    assert not any(b"is_machine" in event.value for event in machines)


@pytest.mark.parametrize("kind", ["email_open", "email_click", "page_view"])
def test_machines_of_each_kind_are_there(run, kind):
    assert any(
        orjson.loads(e.value)["type"] == kind for e in run.events if e.is_machine and not e.flaw
    )
