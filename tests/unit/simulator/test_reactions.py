from collections import Counter, defaultdict
from datetime import UTC, datetime

import orjson
import pytest

from schemas.topics import DAY_S, INPUTS
from stream.simulator import Imperfections, Simulation
from stream.simulator.world import WorldParameters

START = datetime(2026, 1, 5, tzinfo=UTC)
ADAPTERS = {topic.name: topic.adapter() for topic in INPUTS}


def _simulation(world, events=8_000):
    return Simulation(
        events=events,
        seed=3,
        start=START,
        visitors_per_day=32,
        imperfections=Imperfections.none(),
        world=world,
    )


def _run(action, every_days=7.0, events=8_000, world=None):
    """Contact each lead when it does something, not more often than told."""
    simulation = _simulation(world or WorldParameters(), events)
    last_s, seen = {}, []
    for event in simulation:
        body = orjson.loads(event.value)
        seen.append((event, body))
        lead_id = body.get("lead_id")
        is_own = body["type"] in {"page_view", "form_fill"}
        if is_own and lead_id and event.arrives_at - last_s.get(lead_id, 0) > every_days * DAY_S:
            last_s[lead_id] = event.arrives_at
            simulation.react(lead_id, action, event.arrives_at + 3_600)
    return simulation, seen


def test_without_reactions_no_byte_changes():
    plain = list(_simulation(None))
    assert plain == list(_simulation(WorldParameters()))
    assert plain == [event for event, _ in _run("nothing")[1]]


def test_reactions_repeat_by_seed():
    first, second = _run("content"), _run("content")
    assert [event for event, _ in first[1]] == [event for event, _ in second[1]]


@pytest.mark.parametrize("action", ["content", "webinar", "demo_invite", "call", "discount"])
def test_what_follows_fits_the_contract_in_order_and_ends_with_the_outcome(action):
    simulation, seen = _run(action)
    previous_s, outcomes, kinds = 0.0, {}, Counter()
    for event, body in seen:
        ADAPTERS[event.topic].validate_json(event.value)
        assert event.arrives_at >= previous_s
        previous_s = event.arrives_at
        kinds[body["type"]] += 1
        if body["type"] == "outcome":
            assert body["lead_id"] not in outcomes
            outcomes[body["lead_id"]] = body["result"]
    for lead_id, result in outcomes.items():
        assert simulation.truth.leads[lead_id].result == result
    plain = Counter(body["type"] for _, body in _run("nothing")[1])
    mark = "activity" if action == "call" else "email_open"
    assert kinds[mark] > 1.1 * plain[mark]


def test_who_unsubscribes_gets_no_mail_and_reacts_no_more():
    _, seen = _run("content", every_days=1.0)
    unsubscribed_s = {}
    for event, body in seen:
        lead_id = body.get("lead_id")
        if body["type"] == "email_unsubscribe":
            unsubscribed_s.setdefault(lead_id, event.arrives_at)
        elif str(body.get("campaign_id")).startswith("trigger-") and lead_id in unsubscribed_s:
            # What was sent before is read within two days, and may be followed then.
            assert event.arrives_at < unsubscribed_s[lead_id] + 2.1 * DAY_S
    assert len(unsubscribed_s) > 20


def test_contact_moves_outcomes_both_ways():
    plain = _run("nothing", events=20_000)[0].truth.leads
    moved = defaultdict(int)
    for lead_id, lead in _run("call", 4.0, events=20_000)[0].truth.leads.items():
        before = plain.get(lead_id)
        if before is not None:
            moved[before.result, lead.result] += 1
    assert moved[None, "won"] + moved["lost", "won"] > 5
    assert moved["won", "lost"] > 0


def test_leads_without_a_world_or_a_name_do_not_react():
    simulation = _simulation(None)
    next(iter(simulation))
    with pytest.raises(RuntimeError, match="world"):
        simulation.react("lead-1", "call", 0.0)
    simulation = _simulation(WorldParameters())
    next(iter(simulation))
    with pytest.raises(KeyError):
        simulation.react("lead-1", "call", 0.0)
    with pytest.raises(ValueError, match="give one of"):
        simulation.react("lead-1", "shout", 0.0)
