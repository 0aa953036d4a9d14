"""What senders really produce is accepted; everything else is refused, never guessed at."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.base import Message
from schemas.scores import Reason
from schemas.topics import (
    COSTS,
    CRM_UPDATES,
    FORM_FILLS,
    LEAD_ACTIVITIES,
    LEAD_SCORES,
    NURTURE_TRIGGERS,
    PAGE_VIEWS,
    TRAINING_EXAMPLES,
    Topic,
)

PAGE_VIEW = {
    "type": "page_view",
    "event_id": "e1",
    "occurred_at": "2026-03-01T09:30:00Z",
    "lead_id": "l1",
    "url": "https://example.com/pricing",
}
PURCHASE = PAGE_VIEW | {"type": "purchase", "value_minor": 4900, "currency": "EUR"}
COST = PAGE_VIEW | {"type": "cost", "amount_minor": 4900, "currency": "EUR", "period": "2026-03"}
FORM_FILL = PAGE_VIEW | {"type": "form_fill", "form_id": "f1", "form_kind": "other"}
CONSENT = PAGE_VIEW | {"type": "consent", "purpose": "marketing", "granted": True}
SATISFACTION = PAGE_VIEW | {"type": "satisfaction", "score": 4, "scale_max": 5}
EXAMPLE = {
    **{"type": "training_example", "model": "p_convert"},
    **{"x": {"a": 1}, "y": True, "weight": 1, "p_convert": 0.5},
    "occurred_at": "2026-03-01T09:30:00Z",
    "labelled_at": "2026-03-01T09:30:00Z",
}
TEXT_100_KB = "Grüße 👋 " * 8_000


def read(topic: Topic, value: dict[str, Any]) -> Any:
    return topic.adapter().validate_json(json.dumps(value, ensure_ascii=False))


def refused_field(topic: Topic, value: dict[str, Any]) -> tuple[int | str, ...]:
    """Return where the value was refused, which dead letters tell their reader."""
    with pytest.raises(ValidationError) as error:
        read(topic, value)
    return tuple(part for part in error.value.errors()[0]["loc"] if part != value["type"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01t09:30:00z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01T11:30:00+02:00", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01 04:00:00-05:30", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2026-03-01T09:30:00.1Z", datetime(2026, 3, 1, 9, 30, 0, 100_000, UTC)),
        ("2026-03-01T09:30:00.123Z", datetime(2026, 3, 1, 9, 30, 0, 123_000, UTC)),
        ("2026-03-01T09:30:00.123456Z", datetime(2026, 3, 1, 9, 30, 0, 123_456, UTC)),
        # Finer than a microsecond is cut, so that no event moves into the next second.
        ("2026-03-01T09:30:00.1234567Z", datetime(2026, 3, 1, 9, 30, 0, 123_456, UTC)),
        ("2026-03-01T09:30:00.999999999+00:00", datetime(2026, 3, 1, 9, 30, 0, 999_999, UTC)),
    ],
)
def test_a_timestamp_with_offset_is_accepted(text: str, expected: datetime) -> None:
    event = read(PAGE_VIEWS, PAGE_VIEW | {"occurred_at": text})

    assert event.occurred_at == expected
    assert datetime.fromisoformat(json.loads(event.model_dump_json())["occurred_at"]) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T09:30:00",
        "2026-03-01",
        "2026-03-01T09:30Z",
        "20260301T093000Z",
        "2026-03-01T09:30:00,5Z",
        "2026-03-01T09:30:00+0200",
        "2026-03-01T09:30:00+02:60",
        "2026-03-01T09:30:00+25:00",
        "2026-02-30T09:30:00Z",
        "2026-03-01T24:30:00Z",
        "2026-03-01T09:30:00Z\n",
        " 2026-03-01T09:30:00Z",
        "\uff12\uff10\uff12\uff16-03-01T09:30:00Z",
        "0000-01-01T00:00:00Z",
        "1772357400",
        "1772357400.5",
        "",
        1772357400,
        1772357400.5,
        0,
        True,
        None,
    ],
)
def test_anything_else_is_no_timestamp(value: Any) -> None:
    assert refused_field(PAGE_VIEWS, PAGE_VIEW | {"occurred_at": value}) == ("occurred_at",)


def test_a_datetime_without_offset_is_refused_from_our_own_code_too() -> None:
    fields = EXAMPLE | {
        "occurred_at": datetime(2026, 3, 1, 9, 30),
        "labelled_at": datetime.now(UTC),
    }

    with pytest.raises(ValidationError, match="occurred_at"):
        TRAINING_EXAMPLES.messages[0](**fields)


def test_the_error_of_a_timestamp_says_what_to_give() -> None:
    with pytest.raises(ValidationError, match="2026-03-01T09:30:00Z"):
        read(PAGE_VIEWS, PAGE_VIEW | {"occurred_at": 1772357400})


def test_unknown_top_level_fields_are_ignored() -> None:
    event = read(PAGE_VIEWS, PAGE_VIEW | {"_sdk": {"v": [1, None]}, "utm_source": "x", "": 0})

    assert event == read(PAGE_VIEWS, PAGE_VIEW)


def test_further_keys_of_the_context_are_accepted() -> None:
    context = {"locale": "de", "screen": {"w": 1}, "campaign": {"source": "x", "term": "crm"}}

    event = read(PAGE_VIEWS, PAGE_VIEW | {"context": context})

    assert event.context == context


@pytest.mark.parametrize("field", ["title", "referrer", "duration_s", "context", "anonymous_id"])
def test_null_stands_for_an_optional_field_that_is_absent(field: str) -> None:
    assert read(PAGE_VIEWS, PAGE_VIEW | {field: None}) == read(PAGE_VIEWS, PAGE_VIEW)


@pytest.mark.parametrize("value", [0, -0.0, 12, 12.5, 1e-9, 10**15])
def test_an_integer_serves_as_a_float(value: float) -> None:
    event = read(PAGE_VIEWS, PAGE_VIEW | {"duration_s": value})

    assert isinstance(event.duration_s, float)
    assert event.duration_s == value


@pytest.mark.parametrize(
    "text", ["naïve café", "日本語のページ", "שלום", "👩‍👩‍👧‍👦", "a\u0000b", "\u202e"]
)
@pytest.mark.parametrize("is_escaped", [True, False])
def test_unicode_arrives_as_it_was_sent(text: str, is_escaped: bool) -> None:
    sent = json.dumps(PAGE_VIEW | {"title": text, "event_id": text}, ensure_ascii=is_escaped)

    event = PAGE_VIEWS.adapter().validate_json(sent)

    assert (event.title, event.event_id) == (text, text)


def test_texts_of_100_kilobytes_are_accepted() -> None:
    assert len(TEXT_100_KB.encode()) > 100_000

    form = read(FORM_FILLS, FORM_FILL | {"text": TEXT_100_KB, "fields": {"cv": TEXT_100_KB}})

    assert form.text == form.fields["cv"] == TEXT_100_KB


def test_properties_take_any_json() -> None:
    properties = {"a": [1, 2.5, "x", None, True, {"b": {}}], "": "", "n": -(2**60), "ü": "👋"}

    event = read(
        LEAD_ACTIVITIES, PAGE_VIEW | {"type": "activity", "name": "call", "properties": properties}
    )

    assert event.properties == properties


@pytest.mark.parametrize("field", ["event_id", "lead_id", "anonymous_id"])
def test_an_identifier_has_1_to_128_characters(field: str) -> None:
    for identifier in ("x", "x" * 128, "👋" * 128, " spaced ", "0"):
        event = read(PAGE_VIEWS, PAGE_VIEW | {field: identifier})
        assert getattr(event, field) == identifier

    refused: list[Any] = ["", "x" * 129, "👋" * 129, 7, True, ["x"], {}]
    for value in refused:
        assert refused_field(PAGE_VIEWS, PAGE_VIEW | {field: value}) == (field,)


@pytest.mark.parametrize(
    ("topic", "example", "field"),
    [
        (PAGE_VIEWS, PAGE_VIEW, "duration_s"),
        (CRM_UPDATES, PURCHASE, "value_minor"),
        (CRM_UPDATES, SATISFACTION, "score"),
        (CRM_UPDATES, SATISFACTION, "scale_max"),
        (COSTS, COST, "amount_minor"),
    ],
)
@pytest.mark.parametrize("value", ["1", "", "1.5", "12,50", "NaN", True, False, [1], {"value": 1}])
def test_only_a_number_is_a_number(
    topic: Topic, example: dict[str, Any], field: str, value: Any
) -> None:
    assert refused_field(topic, example | {field: value}) == (field,)


@pytest.mark.parametrize("value", [49.99, 1e3])
def test_minor_units_are_integers(value: float) -> None:
    assert refused_field(CRM_UPDATES, PURCHASE | {"value_minor": value}) == ("value_minor",)


@pytest.mark.parametrize("value", [0, 1, "true", "yes", None])
def test_only_a_boolean_is_a_boolean(value: Any) -> None:
    assert refused_field(CRM_UPDATES, CONSENT | {"granted": value}) == ("granted",)


@pytest.mark.parametrize("value", [True, None, [1], {}])
def test_only_a_number_or_text_is_a_feature(value: Any) -> None:
    assert refused_field(TRAINING_EXAMPLES, EXAMPLE | {"x": {"a": value}})[:2] == ("x", "a")


@pytest.mark.parametrize("value", [-1, -0.001, -(10**12)])
def test_a_duration_is_not_negative(value: float) -> None:
    assert refused_field(PAGE_VIEWS, PAGE_VIEW | {"duration_s": value}) == ("duration_s",)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_are_finite(number: str) -> None:
    sent = json.dumps(PAGE_VIEW | {"duration_s": 12345}).replace("12345", number)

    with pytest.raises(ValidationError, match="duration_s"):
        PAGE_VIEWS.adapter().validate_json(sent)
    # Ours too: it would be written as null, which no reader takes for a number.
    with pytest.raises(ValidationError, match="contribution"):
        Reason(feature="a", contribution=float(number))


@pytest.mark.parametrize(
    "value",
    [
        "eur",
        "Eur",
        "EU",
        "EURO",
        "",
        "€",
        "978",
        "\uff25\uff35\uff32",
        " EUR",
        "EUR\n",
        978,
        None,
        True,
    ],
)
@pytest.mark.parametrize(("topic", "example"), [(CRM_UPDATES, PURCHASE), (COSTS, COST)])
def test_a_currency_has_three_capital_letters(
    topic: Topic, example: dict[str, Any], value: Any
) -> None:
    assert refused_field(topic, example | {"currency": value}) == ("currency",)


@pytest.mark.parametrize("value", ["email_open", "Page_View", "", None, 1])
def test_a_type_of_another_topic_or_none_is_refused(value: Any) -> None:
    assert refused_field(PAGE_VIEWS, PAGE_VIEW | {"type": value}) == ("type",)
    with pytest.raises(ValidationError):
        read(CRM_UPDATES, PURCHASE | {"type": value})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"page_view"', "{}", r'{"type": "\ud800"}', "\ud800"]
)
def test_what_is_no_object_of_the_topic_is_refused(text: str) -> None:
    sent = text.encode("utf-8", "surrogatepass")

    for topic in (PAGE_VIEWS, CRM_UPDATES, LEAD_SCORES, NURTURE_TRIGGERS):
        with pytest.raises(ValidationError):
            topic.adapter().validate_json(sent)


def models(base: type[Message] = Message) -> Iterator[type[Message]]:
    for model in base.__subclasses__():
        if model.__module__.startswith("schemas."):
            yield model
        yield from models(model)


@pytest.mark.parametrize("model", tuple(models()), ids=lambda model: model.__name__)
def test_every_message_is_frozen(model: type[Message]) -> None:
    message = model.model_construct()

    for field in model.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(message, field, None)
