"""Whatever we can send, a reader can read: by our own models and by the published schema."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.base import Message
from schemas.dead_letters import DeadLetter
from schemas.documents import json_schema
from schemas.erasures import LeadErased, Remainder
from schemas.scores import Reason, ScoreChanged
from schemas.topics import DEAD_LETTERS, ERASURES, LEAD_SCORES, NURTURE_TRIGGERS, TOPICS, Topic
from schemas.triggers import Candidate, NurtureTriggered

MINUTES_A_DAY = 24 * 60

# How long one message takes on a busy machine says nothing about messages.
unhurried = settings(deadline=None)

offsets = st.integers(1 - MINUTES_A_DAY, MINUTES_A_DAY - 1).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
moments: st.SearchStrategy[datetime] = st.datetimes(timezones=offsets)
probabilities = st.floats(0, 1)
scores = st.floats(0, 100)
numbers = st.floats(allow_nan=False, allow_infinity=False)
reasons = st.lists(st.builds(Reason, contribution=numbers), max_size=4).map(tuple)
candidates = st.lists(st.builds(Candidate, probability=probabilities), max_size=4).map(tuple)

# Fields that are not named here are built from their types.
score_changes = st.builds(
    ScoreChanged,
    score=scores,
    previous_score=st.none() | scores,
    p_convert=probabilities,
    p_low=probabilities,
    p_high=probabilities,
    points=numbers,
    reasons=reasons,
    model_weight=probabilities,
    occurred_at=moments,
)
triggers = st.builds(
    NurtureTriggered,
    framing=st.none() | st.text(),
    action_probability=probabilities,
    candidates=candidates,
    score=scores,
    reasons=reasons,
    expires_at=moments,
    occurred_at=moments,
)
remainders = st.builds(Remainder, until=st.none() | moments)
erasures = st.builds(
    LeadErased,
    erased_at=moments,
    occurred_at=moments,
    remains=st.lists(remainders, max_size=3).map(tuple),
)
dead_letters = st.builds(DeadLetter, received_at=moments)

VALIDATORS = {
    model: Draft202012Validator(
        json_schema(model, type_name), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    for topic in (LEAD_SCORES, NURTURE_TRIGGERS, DEAD_LETTERS, ERASURES)
    for model, type_name in zip(topic.messages, topic.types(), strict=True)
}


def check(topic: Topic, message: Message) -> None:
    written = message.model_dump_json()

    assert type(message).model_validate_json(written) == message
    assert topic.adapter().validate_json(written) == message
    VALIDATORS[type(message)].validate(json.loads(written, parse_constant=pytest.fail))


def test_every_output_message_is_covered() -> None:
    outputs = {model for topic in TOPICS if topic.direction == "output" for model in topic.messages}

    assert outputs == set(VALIDATORS)


@unhurried
@given(score_changes)
def test_a_score_change_survives_json_and_conforms(message: ScoreChanged) -> None:
    check(LEAD_SCORES, message)


@unhurried
@given(triggers)
def test_a_trigger_survives_json_and_conforms(message: NurtureTriggered) -> None:
    check(NURTURE_TRIGGERS, message)


@unhurried
@given(dead_letters)
def test_a_dead_letter_survives_json_and_conforms(message: DeadLetter) -> None:
    check(DEAD_LETTERS, message)


@unhurried
@given(erasures)
def test_an_audit_record_survives_json_and_conforms(message: LeadErased) -> None:
    check(ERASURES, message)
