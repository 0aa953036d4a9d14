"""Topics in the fold: what a text tells of itself, what it becomes, whose words go again."""

from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from online_models.text_reader import TextReader
from online_models.topic_scorer import LIBRARY, SNAPSHOT_SCHEMA
from schemas import topics
from schemas.milestones import JourneyEnded, TextSeen
from stream.lead.features import features_of
from stream.lead.hashing import address_hash
from stream.lead.kept_texts import MAX_TEXTS
from stream.lead.outputs import epoch_s
from stream.lead.topics_in_use import MODEL
from stream.reports.report import Terms
from stream.reports.topics import TopicsReport

TELLS = replace(HOUSE, logs_milestones=True, erasure_key=b"a key for tests", score_step=0.0)
READER = TextReader()
VERSION = "dirichlet_mixture-7"
PRICE = "Please send a quote: the price of a yearly licence for forty seats."
SYNC = "Does the connector sync webhooks to our sandbox endpoint?"
THEMES = {"price": PRICE, "sync": SYNC}


def writes(stream: LeadStream, lead: str, text: str, number: int = 0, **more: Any) -> None:
    form = {"form_kind": "contact", "lead_id": lead, "text": text, **more}
    stream.send(event("form_fill", f"{lead}-{number}", 60.0 * number, **form))


def seen(stream: LeadStream) -> list[TextSeen]:
    return [
        TextSeen.model_validate_json(orjson.dumps(body))
        for body in stream.bodies(topics.TRAINING_EXAMPLES)
        if body["type"] == "text_seen"
    ]


def told() -> LeadStream:
    return LeadStream(house=TELLS, reader=READER)


@cache
def learned() -> dict[str, Any]:
    """Return topics of 30 leads that write of two things, learned from what the fold tells."""
    stream, report = told(), TopicsReport(Terms("EUR"))
    for number in range(30):
        writes(stream, f"L{number}", (PRICE, SYNC)[number % 2])
    for milestone in seen(stream):
        report.learn(milestone)
    snapshot = report.snapshot()
    assert snapshot is not None
    return snapshot


def topic_of(theme: str) -> tuple[str, str]:
    for of in learned()["topics"]:
        if ("quote" in of["words"]) == (theme == "price"):
            return of["topic"], of["name"]
    raise AssertionError(theme)


def serving() -> LeadStream:
    stream = told()
    body = {
        "type": "model_snapshot", "model": MODEL, "version": VERSION, "examples": 7,
        "positives": 0, "snapshot_schema": SNAPSHOT_SCHEMA, "library": LIBRARY,
        "state": learned(),
    }  # fmt: skip
    stream.store.put(f"{MODEL}/{VERSION}", orjson.dumps(body))
    use = {"type": "use_model", "model": MODEL, "version": VERSION}
    stream.append(0, None, orjson.dumps(use), [])
    return stream


def test_a_text_tells_its_words_under_a_hash_and_no_names():
    stream = told()
    profile = {"company": "Quotient Seats Ltd", "last_name": "Licence", "seats": "forty"}
    stream.send(event("lead_profile", "p", lead_id="L", attributes=profile))
    text = f"Dear Ms Webb,\n{PRICE} Mail jo.ray@example.com, Ray!\nBest regards\nJo Ray\nCFO"
    writes(stream, "L", text, 1, email="jo.ray@example.com", fields={"first_name": "Jo"})
    (milestone,) = seen(stream)
    assert set(milestone.words) == {"send", "quote", "price", "yearly", "mail"}
    assert milestone.lead_hash == address_hash("L", TELLS.erasure_key)
    assert milestone.topic is None


@pytest.mark.parametrize(
    ("text", "lead"),
    [("Hello!", "L"), ("I am out of office until Monday, licence price.", "L"), (PRICE, None)],
)
def test_what_says_nothing_or_is_nobodys_is_not_told(text, lead):
    stream = told()
    form = {"form_kind": "contact", "text": text, "anonymous_id": "visitor"}
    stream.send(event("form_fill", "a", **form, **({"lead_id": lead} if lead else {})))
    assert seen(stream) == []


def test_a_text_has_its_topic_which_is_counted_and_kept():
    stream = serving()
    writes(stream, "L", PRICE)
    topic, _ = topic_of("price")
    assert seen(stream)[0].topic == topic
    lead = stream.lead("L")
    assert lead.counts.counts.keys() >= {f"topic:{topic}", "text:price", "form_fill:contact"}
    assert lead.last_kind == "form_fill:contact"
    at_s = epoch_s(event("form_fill", "x")["occurred_at"])
    x = features_of(lead, at_s, 0.0)
    assert x[f"count:topic:{topic}"] == x["count:form_fill"]
    assert [(text[0], text[4]) for text in lead.texts] == [(at_s, topic)]


def test_a_reason_says_what_the_lead_wrote_about(monkeypatch):
    stream = serving()
    topic, name = topic_of("price")

    class Explains:
        version, positives, negatives = "v-1", 1_000, 1_000.0

        def explain_one(self, _: Any) -> Any:
            return 0.0, {f"count:topic:{topic}": 1.0, "count:text:price": 0.5}, 0.0

    monkeypatch.setattr(stream.partitions[0].in_use, "scorer", Explains)
    writes(stream, "L", PRICE)
    (*_, body) = stream.bodies(topics.LEAD_SCORES)
    said = {reason["feature"]: reason["text"] for reason in body["reasons"]}
    assert said[f"count:topic:{topic}"] == f"wrote about: {name}"
    assert said["count:text:price"] == "asks for a price"
    assert set(name.split(", ")) <= {"send", "quote", "price", "yearly", "licence", "seats"}


def test_a_version_that_is_gone_leaves_texts_without_topic_and_the_fold_goes_on():
    stream = told()
    use = {"type": "use_model", "model": MODEL, "version": VERSION}
    stream.append(0, None, orjson.dumps(use), [])
    writes(stream, "L", PRICE)
    assert seen(stream)[0].topic is None
    assert len(stream.lead("L").texts) == 1


@pytest.mark.parametrize(
    "reason",
    [
        event("erasure", "e", 99.0, lead_id="L"),
        event("consent", "e", 99.0, lead_id="L", purpose="scoring", granted=False),
        event("lead_merge", "e", 99.0, lead_id="L", into_lead_id="M"),
    ],
    ids=["erasure", "consent", "merge"],
)
def test_the_words_of_who_leaves_are_to_go(reason):
    stream = serving()
    writes(stream, "M", SYNC)
    writes(stream, "L", PRICE, 1)
    stream.send(reason)
    (*_, last) = seen(stream)
    assert last.words == ()
    assert last.lead_hash == address_hash("L", TELLS.erasure_key)
    report = TopicsReport(Terms("EUR"))
    for milestone in seen(stream):
        report.learn(milestone)
    assert b"licence" not in orjson.dumps(report.checkpoint())
    assert b"connector" in orjson.dumps(report.checkpoint())
    if reason["type"] == "consent":
        assert stream.lead("L").texts == []


def test_a_forgotten_leads_words_go():
    stream = serving()
    writes(stream, "L", PRICE)
    stream.tick(3_000 * DAY_S)
    assert stream.state("L") is None
    assert seen(stream)[-1].words == ()


def test_who_joins_another_brings_its_texts():
    stream = serving()
    writes(stream, "M", SYNC)
    writes(stream, "L", PRICE, 1)
    stream.send(event("lead_merge", "m", 99.0, lead_id="L", into_lead_id="M"))
    lead = stream.lead("M")
    assert [text[4] for text in lead.texts] == [topic_of("sync")[0], topic_of("price")[0]]


def test_the_newest_texts_are_kept():
    stream = serving()
    for number in range(MAX_TEXTS + 3):
        writes(stream, "L", PRICE, number)
    texts = stream.lead("L").texts
    assert len(texts) == MAX_TEXTS
    start_s = epoch_s(event("form_fill", "x")["occurred_at"])
    assert [(text[0] - start_s) / 60.0 for text in texts] == list(range(3, MAX_TEXTS + 3))


def test_a_journey_that_ends_says_what_was_written_in_it_once():
    stream = serving()
    writes(stream, "L", PRICE)
    writes(stream, "L", SYNC, 1)
    stream.send(event("outcome", "o", 120.0, lead_id="L", result="lost"))
    writes(stream, "L", SYNC, 3)
    stream.send(event("outcome", "o2", 240.0, lead_id="L", result="won"))
    ended = [
        JourneyEnded.model_validate_json(orjson.dumps(body))
        for body in stream.bodies(topics.TRAINING_EXAMPLES)
        if body["type"] == "journey_ended"
    ]
    price, sync = topic_of("price")[0], topic_of("sync")[0]
    assert [set(journey.topics) for journey in ended] == [{price, sync}, {sync}]


def test_folding_again_comes_to_the_same():
    stream, again = serving(), serving()
    for number in range(6):
        for one in (stream, again):
            writes(one, f"L{number % 3}", (PRICE, SYNC)[number % 2], number)
    assert [o.value for o in stream.outputs] == [o.value for o in again.outputs]
    assert stream.lead("L1").to_json() == again.lead("L1").to_json()


def test_an_event_of_an_earlier_release_has_no_words():
    stream = serving()
    reading = {
        "language": "en", "sentiment": None, "intents": ["price"], "is_urgent_negative": False,
    }  # fmt: skip
    body = event("form_fill", "a", lead_id="L", form_kind="contact") | {"text_reading": reading}
    stream.append(0, b"L", orjson.dumps(body), [("source", b"form-fills/0/0")])
    assert seen(stream) == []
    assert stream.lead("L").counts.counts.keys() >= {"text:price"}
