"""A partition is a pure fold of its log, whatever happens in whatever order."""

from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from stream.lead import state as bounds
from stream.lead.actions import REQUIRED_RULES
from stream.lead.house import House
from stream.lead.identity import MAX_HOPS

LEADS, VISITORS = ["A", "B", "C"], ["v", "w"]
KINDS = ["page_view", "form_fill", "activity", "outcome", "lead_profile", "email_unsubscribe"]
COUNTED = {
    "applied", "duplicate", "forwarded", "too_late", "no_change", "merged", "repeated",
    "forward_chain", "linked", "erased",
}  # fmt: skip

steps = st.one_of(
    st.tuples(
        st.just("event"), st.sampled_from(KINDS), st.sampled_from([None, *LEADS]),
        st.sampled_from([None, *VISITORS]), st.sampled_from([0, 60, 3_600, DAY_S, 6 * DAY_S]),
        st.sampled_from([0, 0, 0, 1_800, 2 * DAY_S, 8 * DAY_S]), st.integers(0, 40),
        st.booleans(),
    ),
    st.tuples(
        st.just("merge"), st.sampled_from(LEADS), st.sampled_from(LEADS), st.booleans(),
    ),
    st.tuples(st.just("erase"), st.sampled_from(LEADS), st.sampled_from([None, *VISITORS])),
    st.tuples(st.just("tick"), st.sampled_from([1, 3_600, 8 * DAY_S, 100 * DAY_S])),
    st.tuples(st.just("deliver")),
)  # fmt: skip
histories = st.lists(steps, min_size=1, max_size=40)


def told(history: list[Any], partitions: int, house: House = HOUSE) -> LeadStream:
    """Let a history happen; some forwards stay on their way for a while."""
    stream = LeadStream(partitions, house)
    now_s = 0.0
    for number, step in enumerate(history):
        match step:
            case ("event", kind, lead, visitor, after_s, late_s, name, deliver):
                now_s += after_s
                if lead is None and visitor is None:
                    lead = LEADS[0]
                stream.send(
                    event(kind, f"e{name}", now_s - late_s, lead_id=lead, anonymous_id=visitor),
                    deliver=deliver,
                )
            case ("merge", one, into, deliver):
                if one != into:
                    merge = event("lead_merge", f"m{number}", now_s, lead_id=one, into_lead_id=into)
                    stream.send(merge, deliver=deliver)
            case ("erase", lead, visitor):
                stream.send(
                    event("erasure", f"x{number}", now_s, lead_id=lead, anonymous_id=visitor)
                )
            case ("tick", after_s):
                now_s += after_s
                stream.tick(now_s)
            case _:
                stream.deliver()
    stream.deliver()
    return stream


def folded(stream: LeadStream, number: int, cut: int | None = None) -> LeadStream:
    """Fold one partition's log again, restored from its changelog where it is cut."""
    again = LeadStream(1)
    for n, entry in enumerate(stream.logs[number]):
        if n == cut:
            again.restart()
        again.apply(0, entry)
    return again


@settings(max_examples=100, deadline=None)
@given(histories, st.sampled_from([1, 3]), st.data())
def test_a_log_folded_again_or_from_any_point_gives_the_same_bytes(history, partitions, data):
    stream = told(history, partitions)
    for number, log in enumerate(stream.logs):
        once = folded(stream, number)
        assert once.states()[0] == stream.states()[number]
        cut = data.draw(st.integers(0, max(0, len(log) - 1)))
        resumed = folded(stream, number, cut)
        assert resumed.states() == once.states()
        assert resumed.outputs == once.outputs
        assert resumed.changelogs == once.changelogs


@settings(max_examples=150, deadline=None)
@given(histories, st.sampled_from([1, 3]))
def test_every_record_is_accounted_for_once(history, partitions):
    stream = told(history, partitions)
    outcomes: Counter[str] = Counter()
    for (kind, outcome), count in stream.counts.items():
        if kind != "timer":
            outcomes[outcome] += count
    assert set(outcomes) <= COUNTED
    records = sum(
        orjson.loads(e.value or b"")["type"] != "tick" for log in stream.logs for e in log
    )
    assert sum(outcomes.values()) == records
    assert stream.suppressed.keys() <= {
        (rule, why) for rule in REQUIRED_RULES for why in ("anonymous", "cooldown", "no_consent")
    }


@settings(max_examples=150, deadline=None)
@given(histories, st.sampled_from([1, 3]))
def test_events_that_were_applied_are_in_the_leads_that_are_left(history, partitions):
    history = [step for step in history if step[0] != "erase"]
    stream = told(history, partitions, replace(HOUSE, retention_s=10_000 * DAY_S))
    applied = sum(
        count
        for (kind, outcome), count in stream.counts.items()
        if outcome == "applied" and kind not in {"link", "lead_merge"}
    )
    held = [s for p in stream.partitions for s in p.leads.values()]
    assert sum(s.events for s in held) == applied
    assert all(s.events == 0 and not s.counts.counts for s in held if s.forward_to is not None)
    assert stream.bodies(topics.DEAD_LETTERS) == [
        b for b in stream.bodies(topics.DEAD_LETTERS) if b["reason"] == "too_late"
    ]


@settings(max_examples=100, deadline=None)
@given(histories, st.sampled_from([1, 3]))
def test_states_stay_within_bounds_and_ids_are_unique(history, partitions):
    stream = told(history, partitions)
    for partition in stream.partitions:
        for lead in partition.leads.values():
            assert len(lead.counts.counts) <= bounds.MAX_KINDS + 1
            assert len(lead.recent_ids) <= bounds.MAX_RECENT_IDS
            assert len(lead.journey) <= bounds.MAX_JOURNEY
            assert len(lead.aliases) <= bounds.MAX_ALIASES
            assert len(lead.decisions) <= bounds.MAX_DECISIONS
            assert len(lead.samples) <= stream.house.samples_per_lead
            assert lead.next_due_s is None or lead.next_due_s > partition.now_s - 100 * DAY_S
    for output in stream.outputs:
        if output.topic == topics.LEAD_FORWARDS.name:
            assert len(orjson.loads(output.value or b"").get("path", ())) <= 2 * MAX_HOPS
