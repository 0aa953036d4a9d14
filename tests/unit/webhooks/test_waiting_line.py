"""What is in a line comes out once, in its time and order, and nothing is committed too soon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.webhooks.deliveries import Delivery, Source
from stream.webhooks.waiting_line import MAX_FRESH, MAX_KEPT, WaitingLine

TOPIC = "nurture-triggers"


def delivery(offset: int, lead_id: str = "lead-1", due_s: float = 0.0, **changed) -> Delivery:
    fields = {
        "endpoint": "crm",
        "webhook_id": f"id-{offset}",
        "source": Source(TOPIC, 0, offset),
        "lead_id": lead_id,
        "headers": {},
        "body": b"{}",
        "received_s": float(offset),
        "due_s": due_s,
    }
    return Delivery(**{**fields, **changed})


def line(*, keeps_order: bool = False, restored: bool = True, position: int = 0) -> WaitingLine:
    found = WaitingLine({TOPIC: position}, keeps_order=keeps_order)
    if restored:
        found.restored()
    return found


def ids(found: WaitingLine) -> list[str]:
    taken = []
    while found.next_due_s() is not None:
        taken.append(found.take()[0].webhook_id)
    return taken


def test_nothing_is_due_before_all_that_was_stored_is_known():
    found = line(restored=False)
    found.restore(delivery(1))
    assert found.next_due_s() is None
    assert not found.has_room
    found.restore(delivery(2))
    found.forget("id-1")
    found.restored()
    assert ids(found) == ["id-2"]
    assert found.has_room


def test_the_newest_of_an_id_counts():
    found = line(restored=False)
    found.restore(delivery(1, due_s=5.0))
    found.restore(delivery(1, due_s=9.0, attempts=2))
    found.restored()
    assert found.next_due_s() == 9.0
    assert found.take()[0].attempts == 2
    assert found.size == 1


def test_what_was_not_taken_comes_again_when_it_is_due():
    found = line()
    found.read(delivery(0, due_s=1.0))
    found.read(delivery(1, due_s=2.0))
    first, is_kept = found.take()
    assert (first.webhook_id, is_kept) == ("id-0", False)
    found.put_back(first.failed("answered 500", 7.0))
    assert found.next_due_s() == 2.0
    assert found.take()[0].webhook_id == "id-1"
    assert found.next_due_s() == 7.0
    again, is_kept = found.take()
    assert (again.attempts, is_kept) == (1, True)
    with pytest.raises(LookupError):
        found.take()


def test_only_what_is_done_or_stored_is_committed():
    found = line(position=10)
    found.pass_over(TOPIC, 10)
    assert found.committable() == {TOPIC: 11}
    for offset in (11, 12, 13):
        found.read(delivery(offset))
    assert found.committable() == {TOPIC: 11}
    found.take()
    found.take()
    found.remove("id-12")
    assert found.committable() == {TOPIC: 11}
    found.put_back(delivery(11, due_s=9.0))
    assert found.committable() == {TOPIC: 13}


def test_a_message_that_is_there_already_counts_once():
    found = line(restored=False)
    found.restore(delivery(4, due_s=50.0))
    found.restored()
    found.read(delivery(4))  # it was stored, and the offset not committed
    found.read(delivery(5, webhook_id="id-4"))  # an output that came twice
    assert found.size == 1
    assert found.committable() == {TOPIC: 6}
    assert found.next_due_s() == 50.0


def test_one_that_is_sent_again_by_hand_while_it_is_fresh_holds_back_no_offset():
    found = line()
    found.read(delivery(0))
    found.restore(delivery(0, due_s=3.0))
    assert found.committable() == {TOPIC: 1}
    assert found.take() == (delivery(0, due_s=3.0), True)


def test_in_order_a_lead_has_one_at_a_time():
    found = line(keeps_order=True)
    for offset in range(4):
        found.read(delivery(offset, f"lead-{offset % 2}"))
    assert ids(found) == ["id-0", "id-1"]
    found.remove("id-0")
    assert ids(found) == ["id-2"]
    found.put_back(delivery(2, "lead-0", due_s=9.0))
    found.remove("id-1")
    assert found.next_due_s() == 0.0
    assert found.take()[0].webhook_id == "id-3"


def test_what_waits_behind_a_stored_one_is_stored_too_and_keeps_its_place():
    found = line(keeps_order=True)
    for offset in range(3):
        found.read(delivery(offset))
    found.take()
    assert not list(found.blocked())
    found.put_back(delivery(0, due_s=9.0))
    behind = list(found.blocked())
    assert [d.webhook_id for d in behind] == ["id-1", "id-2"]
    assert not list(found.blocked())
    for waiting in behind:
        found.put_back(waiting)
    assert found.committable() == {TOPIC: 3}

    restored = line(keeps_order=True, restored=False, position=3)
    for offset in (2, 0, 1):
        restored.restore(delivery(offset, due_s=9.0 if offset == 0 else 0.0))
    restored.restored()
    restored.read(delivery(3))
    order = []
    while restored.size:
        taken, _ = restored.take()
        order.append(taken.webhook_id)
        restored.remove(taken.webhook_id)
    assert order == ["id-0", "id-1", "id-2", "id-3"]


def test_a_line_takes_no_more_than_it_may():
    found = line()
    for offset in range(MAX_FRESH):
        assert found.has_room
        found.read(delivery(offset))
    assert not found.has_room
    found.take()
    found.remove("id-0")
    assert found.has_room
    full = line(restored=False)
    for offset in range(MAX_KEPT):
        full.restore(delivery(offset))
    full.restored()
    assert not full.has_room
    assert not full.has_room_to_keep
    large = line()
    large.read(delivery(0, body=b"x" * (8 << 20)))
    assert not large.has_room


def test_what_is_overdue_is_begun_with_whatever_it_waits_for():
    found = line(keeps_order=True)
    for offset in range(3):
        found.read(delivery(offset, due_s=99.0))
    assert [d.webhook_id for d, _ in found.overdue(2.0)] == ["id-0", "id-1"]
    assert not list(found.overdue(2.0))
    found.remove("id-1")
    found.remove("id-0")
    assert found.oldest_s() == 2.0
    assert found.next_due_s() == 99.0


ACTS = st.lists(
    st.tuples(st.sampled_from(["read", "pass", "take", "done", "fail"]), st.integers(0, 5)),
    max_size=80,
)


@given(ACTS, st.booleans())
def test_whatever_happens_nothing_is_lost_or_doubled_and_order_is_kept(acts, keeps_order):
    found = line(keeps_order=keeps_order)
    offset, now_s = 0, 0.0
    busy: list[Delivery] = []
    stored: set[int] = set()
    done: list[int] = []
    passed: set[int] = set()
    leads: dict[int, str] = {}
    for act, number in acts:
        now_s += 1.0
        if act == "read":
            leads[offset] = f"lead-{number % 3}"
            found.read(delivery(offset, leads[offset], due_s=now_s))
            offset += 1
        elif act == "pass":
            found.pass_over(TOPIC, offset)
            passed.add(offset)
            offset += 1
        elif act == "take" and found.next_due_s() is not None:
            busy.append(found.take()[0])
        elif act in {"done", "fail"} and busy:
            taken = busy.pop(number % len(busy))
            at = taken.source.offset
            if act == "done":
                found.remove(taken.webhook_id)
                stored.discard(at)
                done.append(at)
            else:
                found.put_back(taken.failed("answered 500", now_s + number))
                stored.add(at)
        settled = stored | passed | set(done)
        safe = next((n for n in range(offset) if n not in settled), offset)
        assert found.committable() == {TOPIC: safe}
        if keeps_order:
            assert len({d.lead_id for d in busy}) == len(busy)
    assert len(done) == len(set(done))
    assert found.size == len(leads) - len(done)
    if keeps_order:
        for lead in set(leads.values()):
            of_lead = [n for n in done if leads[n] == lead]
            assert of_lead == sorted(of_lead)
