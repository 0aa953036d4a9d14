"""Erasure reaches all that points at a lead, and old events do not bring it back."""

import orjson
import pytest
from lead_stream import DAY_S, LeadStream, event

from schemas import topics
from stream.lead.erasure import ERASED_PREFIX, REMAINS
from stream.lead.progress import META_KEY
from stream.lead.state import MAX_ALIASES
from stream.lead.stored_form import decode_document
from stream.offline import LogEntry

PARTITIONS = [1, 5]


def erase(stream, after_s, **ids):
    stream.send(event("erasure", f"x{after_s}", after_s, **ids))


def left(stream):
    """Return all keys of states that are left in the changelogs."""
    return {
        k.decode()
        for changelog in stream.changelogs
        for k in changelog
        if k != META_KEY and not k.startswith(ERASED_PREFIX)
    }


def known(stream):
    """Return a stream with a lead, and all kinds of addresses that point at it."""
    stream.send(
        event("page_view", "a", 0, anonymous_id="v"),
        event("form_fill", "b", 1, anonymous_id="v", email="jane@example.com"),
        event("activity", "c", 2, lead_id="A", anonymous_id="v"),
        event("lead_profile", "d", 3, lead_id="A", attributes={"email": "jane@example.com"}),
        event("lead_merge", "e", 4, lead_id="A", into_lead_id="L"),
        event("lead_merge", "f", 5, lead_id="never-seen", into_lead_id="L"),
        event("activity", "g", 6, lead_id="L", anonymous_id="w"),
        event("activity", "h", 7, lead_id="another", anonymous_id="x"),
    )
    return stream


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize(
    "ids", [{"lead_id": "L"}, {"lead_id": "A"}, {"anonymous_id": "v"}, {"lead_id": "never-seen"},
            {"lead_id": "jane@example.com"}, {"lead_id": "L", "anonymous_id": "v"}],
)  # fmt: skip
def test_whatever_name_it_is_asked_for_by_nothing_is_left(partitions, ids):
    stream = known(LeadStream(partitions))
    erase(stream, 10, **ids)
    assert left(stream) == {"another", "anon:x"}
    assert {a for p in stream.partitions for a in p.leads} == {"another", "anon:x"}
    stream.tick(100 * DAY_S)
    assert left(stream) == {"another", "anon:x"}


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_a_replay_of_all_that_came_before_brings_nothing_back(partitions):
    stream = known(LeadStream(partitions))
    erase(stream, 10, lead_id="L")
    scores = len(stream.bodies(topics.LEAD_SCORES))
    for number in range(partitions):
        stream.restart(number)
    known(stream)
    assert left(stream) == {"another", "anon:x"}
    assert stream.counts["page_view", "erased"] == 1
    assert {b["lead_id"] for b in stream.bodies(topics.LEAD_SCORES)[scores:]} <= {"another"}
    assert stream.bodies(topics.DEAD_LETTERS) == []


def test_a_later_event_begins_a_new_lead():
    stream = known(LeadStream(5))
    erase(stream, 10, lead_id="L")
    stream.send(
        event("page_view", "y", 20, anonymous_id="v"), event("activity", "z", 21, lead_id="L")
    )
    assert (stream.lead("anon:v").events, stream.lead("L").events) == (1, 1)
    # Asked for before, so that it was carried out already.
    erase(stream, 10, lead_id="L")
    assert stream.lead("L").events == 1
    erase(stream, 30, lead_id="L")
    assert stream.state("L") is None


def test_histories_that_were_under_way_do_not_arrive():
    stream = LeadStream(5)
    stream.send(event("page_view", "a", 0, anonymous_id="v"))
    stream.send(event("activity", "b", 1, lead_id="L", anonymous_id="v"), deliver=False)
    stream.send(event("page_view", "c", 2, anonymous_id="v"), deliver=False)
    assert len(stream.forwards) == 2
    stream.send(event("erasure", "x", 3, lead_id="L"), deliver=False)
    stream.deliver()
    assert left(stream) == set()


def test_a_history_from_before_does_not_join_the_new_lead():
    stream = LeadStream(5)
    stream.send(event("page_view", "a", 0, anonymous_id="v"))
    erase(stream, 10, lead_id="L")
    stream.send(event("activity", "b", 20, lead_id="L", anonymous_id="v"))
    assert stream.lead("L").events == 1
    assert stream.counts["lead_moved", "erased"] == 1
    stream.send(event("page_view", "c", 30, anonymous_id="v"))
    assert stream.lead("L").events == 2


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", ["A", "C", "jane@example.com"])
def test_a_late_merge_from_before_an_erasure_loses_nothing_newer(partitions, name):
    stream = LeadStream(partitions)
    erase(stream, 0, lead_id="A")
    stream.send(event("form_fill", "a", 200, lead_id="C", email="jane@example.com"))
    stream.tick(400)
    stream.send(event("lead_merge", "m", -100, lead_id="C", into_lead_id="A"))
    assert stream.lead("A").events == 1
    assert stream.state("C").forward_to == "A"
    # What happened before it still finds nobody, and unlinks nobody who was linked since.
    stream.send(event("activity", "b", -50, lead_id="C"), event("activity", "c", 410, lead_id="C"))
    assert stream.lead("A").events == 2
    erase(stream, 500, lead_id=name)
    assert left(stream) == set()


def test_a_late_merge_from_before_an_erasure_brings_back_nothing_older():
    stream = LeadStream(5)
    erase(stream, 0, lead_id="A")
    stream.send(event("form_fill", "a", -300, lead_id="C", email="jane@example.com"))
    stream.send(event("activity", "b", 200, lead_id="C"))
    stream.send(event("lead_merge", "m", -100, lead_id="C", into_lead_id="A"))
    assert left(stream) == set()


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_who_is_linked_while_a_late_merge_is_under_way_stays_within_reach(partitions):
    stream = LeadStream(partitions)
    erase(stream, 0, lead_id="A")
    stream.send(event("form_fill", "a", -300, lead_id="C"))
    late = event("lead_merge", "m", -100, lead_id="C", into_lead_id="A")
    stream.send(event("activity", "b", 200, lead_id="C", anonymous_id="v"), deliver=False)
    stream.send(late, deliver=False)
    stream.deliver()
    assert stream.state("anon:v").forward_to == "C"
    assert stream.state("C").forward_to == "A"
    erase(stream, 500, lead_id="C")
    assert left(stream) == set()


def test_a_link_made_after_the_erasure_stands_when_old_events_are_replayed():
    stream = LeadStream(5)
    stream.send(event("activity", "a", 0, lead_id="L", anonymous_id="v"))
    erase(stream, 10, lead_id="L")
    stream.send(event("activity", "b", 20, lead_id="L", anonymous_id="w"))
    stream.send(event("page_view", "c", 5, anonymous_id="w"))
    assert stream.state("anon:w").forward_to == "L"
    assert stream.lead("L").events == 1


def test_what_was_erased_on_a_shared_device_leaves_the_others_theirs():
    stream = LeadStream(5)
    stream.send(event("activity", "a", 0, lead_id="L1", anonymous_id="v"))
    stream.send(event("activity", "b", 1, lead_id="L2", anonymous_id="v"))
    erase(stream, 10, lead_id="L1")
    assert left(stream) == {"L2", "anon:v"}
    assert stream.state("anon:v").forward_to == "L2"
    stream.send(event("page_view", "c", 20, anonymous_id="v"))
    assert stream.lead("L2").events == 2


def test_old_aliases_give_way_and_are_counted():
    stream = LeadStream(5)
    for n in range(MAX_ALIASES + 3):
        stream.send(event("activity", f"a{n}", n, lead_id="L", anonymous_id=f"v{n}"))
    assert stream.lead("L").aliases == [f"anon:v{n}" for n in range(3, MAX_ALIASES + 3)]
    assert stream.overflows >= 3
    erase(stream, 1_000, lead_id="L")
    # One that was not told hears of it when it next forwards what is old.
    stream.send(event("page_view", "b", 500, anonymous_id="v0"))
    assert stream.state("anon:v0") is None


def test_a_circle_of_merges_can_be_erased():
    stream = LeadStream(5)
    stream.send(event("activity", "a", 0, lead_id="A"), event("activity", "b", 0, lead_id="B"))
    for n, (one, into) in enumerate([("A", "B"), ("B", "A")]):
        stream.send(event("lead_merge", f"m{n}", 10, lead_id=one, into_lead_id=into), deliver=False)
    stream.deliver()
    erase(stream, 20, lead_id="B")
    assert left(stream) == set()


def test_what_arrived_by_then_stays_away_though_it_says_it_happened_later():
    stream = LeadStream()
    stream.send(event("activity", "a", 100, lead_id="L"))
    stream.send(event("erasure", "x", 50, lead_id="L"))
    assert stream.state("L") is None
    stream.send(event("activity", "b", 100, lead_id="L"))
    assert stream.state("L") is None


def test_an_erasure_whose_clock_is_behind_a_former_one_still_counts():
    stream = LeadStream()
    stream.tick(100)
    erase(stream, 10, lead_id="L")
    stream.send(event("activity", "a", 200, lead_id="L"))
    erase(stream, 60, lead_id="L")
    assert stream.state("L") is None


def test_the_audit_record_counts_addresses_and_names_nobody():
    stream = known(LeadStream(5))
    erase(stream, 10, anonymous_id="v")
    (body,) = stream.bodies(topics.ERASURES)
    (record,) = [o for o in stream.outputs if o.topic == topics.ERASURES.name]
    topics.ERASURES.adapter().validate_json(record.value or b"")
    # L, A, v, w, the email address, and the one that was never seen.
    assert body["addresses"] == 6
    assert record.key.decode() == body["lead_hash"]
    said = orjson.dumps([body, [v.decode() for _, v in record.headers]])
    for name in (b"anon:", b"jane", b"email:", b'"L"', b"never-seen"):
        assert name not in said
    until = {r["topic"]: r["until"] for r in body["remains"]}
    assert until["lead-states"] is None
    assert until["lead-events"].startswith("2026-02-")


def test_every_topic_says_what_of_an_erased_lead_remains():
    of_nobody = {topics.COSTS, topics.WEBHOOK_ENDPOINTS}
    assert REMAINS.keys() == {t.name for t in topics.TOPICS} - {t.name for t in of_nobody}


def test_erased_addresses_survive_a_restart_as_hashes():
    stream = known(LeadStream())
    erase(stream, 10, lead_id="L")
    before = stream.states()
    stream.restart()
    assert stream.states() == before
    entries = [k for k in stream.changelogs[0] if k.startswith(ERASED_PREFIX)]
    assert len(entries) == 6
    assert not any(b"anon" in k or k.endswith(b"/L") for k in entries)


def test_an_erasure_that_was_taken_back_can_be_done_again():
    stream = known(LeadStream())
    partition = stream.partitions[0]
    before = dict(partition.states.stored())
    erasure = orjson.dumps(event("erasure", "x", 10, lead_id="L"))
    record = LogEntry(len(stream.logs[0]), int(stream.now_s * 1000), b"L", erasure)
    first = partition.fold([record])
    partition.changelog(first)
    partition.rollback()
    assert dict(partition.states.stored()) == before
    again = partition.fold([record])
    assert again.outputs == first.outputs
    assert partition.changelog(again)
    partition.committed()
    assert dict(partition.states.stored()) != before


def test_another_partition_can_take_over_what_was_erased():
    stream = LeadStream()
    erase(stream, 10, lead_id="L")
    partition, adopter = stream.partitions[0], LeadStream()
    entries = {
        key.removeprefix(ERASED_PREFIX).decode(): [d["erased_at_s"], d["asked_at_s"]]
        for key, row in partition.erased.records().items()
        for d in (decode_document(row),)
    }
    adopted = orjson.dumps({"type": "erasures_adopted", "entries": entries})
    topics.LEAD_EVENTS.adapter().validate_json(adopted)
    adopter.append(0, None, adopted, [])
    assert adopter.partitions[0].erased.records() == partition.erased.records()
    adopter.restart()
    adopter.send(event("activity", "a", 0, lead_id="L"))
    assert adopter.state("L") is None
