"""Each call of the tracking API becomes one event, as its spec's own examples have it."""

from typing import Any

import pytest

from stream.collector.mapping import CALLS, event_of

RECEIVED_S = 1772443810.0  # 2026-03-02T09:30:10Z
RECEIVED = "2026-03-02T09:30:10.000000Z"


def mapped(call: str, sent_at: Any = None, **message: Any) -> dict[str, Any]:
    message = {"messageId": "m-1", "userId": "u-1", **message}
    event = event_of(
        call, message, sent_at=sent_at, received_s=RECEIVED_S, fresh_id=lambda: "fresh"
    )
    assert event.pop("event_id") == "m-1"
    return event


def own(call: str, **message: Any) -> dict[str, Any]:
    event = mapped(call, **message)
    assert event.pop("occurred_at") == RECEIVED
    assert event.pop("lead_id", "u-1") == "u-1"
    return event


def test_a_page_is_a_page_view() -> None:
    url = "https://example.com/pricing"
    assert own("page", properties={"url": url, "title": "Pricing", "search": "?a"}) == {
        "type": "page_view",
        "url": url,
        "title": "Pricing",
    }


@pytest.mark.parametrize(
    ("message", "url"),
    [
        (
            {"context": {"page": {"url": "https://example.com/a", "path": "/a"}}},
            "https://example.com/a",
        ),
        ({"properties": {"path": "/b"}}, "/b"),
        ({"name": "Pricing"}, "Pricing"),
        ({"properties": {"name": "Docs", "url": ""}}, "Docs"),
    ],
)
def test_a_page_is_known_by_the_best_that_is_said_of_it(message: Any, url: str) -> None:
    assert own("page", **message)["url"] == url


def test_a_page_of_which_nothing_is_said_has_no_url_and_is_left_to_be_refused() -> None:
    assert own("page") == {"type": "page_view"}


def test_a_screen_is_an_activity_with_its_name() -> None:
    assert own("screen", name="Home", properties={"variant": 2}) == {
        "type": "activity",
        "name": "screen",
        "properties": {"variant": 2, "name": "Home"},
    }


def test_traits_are_attributes_and_link_the_visitor() -> None:
    event = own(
        "identify",
        anonymousId="v-1",
        traits={
            "email": "jane@example.com",
            "title": "CTO",
            "company": {"id": "c-1", "name": "Acme", "employee_count": 80, "industry": "software"},
            "address": {"city": "Berlin", "country": "DE"},
            "plan": None,
        },
    )
    assert event == {
        "type": "lead_profile",
        "anonymous_id": "v-1",
        "attributes": {
            "email": "jane@example.com",
            "job_title": "CTO",
            "company_id": "c-1",
            "company": "Acme",
            "company_size": 80,
            "industry": "software",
            "country": "DE",
            "plan": None,
        },
    }


def test_traits_are_found_in_the_context_where_libraries_leave_them() -> None:
    event = own("identify", context={"traits": {"jobTitle": "CTO"}})
    assert event == {"type": "lead_profile", "attributes": {"job_title": "CTO"}}


def test_a_companys_address_never_names_the_lead() -> None:
    message = {"groupId": "c-1", "traits": {"email": "hello@example.com", "name": "Acme"}}
    assert own("group", **message)["attributes"] == {
        "company_id": "c-1",
        "company_email": "hello@example.com",
        "company": "Acme",
    }
    assert "lead_id" not in mapped("group", userId=None, **message)


def test_an_alias_merges_the_former_lead_into_the_present() -> None:
    event = mapped("alias", previousId="old")
    assert (event["type"], event["lead_id"], event["into_lead_id"]) == ("lead_merge", "old", "u-1")


@pytest.mark.parametrize("former", [{"previousId": "v-1"}, {}])
def test_an_alias_of_the_visitor_links_it(former: Any) -> None:
    event = own("alias", anonymousId="v-1", **former)
    assert event == {"type": "lead_profile", "anonymous_id": "v-1", "attributes": {}}


def test_an_alias_of_nobody_is_left_to_be_refused() -> None:
    assert mapped("alias")["lead_id"] is None


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ({"userId": 17, "anonymousId": None}, {"lead_id": "17"}),
        ({"userId": "", "anonymousId": "v-1"}, {"anonymous_id": "v-1"}),
        ({"userId": True}, {"lead_id": True}),
        (
            {"userId": None, "context": {"traits": {"email": "jane@example.com"}}},
            {"lead_id": "jane@example.com"},
        ),
        ({"userId": "u-1", "properties": {"email": "jane@example.com"}}, {"lead_id": "u-1"}),
    ],
)
def test_whose_message_it_is(ids: Any, found: dict[str, Any]) -> None:
    event = mapped("track", event="x", **ids)
    assert {k: v for k, v in event.items() if k in {"lead_id", "anonymous_id"}} == found


def test_the_context_of_the_contract_is_kept_and_no_other() -> None:
    context = {
        "ip": "203.0.113.9",
        "userAgent": "Mozilla/5.0",
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "campaign": {"source": "google", "name": "spring"},
        "device": {"id": "d-1"},
        "traits": {"email": "jane@example.com"},
        "library": {"name": "analytics.js"},
    }
    assert own("page", name="a", context=context)["context"] == {
        "ip": "203.0.113.9",
        "user_agent": "Mozilla/5.0",
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "campaign": {"source": "google", "name": "spring"},
    }


def test_the_browsers_agent_stands_in_for_one_that_is_not_said() -> None:
    message = {"messageId": "m", "userId": "u", "name": "a"}
    shared = {"sent_at": None, "received_s": 0.0, "fresh_id": str, "user_agent": "Firefox"}
    assert event_of("page", message, **shared)["context"] == {"user_agent": "Firefox"}
    told = {**message, "context": {"userAgent": "Chrome"}}
    assert event_of("page", told, **shared)["context"] == {"user_agent": "Chrome"}


@pytest.mark.parametrize(
    ("times", "occurred_at"),
    [
        ({}, RECEIVED),
        # A clock that is an hour ahead; ten seconds in the queue.
        (
            {"timestamp": "2026-03-02T10:30:00Z", "sentAt": "2026-03-02T10:30:10Z"},
            "2026-03-02T09:30:00.000000Z",
        ),
        (
            {"originalTimestamp": "2026-03-02T10:30:00Z", "sentAt": "2026-03-02T10:30:10Z"},
            "2026-03-02T09:30:00.000000Z",
        ),
        # An import: nothing says how the clock goes, so the time stands.
        ({"timestamp": "2026-02-01T10:00:00+01:00"}, "2026-02-01T10:00:00+01:00"),
        ({"timestamp": "2026-02-01T10:00:00Z", "sentAt": "now"}, "2026-02-01T10:00:00Z"),
        ({"timestamp": "yesterday", "sentAt": "2026-03-02T10:30:10Z"}, "yesterday"),
        ({"timestamp": 1772443810}, 1772443810),
    ],
)
def test_when_it_happened_by_the_receivers_clock(times: Any, occurred_at: Any) -> None:
    assert mapped("page", name="a", **times)["occurred_at"] == occurred_at


def test_the_batch_says_when_it_was_sent_where_its_message_does_not() -> None:
    event = mapped("page", "2026-03-02T10:30:10Z", name="a", timestamp="2026-03-02T10:30:09Z")
    assert event["occurred_at"] == "2026-03-02T09:30:09.000000Z"


def test_a_message_without_an_id_is_the_same_when_it_is_delivered_again() -> None:
    def given(**message: Any) -> str:
        event = event_of("page", message, sent_at=None, received_s=0.0, fresh_id=lambda: "fresh")
        return str(event["event_id"])

    at = {"timestamp": "2026-03-02T10:30:00Z"}
    assert given(name="a", **at) == given(name="a", sentAt="2026-03-02T11:00:00Z", **at)
    assert given(name="a", **at) != given(name="b", **at)
    assert given(name="a") == "fresh"
    assert len(given(name="a", messageId="m" * 129)) == 32
    assert given(name="a", messageId="m" * 128) == "m" * 128


def test_there_is_an_event_for_every_call() -> None:
    for call in CALLS:
        assert mapped(call)["type"]
