from typing import Any

import orjson
import pytest

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.kafka.clients import MAX_REQUEST_BYTES
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


REPLY = PROFILE | {"type": "email_reply"}
ACTIVITY = PROFILE | {"type": "activity", "name": "call"}


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
    "a mark before it": (b"\xef\xbb\xbf" + orjson.dumps(VIEW), "page-views", "not_json", None),
    "UTF-16": (orjson.dumps(VIEW).decode().encode("utf-16"), "page-views", "not_json", None),
    "far too deep": (raw("context", b"[" * 100_000), "page-views", "not_json", None),
    "too deep where nobody looks": (
        raw("title", b'"t","theirs":' + b"[" * 250 + b"]" * 250), "page-views", "bad_value", None,
    ),
    "number of 300 KB": (raw("duration_s", b"9" * 300_000), "page-views", "not_json", None),
    "id of 300 digits": (raw("event_id", b"9" * 300), "page-views", "bad_value", "event_id"),
    "time of 900 KB": (
        VIEW | {"occurred_at": f"2026-01-01T00:00:00.{'1' * 900_000}Z"}, "page-views",
        "bad_value", "occurred_at",
    ),
    "larger once addresses are hashed": (
        FORM | {"lead_id": "L", "text": "a@b.co " * 100_000}, "form-fills", "too_large", None,
    ),
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
    ("event", "topic"), [(e, t) for e, t, _, _ in REFUSED.values()], ids=REFUSED.keys()
)
def test_a_dead_letter_is_no_larger_than_kafka_takes(event, topic):
    value = event if isinstance(event, bytes | None) else orjson.dumps(event)
    origin = Origin(topic, 3, 17, NOW_S)
    (letter,) = Router(KEY, SEALER).route(b"k" * 2_000_000, value, origin).outputs
    body = orjson.loads(letter.value or b"")
    kept = SEALER.open(body["sealed"], origin.position)
    assert (value or b"").startswith(kept.value)
    assert kept.is_whole == (kept.value == (value or b""))
    assert len(letter.key) + len(letter.value or b"") < MAX_REQUEST_BYTES
    assert len(body["message"]) < 600


def test_an_event_without_a_lead_is_kept_as_it_was_sent():
    value = orjson.dumps({"type": "page_view", "text": "I am jane@example.com"})
    (letter,) = route(value).outputs
    body = orjson.loads(letter.value or b"")
    position = f"{body['topic']}/{body['partition']}/{body['offset']}"
    assert SEALER.open(body["sealed"], position).value == value
    assert b"jane" not in (letter.value or b"")


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
        {"duration_s": 1e308},
        {"event_id": "a\x00b\n\u202e"},
        {"context": {str(n): n for n in range(50_000)}},
        {"occurred_at": "2026-01-02T02:40:00+23:59"},
        {"occurred_at": "0001-01-01T00:00:00Z"},
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
        (FORM | {"lead_id": "L", "email": "jane@example.com"}, "form-fills"),
        (FORM | {"lead_id": "L", "text": "I am Jane@Example.com."}, "form-fills"),
        (FORM | {"lead_id": "L", "fields": {"a": [{"b": "jane@example.com"}]}}, "form-fills"),
        (FORM | {"lead_id": "L", "fields": {"jane@example.com": True}}, "form-fills"),
        (FORM | {"lead_id": "L", "context": {"user": "jane@example.com"}}, "form-fills"),
        (FORM | {"lead_id": "L", "mail": "jane@example.com"}, "form-fills"),
        (FORM | {"lead_id": "L", "email": "jane@example"}, "form-fills"),
        (PROFILE | {"attributes": {"email": "jane@example.com"}}, "crm-updates"),
        (PROFILE | {"attributes": {"work": {"mail": ["jane@example.com"]}}}, "crm-updates"),
        (VIEW | {"url": "https://example.com/?mail=jane@example.com&a=1"}, "page-views"),
        (VIEW | {"referrer": "https://x.example/r?u=%2Fp%3Fm%3Djane%40example.com"}, "page-views"),
        (VIEW | {"title": "Welcome back jane@example.com"}, "page-views"),
        (VIEW | {"event_id": "view-jane@example.com-1"}, "page-views"),
        (VIEW | {"context": {"campaign": {"name": "to:jane@example.com"}}}, "page-views"),
        (VIEW | {"lead_id": "jane@example.com"}, "page-views"),
        (VIEW | {"lead_id": "crm/jane@example.com/7"}, "page-views"),
        (VIEW | {"anonymous_id": "jane@example.com"}, "page-views"),
        (REPLY | {"text": "Regards\nJ. <jane@example.com>"}, "email-events"),
        (ACTIVITY | {"properties": {"by": "jane@example.com"}}, "lead-activities"),
        (MERGE | {"into_lead_id": "Jane@example.com"}, "crm-updates"),
    ],
)
@pytest.mark.parametrize("written", ["plain", "as an escape", "in percent", "in percent twice"])
def test_email_addresses_never_leave(event, topic, written):
    at = {
        "plain": b"@", "as an escape": b"\\u0040", "in percent": b"%40",
        "in percent twice": b"%2540",
    }[written]  # fmt: skip
    routed = route(orjson.dumps(event).replace(b"@", at), topic)
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


def test_an_id_that_is_an_email_address_is_the_same_lead_as_that_address():
    hashed = "email:" + email_hash("jane@example.com", KEY)
    for name in ("lead_id", "anonymous_id"):
        (output,) = route(without(VIEW, "lead_id") | {name: "Jane@Example.com"}).outputs
        assert output.key.decode() == hashed
        assert orjson.loads(output.value or b"")[name] == hashed
    (output,) = route(VIEW | {"lead_id": "jane@example.com", "anonymous_id": hashed}).outputs
    assert output.key.decode() == hashed
    (own,) = route(FORM | {"lead_id": hashed, "email": "jane@example.com"}, "form-fills").outputs
    assert own.key.decode() == hashed


def test_the_address_of_a_lead_known_by_mail_is_taken_back():
    hashed = "email:" + email_hash("jane@example.com", KEY)
    (output,) = route(PROFILE | {"type": "erasure", "lead_id": hashed}, "crm-updates").outputs
    assert output.key.decode() == hashed
    assert route(MERGE | {"into_lead_id": hashed}, "crm-updates").outcome == "accepted"
    assert route(VIEW | {"lead_id": "email:jane"}).outcome == "bad_value"


def test_a_field_that_only_another_type_has_is_a_strangers_of_any_kind() -> None:
    routed = route(VIEW | {"into_lead_id": [], "email_hash": 7}, "page-views")
    assert routed.outcome == "accepted"


def test_what_holds_no_address_is_sent_on_byte_by_byte():
    value = orjson.dumps(VIEW | {"title": "50 % off"}).replace(b'":', b'" :')
    (output,) = route(value).outputs
    assert output.value == value


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
