"""Topics in the fold, whatever order things come in: the same after a restart, erased for good."""

from dataclasses import replace
from functools import cache
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_stream import HOUSE, LeadStream, event

from online_models.text_reader import TextReader
from schemas import topics
from schemas.milestones import TextSeen
from stream.lead.topics_in_use import MODEL
from stream.reports.learner import ReportLearner
from stream.reports.report import Terms

TELLS = replace(HOUSE, logs_milestones=True, erasure_key=b"a key for tests", score_step=0.0)
READER = TextReader()
TEXTS = {
    "price": "Please send a quote: the price of a yearly licence for our seats.",
    "sync": "Does the connector sync webhooks to our sandbox endpoint?",
    "sorry": "I am out of the office until Monday.",
    "short": "Hello!",
}
LEADS = ("L", "M", "N")
WRITES = st.tuples(st.just("form_fill"), st.sampled_from(LEADS), st.sampled_from(sorted(TEXTS)))
OTHER = st.tuples(
    st.sampled_from(["outcome", "erasure", "consent", "lead_merge", "page_view", "restart"]),
    st.sampled_from(LEADS),
    st.sampled_from(LEADS),
)


def learned_from(bodies: list[dict[str, Any]]) -> ReportLearner:
    learner = ReportLearner(MODEL, Terms("EUR"))
    for offset, body in enumerate(bodies):
        if body["type"] == "text_seen":
            learner.learn(TextSeen.model_validate_json(orjson.dumps(body)), offset)
    return learner


@cache
def version() -> ReportLearner:
    """Return topics of two kinds of texts, as a learner would have them."""
    stream = LeadStream(house=TELLS, reader=READER)
    for number in range(24):
        text = TEXTS[("price", "sync")[number % 2]]
        form = {"form_kind": "contact", "text": text}
        stream.send(event("form_fill", f"e{number}", lead_id=f"T{number}", **form))
    return learned_from(stream.bodies(topics.TRAINING_EXAMPLES))


def serving() -> LeadStream:
    stream, learner = LeadStream(house=TELLS, reader=READER), version()
    snapshot = learner.snapshot(learner.served() or {})
    stream.store.put(snapshot.key.decode(), snapshot.value)
    use = {"type": "use_model", "model": MODEL, "version": learner.version}
    stream.append(0, None, orjson.dumps(use), [])
    return stream


def body(number: int, kind: str, lead: str, detail: str) -> dict[str, Any]:
    more: dict[str, dict[str, Any]] = {
        "form_fill": {"form_kind": "contact", "text": TEXTS.get(detail)},
        "consent": {"purpose": "scoring", "granted": detail == "L"},
        "lead_merge": {"into_lead_id": detail},
        "outcome": {"result": "won" if detail == "L" else "lost"},
    }
    return event(kind, f"e{number}", 60.0 * number, lead_id=lead, **more.get(kind, {}))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(WRITES, WRITES, OTHER), max_size=25))
def test_a_restart_changes_nothing_and_who_is_erased_is_in_no_count(
    steps: list[tuple[str, str, str]],
) -> None:
    straight, restarted = serving(), serving()
    for number, (kind, lead, detail) in enumerate(steps):
        if kind == "restart":
            restarted.restart()
        elif kind != "lead_merge" or lead != detail:
            for stream in (straight, restarted):
                stream.send(body(number, kind, lead, detail))
    assert [o.value for o in straight.outputs] == [o.value for o in restarted.outputs]
    assert straight.states() == restarted.states()
    for lead in LEADS:
        straight.send(event("erasure", f"end-{lead}", 9_999.0, lead_id=lead))
    learner = learned_from(straight.bodies(topics.TRAINING_EXAMPLES))
    assert learner.report.figures(0)["texts_seen"] == 0
