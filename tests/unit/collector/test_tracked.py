"""What a tracked event's name says of it."""

from typing import Any

import pytest

from stream.collector.money import minor_units
from stream.collector.tracked import tracked


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Email Delivered", "email_delivered"),
        ("Email Opened", "email_open"),
        ("email_opened", "email_open"),
        ("Email Link Clicked", "email_click"),
        ("Email Bounced", "email_bounce"),
        ("Email Marked as Spam", "email_unsubscribe"),
        ("Unsubscribed", "email_unsubscribe"),
    ],
)
def test_mails_are_known_by_the_spec(name: str, kind: str) -> None:
    properties = {"email_id": "18vzF7u3z", "campaign_id": "123", "email_subject": "First shirt"}
    assert tracked(name, properties) == {
        "type": kind,
        "campaign_id": "123",
        "message_id": "18vzF7u3z",
    }


@pytest.mark.parametrize(
    ("name", "properties", "kind", "form_id"),
    [
        ("Form Submitted", {"form_id": "f-1", "form_kind": "webinar"}, "webinar", "f-1"),
        ("Form Submitted", {"formId": "f-1", "formName": "Book a demo"}, "demo_request", "f-1"),
        ("Form Submitted", {"form_name": "Contact us"}, "contact", "Contact us"),
        ("Form Submitted", {"form_id": "newsletter-footer"}, "newsletter", "newsletter-footer"),
        ("Form Submitted", {"id": "f-2", "form_type": "whitepaper"}, "download", "f-2"),
        ("Form Submitted", {"form_id": "f-3"}, "other", "f-3"),
        ("Form Submitted", {}, "other", "form_submitted"),
        ("Demo Requested", {}, "demo_request", "demo_requested"),
        ("Newsletter Subscribed", {"form_id": "f-4"}, "newsletter", "f-4"),
    ],
)
def test_forms_are_told_by_kind(name: str, properties: Any, kind: str, form_id: str) -> None:
    event = tracked(name, properties)
    assert (event["type"], event["form_kind"], event["form_id"]) == ("form_fill", kind, form_id)


def test_a_form_brings_its_fields_its_text_and_who_sent_it() -> None:
    event = tracked(
        "Form Submitted",
        {"form_id": "f", "email": "jane@example.com", "message": "Call me", "budget": 5000},
    )
    assert event["email"] == "jane@example.com"
    assert event["text"] == "Call me"
    assert event["fields"] == {"budget": 5000}
    assert tracked("Form Submitted", {"fields": {"a": 1}})["fields"] == {"a": 1}


@pytest.mark.parametrize(
    ("properties", "value_minor", "currency", "product"),
    [
        ({"revenue": 25.0, "total": 27.5, "currency": "EUR"}, 2500, "EUR", None),
        ({"total": "27.505", "currency": "eur"}, 2751, "EUR", None),
        ({"value": 1200, "currency": "JPY"}, 1200, "JPY", None),
        ({"revenue": 10}, 1000, "USD", None),
        ({"revenue": 1, "products": [{"name": "Seats"}]}, 100, "USD", "Seats"),
        ({"revenue": 1, "products": [{"sku": "S-1"}]}, 100, "USD", "S-1"),
        ({"revenue": 1, "products": [{"name": "A"}, {"name": "B"}]}, 100, "USD", None),
    ],
)
def test_an_order_is_a_purchase(
    properties: Any, value_minor: int, currency: str, product: str | None
) -> None:
    event = tracked("Order Completed", properties)
    assert event["type"] == "purchase"
    assert (event["value_minor"], event["currency"]) == (value_minor, currency)
    assert event.get("product") == product


@pytest.mark.parametrize("amount", ["a lot", True, float("inf"), [5], 1e30])
def test_an_amount_that_is_none_is_left_to_be_refused(amount: Any) -> None:
    assert minor_units(amount, "EUR") is None
    event = tracked("Order Completed", {"revenue": amount, "currency": "EUR"})
    assert event["value_minor"] is amount
    assert "value_minor" not in tracked("Order Completed", {})


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Webinar Attended", "webinar_attended"),
        ("Trial Started!", "trial_started"),
        ("chatOpened", "chat_opened"),
        ("Größe gewählt", "größe_gewählt"),
    ],
)
def test_all_else_is_an_activity(name: str, plain: str) -> None:
    assert tracked(name, {"a": 1}) == {"type": "activity", "name": plain, "properties": {"a": 1}}


@pytest.mark.parametrize("name", [None, "", 5, "!"])
def test_an_event_without_a_name_is_left_to_be_refused(name: Any) -> None:
    event = tracked(name, {})
    assert event["type"] == "activity"
    assert event.get("name") == name
