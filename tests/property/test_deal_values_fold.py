"""Deals in the fold, whatever order things come in: each told once, the same after a restart."""

from dataclasses import replace
from functools import cache
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_stream import HOUSE, LeadStream, event

from schemas import topics
from schemas.milestones import JourneyEnded
from stream.lead.deal_vectors import MAX_VECTORS
from stream.lead.worth import DEAL_MODEL
from stream.reports.learner import ReportLearner
from stream.reports.report import Terms

TELLS = replace(
    HOUSE, logs_milestones=True, erasure_key=b"a key for tests", score_step=0.0, samples_per_lead=12
)
LEADS = ("L", "M", "N")
WORTH: dict[str, dict[str, Any]] = {
    "L": {"value_minor": 250_000, "currency": "EUR"},
    "M": {"value_minor": 900_000, "currency": "USD"},
    "N": {},
}
STEPS = st.tuples(
    st.sampled_from(
        ["page_view", "page_view", "form_fill", "won", "lost", "purchase", "erasure", "consent",
         "lead_merge", "restart"]
    ),
    st.sampled_from(LEADS),
    st.sampled_from(LEADS),
    st.sampled_from([0.0, 0.0, 500.0]),
)  # fmt: skip


def told(stream: LeadStream) -> list[JourneyEnded]:
    return [
        JourneyEnded.model_validate_json(orjson.dumps(body))
        for body in stream.bodies(topics.TRAINING_EXAMPLES)
        if body["type"] == "journey_ended"
    ]


@cache
def version() -> ReportLearner:
    """Return what deals taught that were worth the more, the more pages their leads had seen."""
    stream = LeadStream(house=TELLS)
    for number in range(25):
        lead, at_s = f"W{number}", 9_000.0 * number
        for view in range(1 + number % 4):
            stream.send(event("page_view", f"{lead}-{view}", at_s + view, lead_id=lead))
        value = {"value_minor": 100_000 * (1 + number % 4), "currency": "EUR"}
        stream.send(event("outcome", f"{lead}-o", at_s + 60.0, lead_id=lead, **value))
    learner = ReportLearner(DEAL_MODEL, Terms("EUR"))
    for offset, milestone in enumerate(told(stream)):
        learner.learn(milestone, offset)
    return learner


def serving() -> LeadStream:
    stream, learner = LeadStream(house=TELLS), version()
    snapshot = learner.snapshot(learner.served() or {})
    stream.store.put(snapshot.key.decode(), snapshot.value)
    use = {"type": "use_model", "model": DEAL_MODEL, "version": learner.version}
    stream.append(0, None, orjson.dumps(use), [])
    return stream


def body(number: int, kind: str, lead: str, detail: str, late_s: float) -> dict[str, Any]:
    more: dict[str, dict[str, Any]] = {
        "won": WORTH[detail],
        "lost": {"result": "lost", **WORTH[detail]},
        "purchase": {"value_minor": 5_000, "currency": "EUR"},
        "consent": {"purpose": "scoring", "granted": detail == "L"},
        "lead_merge": {"into_lead_id": detail},
    }
    named = "outcome" if kind in {"won", "lost"} else kind
    return event(named, f"e{number}", 600.0 * number - late_s, lead_id=lead, **more.get(kind, {}))


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_a_restart_changes_nothing_and_vectors_are_of_deals_with_a_value(
    steps: list[tuple[str, str, str, float]],
) -> None:
    straight, restarted = serving(), serving()
    for number, (kind, lead, detail, late_s) in enumerate(steps):
        if kind == "restart":
            restarted.restart()
        elif kind != "lead_merge" or lead != detail:
            for stream in (straight, restarted):
                stream.send(body(number, kind, lead, detail, late_s))
    assert [o.value for o in straight.outputs] == [o.value for o in restarted.outputs]
    assert straight.states() == restarted.states()
    for ended in told(straight):
        assert len(ended.vectors) <= MAX_VECTORS
        assert not ended.vectors or (ended.result == "won" and (ended.value_minor or 0) > 0)
    for trigger in straight.bodies(topics.NURTURE_TRIGGERS):
        assert trigger["expected_value"] is None or trigger["expected_value"]["value_minor"] >= 0
