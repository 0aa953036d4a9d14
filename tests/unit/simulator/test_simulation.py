from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import orjson
import pytest

from schemas.topics import DAY_S, INPUTS
from stream.simulator import Imperfections, Simulation, simulate

START = datetime(2026, 1, 5, tzinfo=UTC)


def test_equal_arguments_give_equal_events():
    first = list(simulate(events=3_000, seed=7, start=START))
    assert first == list(simulate(events=3_000, seed=7, start=START))
    assert first != list(simulate(events=3_000, seed=8, start=START))


def test_reading_a_simulation_again_begins_anew():
    simulation = Simulation(events=1_000, seed=7, start=START)
    first, truth = list(simulation), simulation.truth
    assert list(simulation) == first
    assert simulation.truth == truth
    assert simulation.truth is not truth


def test_a_longer_simulation_continues_a_shorter_one():
    short = list(simulate(events=500, seed=3, start=START, visitors_per_day=50))
    endless = simulate(events=None, seed=3, start=START, visitors_per_day=50)
    assert list(islice(endless, 500)) == short


def test_the_same_leads_live_with_and_without_flaws():
    leads = []
    for imperfections in (Imperfections.none(), Imperfections(form_without_lead_id=0)):
        simulation = Simulation(
            events=4_000, seed=5, start=START, visitors_per_day=32, imperfections=imperfections
        )
        list(simulation)
        leads.append(list(simulation.truth.leads)[:200])
    # Late events let a few leads appear in another order.
    assert len(set(leads[0]) & set(leads[1])) >= 190


def test_every_event_but_the_damaged_ones_fits_the_contract(run):
    adapters = {topic.name: topic.adapter() for topic in INPUTS}
    seen = set()
    for event in run.events:
        if event.flaw in {None, "late", "duplicate"}:
            message = adapters[event.topic].validate_json(event.value)
            delay_s = event.arrives_at - message.occurred_at.timestamp()
            assert (delay_s == 0) if event.flaw is None else (delay_s > 0)
            seen.add(message.type)
    assert seen >= {
        *("page_view", "form_fill", "activity", "cost", "email_open", "email_click"),
        *("email_reply", "email_bounce", "email_unsubscribe", "lead_profile", "stage_change"),
        *("outcome", "purchase", "sales_feedback", "satisfaction"),
    }


def test_events_come_in_order_of_arrival(run):
    arrivals = [event.arrives_at for event in run.events]
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= START.timestamp()


def test_event_ids_are_unique_but_for_duplicates(run):
    ids = [
        orjson.loads(event.value)["event_id"]
        for event in run.events
        if event.flaw in {None, "late"}
    ]
    assert len(set(ids)) == len(ids)


def test_twenty_thousand_events_span_a_funnel(run):
    span_days = (run.events[-1].arrives_at - START.timestamp()) / DAY_S
    assert 60 <= span_days <= 90
    assert 1_400 <= len(run.truth.leads) <= run.truth.visitors <= 2_500


def test_active_leads_depend_on_arrivals_not_on_events(run):
    simulation = Simulation(events=50_000, seed=1, start=START, keep_truth=False)
    most = max(simulation.active_leads for _ in simulation)
    assert most < 1.3 * run.most_active_leads
    assert run.most_active_leads < 600
    assert not simulation.truth.leads


def test_few_events_still_see_outcomes():
    simulation = Simulation(events=5_000, seed=1, start=START)
    list(simulation)
    assert simulation.truth.count("won") >= 20


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"start": datetime(2026, 1, 5)}, "start="),
        ({"start": START, "visitors_per_day": 0}, "visitors_per_day="),
    ],
)
def test_a_faulty_argument_is_named(arguments, field):
    with pytest.raises(ValueError, match=field):
        simulate(events=1, seed=1, **arguments)


def test_start_may_stand_in_any_zone():
    there = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    events = list(simulate(events=200, seed=1, start=START))
    assert events == list(simulate(events=200, seed=1, start=there))
