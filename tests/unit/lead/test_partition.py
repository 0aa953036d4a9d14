from dataclasses import replace
from random import Random

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, START_S, LeadStream, event

from schemas import topics
from stream.lead.lead_table import LeadTable
from stream.lead.partition import Partition
from stream.lead.progress import META_KEY
from stream.lead.state import SCHEMA_VERSION, LeadState, StateFormatError
from stream.lead.stored_form import decode_state, encode_state, read_row
from stream.offline import LogEntry

GRACE_S = HOUSE.late_grace_s


def ids(outputs):
    return [dict(o.headers)["ce_id"] for o in outputs if o.headers]


def busy(partitions=1, n=300, seed=1, *, replayed=False):
    """Fold a mixture of everything; return the stream."""
    rng, stream = Random(seed), LeadStream(partitions, replayed=replayed)
    at_s = 0.0
    for i in range(n):
        at_s += rng.expovariate(1 / 20_000)
        kind = rng.choice(["page_view"] * 6 + ["form_fill", "activity", "lead_profile", "outcome"])
        who = rng.choice(
            [
                {"lead_id": f"L{rng.randrange(8)}"},
                {"anonymous_id": f"v{rng.randrange(8)}"},
                {"lead_id": f"L{rng.randrange(8)}", "anonymous_id": f"v{rng.randrange(8)}"},
            ]
        )
        if kind == "outcome":
            who["result"] = rng.choice(["won", "lost"])
        stream.send(event(kind, f"e{i}", at_s - rng.choice([0, 0, 0, 5_000.0]), **who))
        if rng.random() < 0.1 and not replayed:
            stream.tick(at_s)
    return stream


def test_records_of_a_source_that_were_seen_are_dropped():
    stream = LeadStream()
    stream.send(event("activity", "a", 0, lead_id="L", anonymous_id="v"))
    before, outputs = stream.states(), len(stream.outputs)
    for entry in list(stream.logs[0]):
        stream.append(0, entry.key, entry.value, entry.headers)
    after = stream.states()
    assert stream.counts["", "repeated"] == len(stream.logs[0]) / 2 == 3
    assert {k: v for k, v in after[0].items() if k != META_KEY} == {
        k: v for k, v in before[0].items() if k != META_KEY
    }
    assert len(stream.outputs) == outputs


def test_a_record_replayed_at_the_same_offset_changes_nothing():
    stream = LeadStream()
    headers = [("clock", b"live")]
    for n, body in enumerate(
        (
            event("page_view", "a", 0),
            event("form_fill", "b", 1),
            event("link", "l", 2, to_lead_id="M"),
        )
    ):
        entry = stream.append(0, b"L", orjson.dumps(body), headers)
        before, outputs = stream.states(), len(stream.outputs)
        stream.apply(0, entry)
        assert stream.states() == before, n
        assert len(stream.outputs) == outputs
    assert stream.counts["link", "repeated"] == 1


def test_states_ahead_of_their_partition_come_to_the_same_when_the_log_is_replayed():
    # At least once: a crash between the states and the partition's own changelog record.
    stream = busy(n=150)
    for cut in (10, 77, 140):
        ahead = Partition(HOUSE, stream.store)
        for entry in stream.logs[0][: cut + 20]:
            ahead.apply(entry)
        behind = Partition(HOUSE, stream.store)
        for entry in stream.logs[0][:cut]:
            behind.apply(entry)
        states = [(a.encode(), orjson.dumps(s.to_json())) for a, s in ahead.leads.items()]
        again = Partition(HOUSE, stream.store, [*states, behind.progress.record()])
        for entry in stream.logs[0][cut:]:
            again.apply(entry)
        expected = {a: s.to_json() for a, s in stream.partitions[0].leads.items()}
        assert {a: s.to_json() for a, s in again.leads.items()} == expected


def test_a_timer_that_a_replayed_record_passes_by_fires_after_it():
    house = HOUSE
    behind = Partition(house, LeadStream().store)
    entries = [
        LogEntry(n, int((START_S + at_s) * 1000), key, orjson.dumps(body))
        for n, (at_s, key, body) in enumerate(
            [
                (0, b"M", event("activity", "m", 0)),
                (6 * DAY_S, b"L", event("activity", "late", -0.5 * DAY_S)),
                (6.6 * DAY_S, b"M", event("activity", "m2", 6.6 * DAY_S)),
            ]
        )
    ]
    for entry in entries[:2]:
        behind.apply(entry)
    state = behind.leads["L"].to_json() | {"offset": 3}
    again = Partition(
        house,
        LeadStream().store,
        [
            (b"L", orjson.dumps(state)),
            (META_KEY, orjson.dumps(behind.progress.to_json())),
        ],
    )
    again.apply(entries[2])
    assert again.take().events["timer", "timers"] == 0
    again.apply(
        LogEntry(
            4,
            entries[2].timestamp,
            None,
            orjson.dumps({"type": "tick", "now_s": entries[2].timestamp / 1000}),
        )
    )
    assert again.take().events["timer", "timers"] == 1


def test_an_event_beyond_the_grace_is_refused_and_one_within_it_counts_at_its_time():
    stream = LeadStream()
    stream.tick(GRACE_S)
    stream.send(event("activity", "in time", 0, lead_id="L"))
    stream.tick(GRACE_S + 1)
    late = event("page_view", "late", 0, lead_id="L", anonymous_id="v")
    stream.send(late)
    (letter,) = stream.bodies(topics.DEAD_LETTERS)
    assert (letter["reason"], letter["stage"], letter["field"]) == (
        "too_late",
        "score",
        "occurred_at",
    )
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("page-views", 0, 0)
    assert stream.lead("L").events == 1
    assert stream.lead("L").last_active_s == START_S
    assert stream.counts["page_view", "too_late"] == 1


def test_absence_fires_once_when_it_is_due_by_the_log_alone():
    stream = LeadStream()
    stream.send(event("activity", "a", 0, lead_id="L"))
    stream.tick(HOUSE.absence_s - 1)
    assert stream.bodies(topics.NURTURE_TRIGGERS) == []
    stream.tick(HOUSE.absence_s)
    stream.tick(HOUSE.absence_s + 1)
    (trigger,) = stream.bodies(topics.NURTURE_TRIGGERS)
    assert (trigger["rule"], trigger["lead_id"]) == ("absence", "L")


def test_a_lead_that_sales_has_closed_is_not_missed():
    stream = LeadStream()
    stream.send(event("activity", "a", 0, lead_id="L"), event("outcome", "o", 1, lead_id="L"))
    stream.tick(30 * DAY_S)
    assert stream.bodies(topics.NURTURE_TRIGGERS) == []


def test_silence_to_the_horizon_is_taught_by_a_tick():
    stream = LeadStream(house=replace(HOUSE, labels="wait"))
    stream.send(event("activity", "a", 0, lead_id="L"))
    stream.tick(HOUSE.horizon_s - 1)
    assert stream.bodies(topics.TRAINING_EXAMPLES) == []
    stream.tick(HOUSE.horizon_s)
    assert [b["y"] for b in stream.bodies(topics.TRAINING_EXAMPLES)] == [False]


def test_an_event_finds_its_lead_after_the_timers_that_were_due_before_it():
    stream = LeadStream()
    stream.send(event("activity", "a", 0, lead_id="L"))
    stream.send(event("activity", "b", 20 * DAY_S, lead_id="L"))
    assert stream.counts["timer", "timers"] == 1
    assert [b["rule"] for b in stream.bodies(topics.NURTURE_TRIGGERS)] == ["absence"]
    assert stream.lead("L").absence_due_s == START_S + 20 * DAY_S + HOUSE.absence_s


def test_time_does_not_run_backwards():
    stream = LeadStream()
    stream.tick(100.0)
    stream.append(0, None, orjson.dumps({"type": "tick", "now_s": START_S}), [])
    assert stream.partitions[0].now_s == START_S + 100


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("replayed", [False, True])
def test_a_partition_restored_in_mid_stream_goes_on_to_the_bit(seed, replayed):
    stream = busy(n=300, seed=seed, replayed=replayed)
    log = stream.logs[0]
    for cut in range(0, len(log), len(log) // 7):
        resumed = LeadStream()
        for n, entry in enumerate(log):
            if n == cut:
                resumed.restart()
            resumed.apply(0, entry)
        assert resumed.outputs == stream.outputs
        assert resumed.states() == stream.states()


def test_every_output_has_an_id_of_its_own_and_the_same_on_replay():
    stream = busy(3, n=400)
    found = ids(stream.outputs)
    assert len(found) == len(set(found)) > 100
    assert found == ids(busy(3, n=400).outputs)


def test_a_leads_first_score_always_goes_out_and_small_moves_do_not():
    stream = LeadStream()
    stream.send(event("email_open", "a", 0, lead_id="L"), event("email_open", "b", 1, lead_id="L"))
    (first,) = stream.bodies(topics.LEAD_SCORES)
    assert (first["previous_score"], first["model_weight"]) == (None, 0.0)
    stream.send(event("page_view", "c", 2, lead_id="L"))
    assert stream.bodies(topics.LEAD_SCORES)[-1]["previous_score"] == first["score"]


def test_a_duplicate_leads_to_nothing():
    stream = LeadStream()
    stream.send(event("form_fill", "a", 0, lead_id="L"))
    before, outputs = stream.lead("L").to_json(), len(stream.outputs)
    stream.send(event("form_fill", "a", 0, lead_id="L"))
    after = stream.lead("L").to_json()
    assert len(stream.outputs) == outputs
    assert {k for k in after if before[k] != after[k]} == {"offset"}


def test_a_version_that_is_not_to_be_had_leaves_the_rules():
    stream = LeadStream()
    stream.append(
        0, None, orjson.dumps({"type": "use_model", "model": "p_convert", "version": "5"}), []
    )
    stream.send(event("activity", "a", 0, lead_id="L"))
    assert stream.bodies(topics.LEAD_SCORES)[0]["model_weight"] == 0.0


@pytest.mark.parametrize("huge", [1e308, -1e308, 2**70, 2**63])
def test_numbers_without_measure_leave_numbers(huge):
    stream = LeadStream()
    value = orjson.dumps(event("lead_profile", "p", 0, lead_id="L", attributes={"a=b": 1}))
    value = value.replace(b'"a=b":1', b'"a=b":1,"revenue":%d' % int(huge))
    stream.send(value, event("outcome", "o", 1, lead_id="L"))
    (example,) = stream.bodies(topics.TRAINING_EXAMPLES)
    for number in example["x"].values():
        assert isinstance(number, str) or abs(number) <= 1e15
    assert example["x"]["attribute:a_b"] == 1.0
    stream.restart()
    assert stream.lead("L").attributes["a=b"] == 1


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b'{"v":99,"lead_id":"L"}',
        b'{"v":1,"lead_id":"L","no_such":1}',
        encode_state(LeadState.new("L", 0.0))[:-1],
        encode_state(LeadState.new("L", 0.0))[:9],
        encode_state(LeadState.new("L", 0.0)).replace(b"lead_id", b"lead_ic"),
        b"\xff" + encode_state(LeadState.new("L", 0.0))[1:],
    ],
)
def test_a_broken_changelog_record_is_named_unless_a_readable_one_came_after_it(value):
    store = LeadStream().store
    with pytest.raises(StateFormatError, match="lead L: ") as raised:
        Partition(HOUSE, store, [(b"L", value)])
    assert "leadstream state repair" in str(raised.value) or "release" in str(raised.value)
    good = encode_state(LeadState.new("L", 0.0))
    assert Partition(HOUSE, store, [(b"L", value), (b"L", good)]).leads["L"].events == 0


def test_states_of_the_first_schema_are_carried_over():
    document = LeadState.new("L", START_S).to_json() | {"v": 1, "next_due_s": START_S + 9}
    partition = Partition(HOUSE, LeadStream().store, [(b"L", orjson.dumps(document))])
    ((_, row), _) = partition.states.stored()
    assert read_row(row)[:3] == (SCHEMA_VERSION, START_S + 9, -1)
    assert decode_state(row).lead_id == "L"


def test_of_several_records_of_a_lead_the_furthest_stands_whichever_came_last():
    # At least once, a process that was frozen may write an old state after the new owner's.
    old, new = LeadState.new("L", 0.0), LeadState.new("L", 0.0)
    old.offset, new.offset, new.events = 3, 7, 2
    for order in ((old, new), (new, old)):
        changelog = [(b"L", encode_state(s)) for s in order]
        assert Partition(HOUSE, LeadStream().store, changelog).leads["L"].events == 2


def test_a_lead_of_which_nothing_is_heard_is_forgotten_with_a_tombstone():
    stream = LeadStream(house=replace(HOUSE, retention_s=30 * DAY_S, horizon_s=20 * DAY_S))
    stream.send(event("activity", "a", 0, lead_id="L"), event("activity", "b", 0, lead_id="M"))
    stream.send(event("activity", "c", 9 * DAY_S, lead_id="M"))
    stream.send(event("activity", "d", 9 * DAY_S, lead_id="M", anonymous_id="v"))
    stream.tick(30 * DAY_S)
    assert stream.state("L") is None
    assert b"L" not in stream.changelogs[0]
    assert stream.lead("M").events == 3
    assert stream.counts["timer", "forgotten"] == 1
    stream.tick(39 * DAY_S)
    assert list(stream.partitions[0].leads) == []


class _Faulty(Partition):
    """A fold that fails at one lead's events after it has changed it."""

    def touch(self, state, offset):
        super().touch(state, offset)
        if state.lead_id == "bad":
            raise ZeroDivisionError


def test_an_event_that_the_fold_fails_at_is_set_aside_and_leaves_nothing_behind():
    stream = busy(n=60)
    log = stream.logs[0]
    bad = LogEntry(
        0, log[30].timestamp, b"bad", orjson.dumps(event("activity", "x")), [("source", b"t/0/7")]
    )
    entries = [*log[:30], bad, *log[30:]]
    entries = [replace(e, offset=n) for n, e in enumerate(entries)]

    def folded(size):
        partition = _Faulty(HOUSE, stream.store)
        outputs = []
        for first in range(0, len(entries), size):
            batch = partition.fold(entries[first : first + size])
            partition.changelog(batch)
            outputs += batch.outputs
        return outputs, list(partition.states.stored())

    outputs, stored = folded(len(entries))
    letters = [orjson.loads(o.value) for o in outputs if o.topic == topics.DEAD_LETTERS.name]
    assert [(b["reason"], b["topic"], b["offset"]) for b in letters] == [("cannot_apply", "t", 7)]
    assert b"bad" not in dict(stored)
    # Histories that move say at which offset they left; that is one further from here on.
    kept = {topics.LEAD_SCORES.name, topics.NURTURE_TRIGGERS.name, topics.TRAINING_EXAMPLES.name}
    assert [o for o in outputs if o.topic in kept] == [o for o in stream.outputs if o.topic in kept]
    for size in (1, 7, 31):
        again, rows = folded(size)
        assert (again, dict(rows)) == (outputs, dict(stored)), size


def test_a_batch_that_was_not_committed_is_taken_back_and_comes_out_the_same_again():
    stream = busy(n=120)
    log = stream.logs[0]
    partition = Partition(HOUSE, stream.store)
    partition.changelog(partition.fold(log[:70]))
    partition.committed()
    before = dict(partition.states.stored())
    first = partition.fold(log[70:])
    rows = partition.changelog(first)
    partition.rollback()
    assert dict(partition.states.stored()) == before
    second = partition.fold(log[70:])
    assert partition.changelog(second) == rows
    assert second.outputs == first.outputs


def test_only_lately_touched_leads_stay_open():
    table = LeadTable(max_open=2)
    for name in "abc":
        table[name] = LeadState.new(name, 0.0)
        table.settle(name)
    table.close_surplus()
    assert sorted(table) == ["a", "b", "c"]
    assert (len(table), table.settled) == (3, 3)
    assert table["a"] is not table.get("b")
    first = table["c"]
    table.close_surplus()
    table.close_surplus()
    assert table["c"] is not first or table["c"].lead_id == "c"


@pytest.mark.parametrize("kind", ["consent", "erasure", "page_view", "lead_merge"])
@pytest.mark.parametrize("replayed", [False, True])
def test_a_time_before_the_first_that_utc_can_say_stops_nothing(kind, replayed):
    stream = LeadStream(replayed=replayed)
    stream.send(event("activity", "a", lead_id="L"))
    fields = {"purpose": "email", "granted": True, "into_lead_id": "M", "url": "/"}
    first = event(kind, "first", lead_id="L", **fields)
    stream.send(orjson.dumps(first | {"occurred_at": "0001-01-01T00:00:00+23:59"}))
    stream.send(event("activity", "b", 60.0, lead_id="L"))
    assert stream.lead("L").events == {"consent": 3, "erasure": 1}.get(kind, 2)
    for body in stream.bodies(topics.LEAD_SCORES):
        topics.LEAD_SCORES.adapter().validate_json(orjson.dumps(body))
