from typing import Any

import orjson
import pytest

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.lead.hashing import email_hash
from stream.lead.outputs import Origin, Output
from stream.lead.routing import MAX_VALUE_BYTES, Refusal, Routed, Router
from stream.lead.sealing import Contents, Sealer

KEY = b"secret"
SEALER = Sealer(b"another secret")
NOW_S = 1_770_000_000.0
VIEW = {
    "type": "page_view", "event_id": "e", "occurred_at": "2026-01-01T00:00:00Z",
    "lead_id": "L", "url": "/",
}  # fmt: skip
FORM = {
    "type": "form_fill", "event_id": "e", "occurred_at": "2026-01-01T00:00:00Z",
    "form_id": "f", "form_kind": "contact",
}  # fmt: skip
PROFILE = {k: VIEW[k] for k in ("event_id", "occurred_at", "lead_id")} | {"type": "lead_profile"}
MERGE = PROFILE | {"type": "lead_merge"}


def route(event: Any, topic: str = "page-views", **options: Any) -> Routed:
    value = event if isinstance(event, bytes | None) else orjson.dumps(event)
    return Router(KEY, SEALER, **options).route(b"their key", value, Origin(topic, 3, 17, NOW_S))


def opened(letter: Output) -> Contents:
    body = DeadLetter.model_validate_json(letter.value or b"")
    return SEALER.open(body.sealed, body.letter_id)


def without(event: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in event.items() if k != name}


def raw(field: str, literal: bytes) -> bytes:
    return orjson.dumps(without(VIEW, field))[:-1] + b',"%s":%s}' % (field.encode(), literal)


REFUSED: dict[str, tuple[Any, str, str, str | None]] = {
    "text": (b"hello", "page-views", "not_json", None),
    "nothing": (b"", "page-views", "not_json", None),
    "tombstone": (None, "page-views", "not_json", None),
    "cut off": (orjson.dumps(VIEW)[:-1], "page-views", "not_json", None),
    "NaN": (raw("duration_s", b"NaN"), "page-views", "not_json", None),
    "infinite": (raw("duration_s", b"1e999"), "page-views", "not_json", None),
    "no UTF-8": (raw("url", b'"\xff"'), "page-views", "not_json", None),
    "half a character": (raw("url", b'"\\ud800"'), "page-views", "not_json", None),
    "a list": (b"[]", "page-views", "bad_value", None),
    "null": (b"null", "crm-updates", "bad_value", None),
    "too deep": (raw("context", b"[" * 900 + b"]" * 900), "page-views", "bad_value", None),
    "another topic's": (VIEW, "form-fills", "unknown_type", "type"),
    "another topic's of many": (VIEW, "crm-updates", "unknown_type", "type"),
    "control record": (VIEW | {"type": "tick"}, "crm-updates", "unknown_type", "type"),
    "type of no text": (VIEW | {"type": 5}, "crm-updates", "unknown_type", "type"),
    "no type": (without(VIEW, "type"), "page-views", "missing_field", "type"),
    "no type of many": (without(VIEW, "type"), "crm-updates", "missing_field", "type"),
    "no event id": (without(VIEW, "event_id"), "page-views", "missing_field", "event_id"),
    "no time": (without(VIEW, "occurred_at"), "page-views", "missing_field", "occurred_at"),
    "nobody": (without(VIEW, "lead_id"), "page-views", "missing_field", "lead_id"),
    "nobody by null": (VIEW | {"lead_id": None}, "page-views", "missing_field", "lead_id"),
    "missing of many": (PROFILE, "crm-updates", "missing_field", "attributes"),
    "placeholder": (VIEW | {"lead_id": "undefined"}, "page-views", "bad_value", "lead_id"),
    "our address": (VIEW | {"lead_id": "anon:x"}, "page-views", "bad_value", "lead_id"),
    "long id": (VIEW | {"event_id": "x" * 129}, "page-views", "bad_value", "event_id"),
    "empty id": (VIEW | {"event_id": ""}, "page-views", "bad_value", "event_id"),
    "number as text": (VIEW | {"duration_s": "3"}, "page-views", "bad_value", "duration_s"),
    "negative": (VIEW | {"duration_s": -1}, "page-views", "bad_value", "duration_s"),
    "time without offset": (
        VIEW | {"occurred_at": "2026-01-01T00:00:00"}, "page-views", "bad_value", "occurred_at",
    ),
    "epoch": (VIEW | {"occurred_at": 1_770_000_000}, "page-views", "bad_value", "occurred_at"),
    "no such day": (
        VIEW | {"occurred_at": "2026-02-30T00:00:00Z"}, "page-views", "bad_value", "occurred_at",
    ),
    "two times, the last is bad": (
        orjson.dumps(VIEW)[:-1] + b',"occurred_at":"x"}', "page-views", "bad_value", "occurred_at",
    ),
    "too large": (VIEW | {"title": "x" * MAX_VALUE_BYTES}, "page-views", "too_large", None),
    "future": (
        VIEW | {"occurred_at": "2026-02-02T03:00:00Z"}, "page-views", "in_the_future",
        "occurred_at",
    ),
    "end of time": (
        VIEW | {"occurred_at": "9999-12-31T23:59:59-23:59"}, "page-views", "in_the_future",
        "occurred_at",
    ),
    "into itself": (MERGE | {"into_lead_id": "L"}, "crm-updates", "bad_value", "into_lead_id"),
    "into nobody": (MERGE | {"into_lead_id": "null"}, "crm-updates", "bad_value", "into_lead_id"),
    "into a visitor": (
        MERGE | {"into_lead_id": "anon:v"}, "crm-updates", "bad_value", "into_lead_id",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "topic", "reason", "field"), REFUSED.values(), ids=REFUSED.keys()
)
def test_what_is_wrong_becomes_a_dead_letter_with_its_reason(event, topic, reason, field):
    routed = route(event, topic)
    assert (routed.event_type, routed.outcome) == ("refused", reason)
    (letter,) = routed.outputs
    body = orjson.loads(letter.value or b"")
    assert (letter.topic, letter.key) == ("dead-letters", b"their key")
    assert (body["reason"], body["field"], body["stage"]) == (reason, field, "route")
    assert (body["topic"], body["partition"], body["offset"]) == (topic, 3, 17)
    topics.DEAD_LETTERS.adapter().validate_json(letter.value or b"")


@pytest.mark.parametrize("key", [None, b"", b"their key", b"\xff\x00", b"jane@example.com"])
def test_a_dead_letter_holds_the_original_record_sealed(key):
    value = orjson.dumps(FORM | {"email": "jane@example.com", "form_kind": "jane"})
    router, origin = Router(KEY, SEALER), Origin("form-fills", 3, 17, NOW_S)
    (letter,) = router.route(key, value, origin).outputs
    contents = opened(letter)
    assert (contents.key, contents.value, contents.is_whole) == (key, value, True)
    assert contents.detail.startswith("form_kind = 'jane': ")
    in_plain = [letter.key, letter.value or b"", *(v for _, v in letter.headers)]
    assert not any(b"jane" in part for part in in_plain)
    assert router.route(key, value, origin).outputs == (letter,)


def test_a_record_too_big_for_a_letter_is_cut_and_the_letter_says_so():
    value = orjson.dumps(VIEW | {"title": "x" * 4_000_000})
    (letter,) = route(value).outputs
    contents = opened(letter)
    assert len(letter.value or b"") < 4 << 20
    assert value.startswith(contents.value)
    assert (contents.is_whole, contents.value_bytes) == (False, len(value))
    message = orjson.loads(letter.value or b"")["message"]
    assert f"only the first {len(contents.value)} of {len(value)} bytes are kept" in message


def test_an_event_of_the_log_goes_to_its_lead_again_though_its_address_is_a_hash():
    event = FORM | {"anonymous_id": "v", "email": "jane@example.com", "text": "jane@example.com"}
    own, link = route(event, "form-fills").outputs
    origin = Origin("form-fills", 0, 0, NOW_S)
    forwards = Router(KEY, SEALER).forward(own.value or b"", origin)
    assert [f.topic for f in forwards] == ["lead-forwards"] * 2
    bodies = [orjson.loads(f.value or b"") for f in forwards]
    assert [b["event"] for b in bodies] == [orjson.loads(o.value or b"") for o in (own, link)]
    assert [f.key for f in forwards] == [own.key, link.key]
    assert [b["to_lead_id"].encode() for b in bodies] == [own.key, link.key]
    for forward in forwards:
        topics.LEAD_FORWARDS.adapter().validate_json(forward.value or b"")
    corrected = orjson.dumps(orjson.loads(own.value or b"") | {"email": "joan@example.com"})
    (named, _) = Router(KEY, SEALER).forward(corrected, origin)
    assert named.key == f"email:{email_hash('joan@example.com', KEY)}".encode()
    with pytest.raises(Refusal, match="form_kind"):
        Router(KEY, SEALER).forward(own.value.replace(b"contact", b"phone"), origin)


@pytest.mark.parametrize(
    "changes",
    [
        {"occurred_at": "2026-01-01T02:00:00+02:00"},
        {"occurred_at": "2026-01-01t00:00:00z"},
        {"occurred_at": "2026-01-01T00:00:00.123456789Z"},
        {"occurred_at": "0001-01-01T00:00:00+14:00"},
        {"duration_s": 3},
        {"url": "not a url", "title": "日本 🎉", "their_own": {"deep": [1, None]}},
        {"title": "x" * 100_000},
        {"context": {"ip": "1.2.3.4", "campaign": {"name": "c"}}},
    ],
)
def test_what_real_senders_produce_passes_as_it_was_sent(changes):
    value = orjson.dumps(VIEW | changes)
    routed = route(value)
    assert routed.outcome == "accepted"
    (output,) = routed.outputs
    assert (output.topic, output.key, output.value) == ("lead-events", b"L", value)
    assert dict(output.headers) == {"source": b"page-views/3/17"}


def test_a_replayed_event_says_that_it_brings_its_own_time():
    (output,) = route(VIEW, replayed=True).outputs
    assert dict(output.headers)["clock"] == b"event"


def test_a_clock_within_the_tolerance_is_taken():
    ahead = VIEW | {"occurred_at": "2026-02-02T02:45:00Z"}
    assert route(ahead, future_tolerance_s=0.0).outcome == "in_the_future"
    assert route(ahead).outcome == "accepted"


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        (FORM | {"email": "jane@example.com"}, "form-fills"),
        (FORM | {"lead_id": "L", "text": "I am Jane@Example.com."}, "form-fills"),
        (FORM | {"lead_id": "L", "fields": {"a": [{"b": "jane@example.com"}]}}, "form-fills"),
        (FORM | {"lead_id": "L", "fields": {"jane@example.com": True}}, "form-fills"),
        (FORM | {"lead_id": "L", "context": {"user": "jane@example.com"}}, "form-fills"),
        (FORM | {"lead_id": "L", "mail": "jane@example.com"}, "form-fills"),
        (FORM | {"lead_id": "L", "email": "jane@example"}, "form-fills"),
        (PROFILE | {"attributes": {"email": "jane@example.com"}}, "crm-updates"),
        (PROFILE | {"attributes": {"work": {"mail": ["jane@example.com"]}}}, "crm-updates"),
    ],
)
@pytest.mark.parametrize("escaped", [False, True])
def test_email_addresses_never_leave(event, topic, escaped):
    value = orjson.dumps(event)
    routed = route(value.replace(b"@", b"\\u0040") if escaped else value, topic)
    assert routed.outcome == "accepted"
    for output in routed.outputs:
        sent = orjson.dumps(orjson.loads(output.value or b"")).lower()
        assert b"jane" not in sent
        assert b"@example" not in output.key


def test_an_email_names_its_lead_by_keyed_hash_alone():
    hashed = email_hash("jane@example.com", KEY)
    (output,) = route(FORM | {"email": " Jane@Example.COM"}, "form-fills").outputs
    assert output.key == f"email:{hashed}".encode()
    assert orjson.loads(output.value or b"")["email_hash"] == hashed


def test_nobody_can_claim_the_hash_of_another_ones_email():
    (output,) = route(VIEW | {"email_hash": "f" * 32}).outputs
    assert "email_hash" not in orjson.loads(output.value or b"")
    assert route(without(VIEW, "lead_id") | {"email_hash": "f" * 32}).outcome == "missing_field"


def test_each_weaker_identifier_gets_a_link_and_a_part_of_its_own():
    event = FORM | {"lead_id": "L", "anonymous_id": "v", "email": "jane@example.com"}
    own, *links = route(event, "form-fills").outputs
    assert own.key == b"L"
    assert "part" not in dict(own.headers)
    assert [dict(o.headers)["part"] for o in links] == [b"1", b"2"]
    assert links[1].key == b"anon:v"
    bodies = [orjson.loads(o.value or b"") for o in links]
    assert {(b["type"], b["to_lead_id"]) for b in bodies} == {("link", "L")}
    assert bodies[0]["event_id"] != bodies[1]["event_id"]
    assert route(event, "form-fills").outputs == (own, *links)


def test_an_erasure_reaches_every_identifier_and_links_none():
    event = PROFILE | {"type": "erasure", "anonymous_id": "v"}
    outputs = route(event, "crm-updates").outputs
    assert [o.key for o in outputs] == [b"L", b"anon:v"]
    assert {orjson.loads(o.value or b"")["type"] for o in outputs} == {"erasure"}


def test_costs_concern_no_lead():
    cost = without(VIEW, "lead_id") | {
        "type": "cost", "amount_minor": 5, "currency": "EUR", "period": "2026-01",
    }  # fmt: skip
    routed = route(cost, "costs")
    assert (routed.event_type, routed.outcome, routed.outputs) == ("cost", "accepted", ())


def test_forwards_pass_through_with_their_own_source():
    routed = route(b"whatever was written", "lead-forwards")
    (output,) = routed.outputs
    assert (routed.event_type, routed.outcome) == ("forward", "accepted")
    assert (output.topic, output.key, output.value) == (
        "lead-events", b"their key", b"whatever was written",
    )  # fmt: skip
    assert dict(output.headers) == {"source": b"lead-forwards/3/17"}
