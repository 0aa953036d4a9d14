"""Whatever a sender sends becomes one record each, and the sender hears what route will say."""

import gzip
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from stream.collector.bodies import MAX_BODY_BYTES, parsed_batch, unpacked
from stream.collector.clocks import occurred_at
from stream.collector.collecting import Call, Collector, Delivery
from stream.collector.refusals import RefusedRequestError
from stream.lead.given_reasons import given_reason
from stream.lead.outputs import Origin, epoch_s, rfc3339
from stream.lead.routing import Router
from stream.lead.sealing import Sealer

NOW_S = 1772443810.0
ROUTER = Router(b"key", Sealer(b"key"))
COLLECTOR = Collector(ROUTER, {"scoring": ["Analytics", "Functional"]})
DELIVERY = Delivery("2026-03-02T09:30:10Z", NOW_S, lambda: "fresh")

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["Email Opened", "Form Submitted", "Order Completed", "Webinar Attended", "Unsubscribed"]
)
properties = st.dictionaries(
    st.sampled_from(
        ["url", "path", "email", "form_id", "form_kind", "revenue", "currency", "products",
         "campaign_id", "email_id", "text", "fields", "name"]
    ) | text,
    values,
    max_size=5,
)  # fmt: skip
categories = st.sampled_from(["Analytics", "analytics", "Functional", "Other"])
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(get_args(Call)) | scalars},
    optional={
        "messageId": text | scalars,
        "userId": text | scalars,
        "anonymousId": text | scalars,
        "previousId": text | scalars,
        "groupId": scalars,
        "event": names | scalars,
        "name": scalars,
        "properties": properties | scalars,
        "traits": properties | scalars,
        "context": st.fixed_dictionaries(
            {},
            optional={
                "page": properties | scalars,
                "traits": properties,
                "campaign": values,
                "consent": st.fixed_dictionaries(
                    {"categoryPreferences": st.dictionaries(categories, values)}
                )
                | scalars,
            },
        )
        | scalars,
        "timestamp": st.just("2026-03-02T09:30:00Z") | values,
        "originalTimestamp": values,
        "sentAt": st.just("2026-03-02T09:30:05Z") | values,
    },
)


@given(messages | values)
def test_every_message_becomes_a_record_and_its_sender_hears_what_route_says(message: Any) -> None:
    found = COLLECTOR.collect(message, None, DELIVERY)
    for record, refusal, _ in found.each():
        assert record.topic in {topic.name for topic in topics.INPUTS}
        given_before = given_reason(record.headers)
        if given_before is not None:
            assert refusal == given_before
            assert orjson.loads(record.value or b"") == orjson.loads(orjson.dumps(message))
            continue
        routed = ROUTER.route(record.key, record.value, Origin(record.topic, 0, 0, NOW_S))
        if refusal is None:
            assert (routed.event_type, routed.outcome) == (record.label, "accepted")
        else:
            assert (routed.event_type, routed.outcome) == ("refused", refusal.reason)


@given(messages, st.sampled_from(get_args(Call)))
def test_the_same_message_has_the_same_id_however_often_it_is_delivered(
    message: dict[str, Any], call: Call
) -> None:
    again = {**message, "sentAt": "2026-03-02T09:31:00Z"}
    first, second = (
        orjson.loads(COLLECTOR.collect(one, call, delivery).record.value or b"")["event_id"]
        for one, delivery in ((message, DELIVERY), (again, Delivery(None, NOW_S, lambda: "2nd")))
    )
    given_id = message.get("messageId")
    has_id = isinstance(given_id, str | int) and not isinstance(given_id, bool) and given_id != ""
    if has_id or message.get("timestamp") or message.get("originalTimestamp"):
        assert first == second
    else:
        assert (first, second) == ("fresh", "2nd")


@given(st.floats(0.0, 4e9), st.floats(0.0, 1e5), st.floats(-1e8, 1e8))
def test_a_wrong_clock_changes_nothing(happened_s: float, waited_s: float, skew_s: float) -> None:
    told = occurred_at(
        rfc3339(happened_s + skew_s), rfc3339(happened_s + waited_s + skew_s), happened_s + waited_s
    )
    assert epoch_s(told) == pytest.approx(happened_s, abs=1e-3)


@given(st.binary(max_size=400), st.sampled_from(["", "gzip", "br"]), st.booleans())
def test_a_body_is_read_or_refused(body: bytes, encoding: str, packs: bool) -> None:
    try:
        plain = unpacked(gzip.compress(body) if packs else body, encoding)
        parsed_batch(plain)
    except RefusedRequestError as error:
        refusal = error
    else:
        assert len(plain) <= MAX_BODY_BYTES
        return
    assert refusal.status in {400, 413, 415}
    assert str(refusal)
