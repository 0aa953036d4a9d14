"""Texts that route reads: what is put on events, what it counts as, what it is an occasion for."""

import unicodedata
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_stream import DAY_S, EMAIL_KEY, HOUSE, START_S, LeadStream, event, iso

from online_models import text_reader
from online_models.text_phrases import AUTO_REPLY, PHRASES
from online_models.text_reader import TextReader
from schemas import topics
from stream.event_files import TOPIC_OF_TYPE
from stream.lead import text_reading
from stream.lead.actions import parse_catalogue
from stream.lead.apply import apply_event
from stream.lead.features import features_of
from stream.lead.kinds import kinds_of
from stream.lead.outputs import Origin, epoch_s
from stream.lead.routing import MAX_VALUE_BYTES, Refusal, Router
from stream.lead.state import LeadState
from stream.lead.text_reading import TEXT_READING, kinds_read
from stream.lead.triggers import rules_met
from stream.lead.words import words_of
from stream.offline import OfflineStream

READER = TextReader()
COMPLAINT = "Third time I complain, this is awful. Call me back immediately!"
READ = {
    "language": "en", "sentiment": -0.6996, "intents": ["complaint", "meeting", "urgency"],
    "is_urgent_negative": True, "words": ["time", "complain", "awful"],
}  # fmt: skip
FORGED = {"language": "en", "sentiment": -1, "intents": ["price"], "is_urgent_negative": True}
FORM = {"form_kind": "contact", "lead_id": "L", "text": COMPLAINT}


def contact(event_id: str, after_s: float = 0.0, **fields: Any) -> dict[str, Any]:
    return event("form_fill", event_id, after_s, **{**FORM, **fields})


def logged(body: dict[str, Any], reader: TextReader | None = READER) -> dict[str, Any]:
    """Return what the log holds of an event."""
    router = Router(EMAIL_KEY, HOUSE.sealer, reader=reader)
    origin = Origin(TOPIC_OF_TYPE[body["type"]], 0, 0, START_S)
    routed = router.route(None, orjson.dumps(body), origin)
    assert routed.outcome == "accepted"
    found: dict[str, Any] = orjson.loads(routed.outputs[0].value or b"")
    return found


def triggered(stream: LeadStream) -> list[tuple[str, str, str]]:
    return [(t["rule"], t["action"], t["channel"]) for t in stream.bodies(topics.NURTURE_TRIGGERS)]


@pytest.mark.parametrize(
    "body",
    [
        contact("a"),
        event("email_reply", "a", lead_id="L", text=COMPLAINT),
        event("activity", "a", lead_id="L", properties={"text": COMPLAINT, "by": "jo"}),
    ],
)
def test_what_a_text_says_stands_on_the_event_in_the_log(body):
    assert logged(body) == body | {TEXT_READING: READ}
    assert logged(body, None) == body


@pytest.mark.parametrize(
    "body",
    [
        event("form_fill", "a", lead_id="L"),
        contact("a", text=None),
        contact("a", text=" \n"),
        event("activity", "a", lead_id="L"),
        event("activity", "a", lead_id="L", properties=None),
        event("activity", "a", lead_id="L", properties={"text": {"de": COMPLAINT}}),
        event("activity", "a", lead_id="L", text=COMPLAINT),
        event("email_open", "a", lead_id="L", text=COMPLAINT),
        event("page_view", "a", lead_id="L", text=COMPLAINT, title=COMPLAINT),
    ],
)
def test_where_nothing_is_to_be_read_an_event_stays_as_it_was(body):
    assert logged(body) == body


@pytest.mark.parametrize("reader", [None, READER])
@pytest.mark.parametrize("given_reading", [FORGED, "none", 7, None, {}])
@pytest.mark.parametrize("kind", ["form_fill", "activity", "page_view", "lead_profile"])
def test_nobody_can_claim_what_their_text_says(kind, given_reading, reader):
    body = event(kind, "a", lead_id="L")
    assert logged(body | {TEXT_READING: given_reading}, reader) == body


def test_a_forged_reading_gives_way_to_what_is_read():
    assert logged(contact("a", **{TEXT_READING: FORGED}))[TEXT_READING] == READ


def test_an_address_is_hashed_and_what_is_read_is_what_was_sent():
    body = contact("a", email="jane@example.com", text=f"{COMPLAINT} jane.terrible@example.com")
    found = logged(body)
    assert b"jane" not in orjson.dumps(found)
    assert found[TEXT_READING] == READ
    assert set(found) >= {"email_hash", TEXT_READING}


def test_an_event_of_the_log_that_goes_to_its_lead_again_keeps_what_was_read():
    found = logged(contact("a", email="jane@example.com"))
    router, origin = Router(EMAIL_KEY, HOUSE.sealer), Origin("form-fills", 0, 0, START_S)
    for body in (found, found | {"form_kind": "other"}):
        forward, *_ = router.forward(orjson.dumps(body), origin)
        assert orjson.loads(forward.value or b"")["event"] == body


def test_a_value_may_not_outgrow_its_bound_by_what_was_read():
    body = contact("a", fields={"a": ""})
    body["fields"]["a"] = "x" * (MAX_VALUE_BYTES - len(orjson.dumps(body)))
    value, origin = orjson.dumps(body), Origin("form-fills", 0, 0, START_S)
    assert len(value) == MAX_VALUE_BYTES
    assert Router(EMAIL_KEY, HOUSE.sealer).route(None, value, origin).outcome == "accepted"
    with pytest.raises(Refusal, match="text read"):
        Router(EMAIL_KEY, HOUSE.sealer, reader=READER).check(value, origin)


@given(st.text(max_size=200))
def test_a_reading_holds_only_words_of_the_text(text):
    reading = logged(contact("a", text=text)).get(TEXT_READING)
    if reading is None:
        assert not text.strip()
        return
    known = {intent for intents in PHRASES.values() for intent in intents}
    assert set(reading["intents"]) <= known
    assert reading["intents"] == sorted(reading["intents"])
    assert reading["language"] is None or len(reading["language"]) == 2
    assert all(word in unicodedata.normalize("NFC", text.lower()) for word in reading["words"])
    assert (reading["sentiment"] is None) == (reading["language"] != "en")


def test_what_is_negative_is_so_everywhere():
    assert text_reading.NEGATIVE_SENTIMENT == text_reader.NEGATIVE_SENTIMENT


@pytest.mark.parametrize(
    ("intents", "sentiment", "kinds"),
    [
        ([], None, ()),
        ([], -0.29, ()),
        ([], -0.3, ("text:negative",)),
        ([], 0.39, ()),
        ([], 0.4, ("text:positive",)),
        (["price"], None, ("text:price",)),
        (["meeting", "price"], 0.9, ("text:meeting", "text:price", "text:positive")),
        ([AUTO_REPLY], 0.9, ("text:auto_reply",)),
        ([AUTO_REPLY], -0.9, ("text:auto_reply",)),
    ],
)
def test_a_text_counts_by_what_it_asks_for_and_how_it_sounds(intents, sentiment, kinds):
    reading = {"intents": intents, "sentiment": sentiment}
    assert kinds_read(reading) == kinds
    for body, own in (
        (contact("a"), ("form_fill", "form_fill:contact")),
        (event("email_reply", "a"), ("email_reply",)),
        (event("activity", "a"), ("activity:call",)),
    ):
        assert kinds_of(body) == own
        assert kinds_of(body | {TEXT_READING: reading}) == (*kinds, *own)


def test_what_is_read_becomes_counts_and_features_and_the_event_stays_what_it_was():
    stream = LeadStream(reader=READER)
    stream.send(contact("a"))
    lead = stream.lead("L")
    texts = {"text:complaint", "text:meeting", "text:urgency", "text:negative"}
    assert set(lead.counts.counts) == texts | {"form_fill", "form_fill:contact"}
    assert lead.last_kind == "form_fill:contact"
    assert [kind for _, kind, _ in lead.journey] == ["form_fill:contact"]
    x = features_of(lead, START_S, 0.0)
    for kind in texts:
        for view in ("count", "count_1d", "count_7d"):
            assert x[f"{view}:{kind}"] == x[f"{view}:form_fill"]
    assert x["last"] == "form_fill:contact"


def test_all_that_can_be_read_has_words():
    intents = {intent for intents in PHRASES.values() for intent in intents}
    intents -= {"negation", "no_negation"}
    for said in (*intents, "competitor", "negative", "positive"):
        assert not words_of(f"count:text:{said}").startswith("text")
    assert words_of("count:text:urgency") == "says that it is urgent"
    assert words_of("count:text:new") == "text: new"


def test_an_urgent_complaint_asks_for_a_call_before_anything_else():
    assert rules_met("form_fill", "demo_request", "cold", "hot", is_urgent_negative=True) == [
        "urgent_negative", "high_intent", "tier_rose",
    ]  # fmt: skip
    stream = LeadStream(reader=READER)
    stream.send(event("lead_profile", "p", lead_id="L", attributes={"country": "US"}))
    stream.send(contact("a", 1.0))
    assert ("urgent_negative", "call", "phone") in triggered(stream)


def test_an_urgent_complaint_is_answered_once_a_day():
    stream = LeadStream(reader=READER)
    stream.send(event("lead_profile", "p", lead_id="L", attributes={"country": "US"}))
    for number, after_s in enumerate([0.0, 1.0, DAY_S - 1.0, DAY_S]):
        stream.send(contact(str(number), after_s))
    rules = [rule for rule, _, _ in triggered(stream)]
    assert rules.count("urgent_negative") == 2
    assert stream.suppressed["urgent_negative", "cooldown"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "We love the product, please call me back immediately!",
        "I am so sad about the loss of your colleague.",
        "Out of office: I am away. For urgent complaints, awful or not, call us immediately.",
        "Ich beschwere mich zum dritten Mal, das ist furchtbar. Rufen Sie sofort zurück!",
    ],
)
def test_other_texts_are_no_urgent_complaint(text):
    stream = LeadStream(reader=READER)
    stream.send(event("lead_profile", "p", lead_id="L", attributes={"country": "US"}))
    stream.send(contact("a", text=text))
    assert "urgent_negative" not in {rule for rule, _, _ in triggered(stream)}
    assert not any(rule == "urgent_negative" for rule, _ in stream.suppressed)


def test_an_urgent_complaint_needs_consent_to_nurturing_as_all_else_does():
    stream = LeadStream(reader=READER)
    stream.send(event("consent", "n", lead_id="L", purpose="nurturing", granted=False))
    stream.send(contact("a", 1.0))
    assert stream.suppressed["urgent_negative", "no_consent"] == 1
    assert triggered(stream) == []


@pytest.mark.parametrize("stage", ["known", "negotiation", "customer"])
def test_an_urgent_complaint_is_an_occasion_in_any_stage_but_not_after_the_end(stage):
    stream = LeadStream(reader=READER)
    stream.send(event("lead_profile", "p", lead_id="L", attributes={"country": "US"}))
    stream.send(event("stage_change", "s", lead_id="L", stage=stage))
    stream.send(contact("a", 1.0))
    stream.send(event("outcome", "o", 2.0, lead_id="L", result="won"))
    stream.send(contact("b", 3 * DAY_S))
    assert [rule for rule, _, _ in triggered(stream)].count("urgent_negative") == 1


def test_a_catalogue_may_answer_customers_too_and_need_not_answer_at_all():
    every = 'rules = ["high_intent", "tier_rose", "tier_fell", "absence"]'
    alert = f'[[action]]\nname = "alert"\nchannel = "sales"\n{every}\n'
    call = '[[action]]\nname = "call"\nchannel = "phone"\nrules = ["urgent_negative"]\n'
    for more, expected in ((call + 'eligible.outcomes = ["open", "won"]\n', 1), ("", 0)):
        house = replace(HOUSE, catalogue=parse_catalogue(alert + more))
        stream = LeadStream(house=house, reader=READER)
        stream.send(event("lead_profile", "p", lead_id="L", attributes={"country": "US"}))
        stream.send(event("outcome", "o", lead_id="L", result="won"))
        stream.send(contact("a", 1.0))
        rules = [rule for rule, _, _ in triggered(stream)]
        assert rules.count("urgent_negative") == expected


def test_a_crawlers_form_counts_nothing_and_is_no_occasion():
    stream = LeadStream(reader=READER)
    stream.send(contact("a", context={"user_agent": "Barracuda Sentinel (EE)"}))
    assert stream.lead("L").counts.counts == {}
    assert triggered(stream) == []


def several() -> list[dict[str, Any]]:
    """Return events of leads that write, one of them by two names."""
    return [
        event("page_view", "a", 0.0, anonymous_id="v"),
        contact("b", 1.0, lead_id=None, anonymous_id="v", email="jane@example.com"),
        event("email_reply", "c", 2.0, lead_id="L", text="How much is it per user?"),
        event("lead_merge", "d", 3.0, lead_id="old", into_lead_id="L"),
        contact("e", 4.0, lead_id="old"),
        event("activity", "f", 5.0, lead_id="L", properties={"text": "Wants to cancel. Awful!"}),
        event("email_reply", "g", DAY_S, lead_id="M", text="Bitte kündigen Sie meinen Vertrag."),
    ]


def test_a_log_folded_again_without_a_reader_gives_the_same_bytes():
    stream = LeadStream(2, reader=READER)
    stream.send(*several())
    leads = [lead for partition in stream.partitions for lead in partition.leads.values()]
    assert any("text:complaint" in lead.counts.counts for lead in leads)
    for number, log in enumerate(stream.logs):
        again = LeadStream(1)
        for entry in log:
            again.apply(0, entry)
        assert again.states()[0] == stream.states()[number]
        assert again.changelogs[0] == stream.changelogs[number]


def test_without_a_reader_nothing_is_read():
    stream = LeadStream()
    stream.send(*several())
    for partition in stream.partitions:
        for lead in partition.leads.values():
            assert not [kind for kind in lead.counts.counts if kind.startswith("text:")]
    assert "urgent_negative" not in {rule for rule, _, _ in triggered(stream)}
    assert not any(TEXT_READING.encode() in (e.value or b"") for log in stream.logs for e in log)


def test_nothing_of_a_text_is_in_the_state_of_its_lead():
    stream = LeadStream(reader=READER)
    stream.send(contact("a"), contact("b", 1.0, text="Zanzibar wants a price"))
    kept = orjson.dumps(stream.lead("L").to_json())
    assert b"text:complaint" in kept
    for word in (b"awful", b"Third", b"Zanzibar"):
        assert word not in kept
    stream.send(event("erasure", "x", 2.0, lead_id="L"))
    assert stream.state("L") is None
    assert not any(b"text:" in value for value in stream.states()[0].values())


def test_a_lead_that_may_not_be_scored_is_not_counted_by_its_texts():
    house = replace(HOUSE, opt_in={"scoring": frozenset({"*"})})
    stream = LeadStream(house=house, reader=READER)
    stream.send(contact("a"))
    assert stream.lead("L").counts.counts == {}
    assert triggered(stream) == []


def test_events_out_of_order_count_their_texts_at_their_own_time():
    reading = {"intents": ["price"], "sentiment": None}
    state = LeadState.new("L", START_S)
    body = contact("a") | {TEXT_READING: reading}
    apply_event(state, body, epoch_s(iso(START_S - DAY_S)), HOUSE)
    assert state.counts.counts["text:price"] == state.counts.counts["form_fill"]


def test_an_offline_stream_reads_what_it_is_given_a_reader_for():
    for reader, expected in ((READER, True), (None, False)):
        stream = OfflineStream(HOUSE, EMAIL_KEY, START_S, reader=reader)
        stream.feed("form-fills", orjson.dumps(contact("a")))
        assert ("text:complaint" in stream.partition.leads["L"].counts.counts) is expected
