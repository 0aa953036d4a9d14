"""Every decoder survives anything: it works, or it refuses in a typed way."""

from typing import Any

import orjson
import pytest
from decoder_checks import (
    EXAMPLE,
    SERVING,
    SNAPSHOT,
    check_catalogue,
    check_checkpoint,
    check_examples,
    check_lines,
    check_route,
    check_rules,
    check_snapshot_record,
    check_stored_state,
    packed,
    stored_models,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_stream import LeadStream, event

from online_models.catalogue import KINDS
from schemas import topics
from stream.lead.progress import META_KEY
from stream.lead.stored_form import decode_document

TOPICS = [topic.name for topic in topics.INPUTS]
LITERALS = st.sampled_from(
    [
        b"1e400", b"NaN", b"-0", b"-0.0", b"9223372036854775808", b"1" * 400, b"1e308", b"5e-324",
        b'"\\ud800"', b'"\\u0000"', b'"\x00"', b'"\xff"', b'"\xc0\xaf"', b'""',
        b'"' + b"x" * 300 + b'"',
        b"null", b"[]", b"{}", b"[" * 199 + b"]" * 199, b"[" * 260 + b"]" * 260, b'{"a":1,"a":2}',
        b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59-23:59"', b'"a@b.co"',
        b'"undefined"',
    ]
)  # fmt: skip
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
).map(lambda value: orjson.dumps(value, default=str) if _fits(value) else b"18446744073709551616")
LITERAL_OR_JSON = LITERALS | ANY_JSON
few = settings(max_examples=100, deadline=None)


def _fits(value: Any) -> bool:
    """Tell whether orjson writes a value: its integers have 64 bits."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    if isinstance(value, list | dict):
        return all(map(_fits, value.values() if isinstance(value, dict) else value))
    return True


@st.composite
def spoiled(draw: st.DrawFn, documents: list[dict[str, Any]]) -> bytes:
    """Draw a valid document with some fields exchanged, doubled, another's, or gone; or cut off."""
    document = draw(st.sampled_from(documents))
    names = sorted({orjson.dumps(name) for document in documents for name in document})
    pairs = [(orjson.dumps(name), orjson.dumps(value)) for name, value in document.items()]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(pairs) - 1))
        name, _ = pairs[place]
        match draw(st.sampled_from(["value", "value", "value", "double", "stranger", "gone"])):
            case "value":
                pairs[place] = name, draw(LITERAL_OR_JSON)
            case "double":
                pairs.append((name, draw(LITERAL_OR_JSON)))
            case "stranger":
                pairs.append((draw(st.sampled_from(names)), draw(LITERAL_OR_JSON)))
            case _ if len(pairs) > 1:
                del pairs[place]
    written = b"{" + b",".join(name + b":" + value for name, value in pairs) + b"}"
    match draw(st.sampled_from(["as it is"] * 8 + ["cut", "mark", "utf-16"])):
        case "cut":
            return written[: draw(st.integers(0, len(written)))]
        case "mark":
            return b"\xef\xbb\xbf" + written
        case "utf-16":
            return written.decode("latin-1").encode("utf-16")
        case _:
            return written


WHO = {"lead_id": "L", "anonymous_id": "v"}
EVENTS = [
    event("page_view", "e1", **WHO, duration_s=3.5, title="t"),
    event("form_fill", "e2", **WHO, email="a@b.co", text="t", fields={"q": 1}),
    event("lead_profile", "e3", **WHO, attributes={"company_size": 80, "email": "a@b.co"}),
    event("stage_change", "e4", **WHO, stage="s"),
    event("outcome", "e5", **WHO, value_minor=5, currency="EUR"),
    event("consent", "e6", **WHO, purpose="email", granted=True),
    event("lead_merge", "e7", **WHO, into_lead_id="M"),
    event("satisfaction", "e8", **WHO, score=4, scale_max=5),
    event("erasure", "e9", **WHO),
]


def _states() -> list[dict[str, Any]]:
    stream = LeadStream()
    stream.send(*EVENTS[:6])
    return [decode_document(v) for k, v in stream.changelogs[0].items() if k != META_KEY]


def _meta() -> list[dict[str, Any]]:
    stream = LeadStream(replayed=True)
    stream.send(*EVENTS[:2])
    return [decode_document(stream.changelogs[0][META_KEY])]


@few
@given(
    st.lists(
        st.tuples(
            st.sampled_from(TOPICS + ["crm-updates"] * 4),
            st.none() | st.binary(max_size=8),
            spoiled(EVENTS) | st.binary(max_size=40) | st.none(),
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_route_and_the_fold_after_it(records, replayed):
    outcomes = check_route(records, replayed=replayed)
    assert sum(outcomes.values()) >= len(records)


@few
@given(spoiled(_states()) | LITERAL_OR_JSON)
def test_stored_states(value):
    check_stored_state(value)


@few
@given(spoiled(_meta()) | LITERAL_OR_JSON)
def test_a_partitions_own_record(value):
    check_stored_state(value, meta=True)


def _within(document: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Spoil what is in the field ``state``, or the whole."""
    outer = {k: v for k, v in document.items() if k != "state"}
    head = orjson.dumps(outer)[:-1] + b',"state":'
    return spoiled([document["state"]]).map(lambda state: head + state + b"}") | spoiled([document])


@few
@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_snapshots(kind, data):
    value = data.draw(_within(SNAPSHOT) | _within(stored_models(kind)[0]) | LITERAL_OR_JSON)
    check_snapshot_record(value)


@few
@given(spoiled([SERVING]) | LITERAL_OR_JSON)
def test_which_version_serves(value):
    check_snapshot_record(value, role=True)


@few
@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_checkpoints(kind, data):
    value = data.draw(_within(stored_models(kind)[1]) | LITERAL_OR_JSON)
    check_checkpoint(value)


@few
@given(st.lists(spoiled([EXAMPLE]) | LITERAL_OR_JSON, max_size=3))
def test_training_examples(values):
    check_examples(values)


@few
@given(
    st.lists(spoiled(EVENTS) | st.binary(max_size=30), max_size=4).map(b"\n".join),
    st.sampled_from(["plain", "packed", "cut", "not packed"]),
)
def test_files_of_events(data, how):
    match how:
        case "plain":
            check_lines(data)
        case "packed":
            check_lines(packed(data), ".jsonl.gz")
        case "cut":
            check_lines(packed(data)[:-9], ".jsonl.gz")
        case _:
            check_lines(data, ".jsonl.gz")


TOML = st.sampled_from(
    [
        b"inf", b"nan", b"-1e308", b"5e-324", b"0x" + b"f" * 5_000, b"9" * 5_000, b'"x"', b"[]",
        b"[" * 3_000, b"{ at_least = inf }", b"{ equals = true }", b"1979-05-27T07:32:00Z", b"{}",
        b"20", b"1000", b'"page_view"', b'"company_size"', b"{ one_of = [1] }", b"'''", b"\xff",
    ]
)  # fmt: skip
NAMES = [b"name", b"points", b"event", b"attribute", b"is", b"where.url", b"max_points", b"a" * 300]


@few
@given(st.lists(st.tuples(st.sampled_from([*NAMES, b"half_life_s", b"min_points"]), TOML)))
def test_point_rules(pairs):
    rule = b'[[rule]]\nname = "x"\npoints = 5\nevent = "page_view"\n'
    check_rules(rule + b"\n".join(name + b" = " + value for name, value in pairs))
    check_rules(b"[[rule]]\n" + b"\n".join(name + b" = " + value for name, value in pairs))


ACTION = b'[[action]]\nname = "x"\nchannel = "email"\n'
RULES = b'rules = ["high_intent", "tier_rose", "tier_fell", "absence"]\n'
FIELDS = [
    b"cost_minor", b"cooldown_s", b"ttl_s", b"framings", b"texts", b"eligible.min_score", b"budget",
    b"excludes.x", b"at_most", b"consent", b"contact", b"a" * 300,
]  # fmt: skip


@few
@given(st.lists(st.tuples(st.sampled_from([*FIELDS, b"[reward]\nhorizon_s"]), TOML)))
def test_action_catalogues(pairs):
    check_catalogue(ACTION + RULES + b"\n".join(name + b" = " + value for name, value in pairs))
    check_catalogue(ACTION + b"\n".join(name + b" = " + value for name, value in pairs))
