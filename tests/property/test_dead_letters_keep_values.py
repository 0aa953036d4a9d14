"""Whatever a sender writes wrongly, a dead letter shows none of it without its key."""

from typing import Any

import orjson
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.lead.outputs import Origin
from stream.lead.routing import Router
from stream.lead.sealing import Sealer

SEALER = Sealer(b"a secret of the house")
ROUTER = Router(b"a key for tests", SEALER)
MARK = "Zq7Jane"
FIELDS = [
    "type", "event_id", "occurred_at", "lead_id", "anonymous_id", "url", "duration_s", "form_kind",
    "email", "fields", "attributes", "result", "currency", "value_minor", "granted", "into_lead_id",
]  # fmt: skip

marked = st.builds(lambda before, after: f"{before}{MARK}{after}", st.text(), st.text())
scalars = marked | st.sampled_from(
    [f"anon:{MARK}", f"email:{MARK}", f"{MARK}@example.com", f"2026-01-01T00:00:00{MARK}"]
)
values = st.recursive(
    scalars
    | st.none()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(marked, inner, max_size=3),
    max_leaves=5,
)
events = st.dictionaries(st.sampled_from(FIELDS) | marked, values)
types = st.sampled_from([t for topic in topics.INPUTS for t in topic.types()])
valid = st.fixed_dictionaries(
    {"event_id": st.just("e"), "occurred_at": st.just("2026-01-01T00:00:00Z")}
)


def letter_of(topic: str, key: bytes, value: bytes) -> tuple[bytes, DeadLetter] | None:
    routed = ROUTER.route(key, value, Origin(topic, 0, 1, 1_770_000_000.0))
    if routed.event_type != "refused":
        return None
    (output,) = routed.outputs
    letter = DeadLetter.model_validate_json(output.value or b"")
    contents = SEALER.open(letter.sealed, letter.letter_id)
    assert (contents.key, contents.value) == (key, value)
    plain = {k: v for k, v in orjson.loads(output.value or b"").items() if k != "sealed"}
    headers = b"".join(v for _, v in output.headers)
    return output.key + orjson.dumps(plain) + headers, letter


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(topics.INPUTS), types, valid, events)
def test_a_message_never_holds_a_value_of_the_senders(
    topic: topics.Topic, kind: str, base: dict[str, Any], event: dict[str, Any]
) -> None:
    value = orjson.dumps({"type": kind, **base, **event})
    found = letter_of(topic.name, f"{MARK}@example.com".encode(), value)
    assume(found is not None)
    assert found is not None
    plain, letter = found
    assert MARK.lower().encode() not in plain.lower()
    assert len(letter.message) <= 600


@settings(deadline=None)
@given(st.sampled_from(topics.INPUTS), st.binary(), st.integers(0, 60))
def test_nor_where_it_is_no_json(topic: topics.Topic, noise: bytes, cut: int) -> None:
    value = (orjson.dumps({"type": "page_view", "lead_id": MARK}) + noise)[:cut]
    found = letter_of(topic.name, b"k", value)
    if found is not None:
        assert MARK.encode() not in found[0]


def test_nor_a_date_that_is_not_in_the_calendar() -> None:
    value = orjson.dumps(
        {"type": "page_view", "event_id": "e", "occurred_at": "1979-13-33T25:61:61Z"}
    )
    found = letter_of("page-views", b"k", value)
    assert found is not None
    assert b"1979" not in found[0]
    assert "1979" in SEALER.open(found[1].sealed, found[1].letter_id).detail
