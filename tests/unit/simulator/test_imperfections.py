from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest
from pydantic import ValidationError

from schemas.topics import DAY_S, INPUTS
from stream.simulator import Imperfections, Simulation

START = datetime(2026, 1, 5, tzinfo=UTC)
ADAPTERS = {topic.name: topic.adapter() for topic in INPUTS}


def _events(flaw, **imperfections):
    simulation = Simulation(
        events=3_000, seed=2, start=START, imperfections=Imperfections(**imperfections)
    )
    return [event for event in simulation if event.flaw == flaw]


def test_flaws_have_about_their_shares_and_the_truth_counts_them(run):
    flaws = Counter(event.flaw for event in run.events)
    shares = Imperfections()
    for flaw in ("late", "duplicate", "not_json", "unknown_type", "missing_field", "bad_value"):
        expected = getattr(shares, flaw) * len(run.events)
        assert 0.5 * expected < flaws[flaw] < 1.7 * expected
    assert flaws["too_large"] == 0
    assert flaws.pop(None) == run.truth.events - run.truth.flaws.total()
    assert flaws == run.truth.flaws


def test_the_truth_counts_events_and_flaws_by_lead(run):
    leads = run.truth.leads.values()
    assert all(0 <= sum(lead.flaws.values()) < lead.events for lead in leads)
    assert 0.6 * len(run.events) < sum(lead.events for lead in leads) < len(run.events)


def test_a_world_without_flaws():
    simulation = Simulation(events=3_000, seed=1, start=START, imperfections=Imperfections.none())
    assert {event.flaw for event in simulation} == {None}


def test_duplicates_repeat_the_bytes(run):
    values = {event.value for event in run.events if event.flaw is None}
    repeated = [event.value for event in run.events if event.flaw == "duplicate"]
    assert repeated
    assert values.issuperset(repeated)


def test_late_events_are_proper_and_a_few_are_beyond_a_week():
    delays_s = []
    for event in _events("late", late=0.3, late_beyond_a_week=0.2):
        message = ADAPTERS[event.topic].validate_json(event.value)
        assert message.type != "outcome"
        delays_s.append(event.arrives_at - message.occurred_at.timestamp())
    beyond = [delay_s for delay_s in delays_s if delay_s > 7 * DAY_S]
    assert 0 < len(beyond) < 0.3 * len(delays_s)
    assert min(delays_s) >= 119
    assert max(delays_s) < 10.1 * DAY_S


def test_broken_json_does_not_parse():
    events = _events("not_json", not_json=0.3)
    assert len({event.value for event in events}) > 100
    for event in events:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(event.value)


@pytest.mark.parametrize(
    ("flaw", "errors"),
    [
        ("unknown_type", {"union_tag_invalid", "literal_error"}),
        ("missing_field", {"missing"}),
    ],
)
def test_damage_is_what_its_name_says(flaw, errors):
    events = _events(flaw, **{flaw: 0.3})
    assert len(events) > 100
    for event in events:
        with pytest.raises(ValidationError) as caught:
            ADAPTERS[event.topic].validate_json(event.value)
        assert {error["type"] for error in caught.value.errors()} <= errors


def test_a_bad_value_is_refused_or_names_a_placeholder():
    events = _events("bad_value", bad_value=0.3)
    placeholders = 0
    for event in events:
        if orjson.loads(event.value).get("lead_id") in {"null", "undefined"}:
            placeholders += 1
            continue
        with pytest.raises(ValidationError):
            ADAPTERS[event.topic].validate_json(event.value)
    assert 0 < placeholders < len(events)


def test_clocks_in_the_future_are_at_least_a_month_ahead():
    for event in _events("in_the_future", in_the_future=0.3):
        message = ADAPTERS[event.topic].validate_json(event.value)
        assert message.occurred_at.timestamp() > event.arrives_at + 29 * DAY_S


def test_too_large_events_have_the_size_asked_for():
    events = _events("too_large", too_large=0.01, too_large_bytes=20_000)
    assert events
    assert all(20_000 < len(event.value) < 21_000 for event in events)


@pytest.mark.parametrize(
    ("shares", "message"),
    [({"late": 1.2}, "late=1.2"), ({"late": 0.6, "duplicate": 0.6}, "sum to")],
)
def test_faulty_shares_are_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        Imperfections(**shares)
