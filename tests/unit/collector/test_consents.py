"""Consent that a message's context tells becomes events of its own, before the message's."""

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from stream.collector.collecting import Collected, Collector, Delivery
from stream.collector.consents import parse_purposes
from stream.lead.routing import Router
from stream.lead.sealing import Sealer
from stream.settings import Settings

NOW_S = 1772443810.0
PURPOSES = {"scoring": ["Analytics", "Functional"], "nurturing": ["Advertising"]}
COLLECTOR = Collector(Router(b"key", Sealer(b"key")), PURPOSES)


def collected(preferences: Any, **fields: Any) -> Collected:
    message = {
        "messageId": "m-1",
        "userId": "lead-1",
        "anonymousId": "v-1",
        "event": "Webinar Attended",
        "timestamp": "2026-03-02T09:30:00Z",
        "context": {"consent": {"categoryPreferences": preferences}},
        **fields,
    }
    return COLLECTOR.collect(message, "track", Delivery(None, NOW_S, lambda: "fresh"))


def events(found: Collected) -> list[dict[str, Any]]:
    return [orjson.loads(item.record.value or b"") for item in found.each()]


def granted(preferences: Any) -> dict[str, Any]:
    return {e["purpose"]: e["granted"] for e in events(collected(preferences))[:-1]}


def test_consent_has_the_lead_and_the_time_of_its_message_and_goes_before_it():
    found = events(collected({"Advertising": True, "Analytics": False}))
    assert [event["type"] for event in found] == ["consent", "consent", "activity"]
    for consent in found[:2]:
        assert (consent["lead_id"], consent["anonymous_id"]) == ("lead-1", "v-1")
        assert consent["occurred_at"] == found[-1]["occurred_at"]
    assert len({event["event_id"] for event in found}) == 3
    assert events(collected({"Advertising": True, "Analytics": False})) == found
    assert "consent" not in found[-1].get("context", {})


@pytest.mark.parametrize(
    ("preferences", "told"),
    [
        ({"Advertising": True}, {"nurturing": True}),
        ({"ADVERTISING": False}, {"nurturing": False}),
        ({"Analytics": True, "Functional": True}, {"scoring": True}),
        ({"Analytics": True, "Functional": False}, {"scoring": False}),
        ({"Analytics": True}, {"scoring": True}),
        ({"DataSharing": False}, {}),
        ({}, {}),
        (None, {}),
        (["Advertising"], {}),
    ],
)
def test_categories_are_the_purposes_that_the_house_says(preferences, told):
    assert granted(preferences) == told


@pytest.mark.parametrize("value", ["yes", 1, None, {}])
def test_what_is_neither_true_nor_false_is_refused_and_the_sender_hears_of_it(value):
    found = collected({"Advertising": value})
    assert found.fault is not None
    assert (found.fault.field, found.refusal) == ("granted", None)
    assert events(found)[0]["granted"] == value


def test_a_message_that_tells_only_consent_is_no_activity():
    found = collected({"Advertising": True}, event="Segment Consent Preference Updated")
    assert [event["type"] for event in events(found)] == ["consent"]
    without = collected({}, event="Segment Consent Preference Updated")
    assert [event["type"] for event in events(without)] == ["activity"]


def test_a_message_of_nobody_gives_nobody_consent():
    found = collected({"Advertising": True}, userId="", anonymousId="")
    assert [event["type"] for event in events(found)] == ["activity"]


def test_by_default_analytics_is_scoring_and_advertising_nurturing():
    purposes = parse_purposes(Settings().collect_consent_purposes)
    assert purposes == {"scoring": ("Analytics",), "nurturing": ("Advertising",)}
    assert parse_purposes("") == {}


@pytest.mark.parametrize("wrong", ["Analytics", "=scoring", "Analytics="])
def test_what_names_no_category_and_purpose_is_refused(wrong, monkeypatch):
    monkeypatch.setenv("LEADSTREAM_COLLECT_CONSENT_PURPOSES", f"Advertising=nurturing,{wrong}")
    with pytest.raises(ValidationError, match="give CATEGORY=PURPOSE with commas between"):
        Settings()
