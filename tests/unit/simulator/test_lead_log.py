"""What simulated leads do, as events of the contract: all pages, money, consent, nothing twice."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import orjson
import pytest

from schemas.topics import INPUTS
from stream.simulator.pipeline import Pipeline
from stream.simulator.pipeline_log import CONTACT, LeadLog, pipeline_log
from stream.simulator.pipeline_policies import RandomPolicy
from stream.simulator.world import WorldParameters

WORLD = WorldParameters()
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def events():
    return pipeline_log(WORLD, RandomPolicy(contact_ratio=0.1), leads=150, seed=3)


def test_all_but_what_was_done_are_events_of_the_contract(events):
    of_type = {name: topic for topic in INPUTS for name in topic.types()}
    adapters = {topic.name: topic.adapter() for topic in INPUTS}
    for event in events:
        if event["type"] != CONTACT:
            topic = of_type[event["type"]]
            adapters[topic.name].validate_json(orjson.dumps(event | {"schema_version": 1}))
    assert {event["type"] for event in events} == {
        CONTACT,
        "activity",
        "consent",
        "email_click",
        "email_open",
        "email_unsubscribe",
        "form_fill",
        "lead_profile",
        "outcome",
        "page_view",
        "purchase",
        "satisfaction",
        "stage_change",
    }


def test_each_page_that_was_looked_at_is_told_once():
    rng, pipeline = Random(5), Pipeline(WORLD)
    for _ in range(20):
        prospect = pipeline.named_lead(rng)
        log, told = LeadLog(prospect, START), Counter()
        while True:
            for event in log.events():
                told[event.get("url")] += 1
            if prospect.is_over or prospect.won_day is not None:  # a customer's use has no pages
                break
            pipeline.day(prospect, 0, rng)
        del told[None]
        assert told.total() == sum(prospect.pages)


def test_deals_add_up_to_what_a_lead_brought():
    rng, pipeline = Random(2), Pipeline(WORLD)
    brought = 0
    for _ in range(80):
        prospect = pipeline.named_lead(rng)
        log, value_minor = LeadLog(prospect, START), 0
        while True:
            value_minor += sum(event.get("value_minor", 0) for event in log.events())
            if prospect.is_over:
                break
            pipeline.day(prospect, 0, rng)
        assert value_minor == prospect.value_minor
        brought += value_minor
    assert brought > 0


def test_a_lead_agrees_with_its_name_and_refuses_when_it_unsubscribes(events):
    said = {}
    for event in events:
        if event["type"] == "consent" and event["purpose"] == "nurturing":
            said.setdefault(event["lead_id"], []).append(event["granted"])
    gone = {event["lead_id"] for event in events if event["type"] == "email_unsubscribe"}
    assert gone
    assert all(answers == [True, False][: 1 + (lead in gone)] for lead, answers in said.items())
