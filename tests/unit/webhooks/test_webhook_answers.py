"""What an answer leads to: the schedule, the circuit, giving up."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.lead.sealing import Sealer
from stream.webhooks.answers import Answer, parse_retry_after
from stream.webhooks.circuit import FAILURES_TO_OPEN, LONGEST_PAUSE_S, Circuit
from stream.webhooks.decisions import Arrived, GivenUp, Waits, decide, letter, overdue
from stream.webhooks.deliveries import Delivery, Source, anew, of_stored
from stream.webhooks.schedule import (
    GIVE_UP_AFTER_S,
    MAX_ATTEMPTS,
    RETRY_DELAYS_S,
    next_attempt_s,
)

NOW_S = 1_800_000_000.0
STATUSES = st.integers(200, 599) | st.none()


def delivery(**changed) -> Delivery:
    fields = {
        "endpoint": "crm",
        "webhook_id": "6f0c",
        "source": Source("nurture-triggers", 3, 17),
        "lead_id": "lead-1",
        "headers": {"ce-id": "6f0c"},
        "body": b'{"type":"nurture_triggered","tier":"hot"}',
        "received_s": NOW_S,
        "due_s": NOW_S,
    }
    return Delivery(**{**fields, **changed})


def test_the_schedule_is_the_suggested_one_and_its_end_is_before_giving_up():
    now_s = starts = NOW_S
    delays = []
    for attempts in itertools.count(1):
        due_s = next_attempt_s(attempts, now_s, 0.0)
        if due_s is None:
            break
        delays.append(due_s - now_s)
        now_s = due_s
    assert tuple(delays) == RETRY_DELAYS_S
    assert now_s - starts == 75 * 3_600 + 35 * 60 + 5
    assert 1.1 * (now_s - starts) < GIVE_UP_AFTER_S


@given(status=STATUSES, chance=st.floats(0, 1, exclude_max=True))
def test_only_2xx_has_arrived_and_only_410_disables(status, chance):
    decision = decide(delivery(), Answer(status), NOW_S, chance, has_room=True)
    if status is not None and status < 300:
        assert decision == Arrived()
        return
    assert isinstance(decision, Waits)
    assert decision.disables == (status == 410)
    assert decision.delivery.attempts == 1
    if status != 410:
        assert 5 <= decision.delivery.due_s - NOW_S <= 5.5


def test_retry_after_is_honoured():
    decision = decide(delivery(), Answer(429, retry_after_s=90.0), NOW_S, 0.0, has_room=True)
    assert isinstance(decision, Waits)
    assert decision.delivery.due_s == NOW_S + 90.0


def test_the_last_attempt_gives_up_with_a_letter_that_can_be_sent_anew():
    failed = decide(delivery(attempts=MAX_ATTEMPTS - 1), Answer(500), NOW_S, 0.0, has_room=True)
    assert isinstance(failed, GivenUp)
    sealer = Sealer(b"a key for tests")
    sent = letter(sealer, failed, NOW_S)
    assert b"answered 500" in (sent.value or b"")
    assert b'"endpoint":"crm"' in (sent.value or b"")
    assert b"tier" not in (sent.value or b"")
    again = anew(failed.delivery.stored(), NOW_S + 9)
    assert (again.attempts, again.due_s, again.body) == (0, NOW_S + 9, delivery().body)


def test_too_old_or_refused_without_room_is_given_up_and_a_failing_endpoint_is_not():
    old = delivery(received_s=NOW_S - GIVE_UP_AFTER_S - 1)
    assert isinstance(decide(old, Answer(500), NOW_S, 0.0, has_room=True), GivenUp)
    assert isinstance(decide(delivery(), Answer(422), NOW_S, 0.0, has_room=False), GivenUp)
    assert isinstance(decide(delivery(), Answer(503), NOW_S, 0.0, has_room=False), Waits)
    assert "4 days" in overdue(old).message


@given(
    attempts=st.integers(0, 20),
    lead_id=st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    due_s=st.floats(1.6e9, 2.0e9),
    failure=st.none() | st.just("answered 500"),
)
def test_what_is_stored_comes_back(attempts, lead_id, due_s, failure):
    kept = delivery(attempts=attempts, lead_id=lead_id, due_s=round(due_s, 3), failure=failure)
    assert of_stored(kept.stored()) == kept


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b'{"type":"webhook_delivery"}'])
def test_what_is_no_delivery_is_refused(value):
    with pytest.raises(ValueError, match="validation error"):
        of_stored(value)


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        (None, None),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("999999999999999999999", 86_400.0),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("Thu, 01 Jan 9999 00:00:30 GMT", 86_400.0),
        ("Thu, 99 Foo", None),
    ],
)
def test_retry_after_is_read(value, wait_s):
    assert parse_retry_after(value, 10.0) == wait_s


@given(st.text(max_size=40))
def test_any_retry_after_is_none_or_within_a_day(text):
    wait_s = parse_retry_after(text, NOW_S)
    assert wait_s is None or 0.0 <= wait_s <= 86_400.0


def test_the_circuit_opens_pauses_longer_and_closes():
    circuit, now_s = Circuit(), NOW_S
    for _ in range(FAILURES_TO_OPEN - 1):
        circuit = circuit.after(Answer(fault="no connection"), now_s, 0.0)
    assert circuit.allows(now_s, in_flight=7)
    pauses = []
    for _ in range(9):
        circuit = circuit.after(Answer(500), now_s, 0.0)
        assert not circuit.allows(now_s, in_flight=0)
        pauses.append(circuit.open_until_s - now_s)
        now_s = circuit.open_until_s
        assert circuit.allows(now_s, in_flight=0)
        assert not circuit.allows(now_s, in_flight=1)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, LONGEST_PAUSE_S]
    assert circuit.after(Answer(204), now_s, 0.0) == Circuit()


def test_failures_of_what_was_sent_before_it_opened_lengthen_no_pause():
    circuit = Circuit()
    for _ in range(FAILURES_TO_OPEN + 10):
        circuit = circuit.after(Answer(500), NOW_S, 0.0)
    assert circuit.open_until_s == NOW_S + 5.0


def test_a_receiver_that_refuses_messages_is_up_and_one_that_asks_for_a_pause_has_it():
    circuit = Circuit(failures=4).after(Answer(422), NOW_S, 0.0)
    assert circuit == Circuit()
    paused = circuit.after(Answer(429, retry_after_s=60.0), NOW_S, 0.0)
    assert not paused.allows(NOW_S + 59, in_flight=0)
    assert paused.allows(NOW_S + 60, in_flight=0)
    assert not circuit.after(Answer(400, retry_after_s=60.0), NOW_S, 0.0).is_open
