"""A partition's states: a pure fold of its log. Same log, same states, same outputs, to the bit."""

import contextlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from schemas import topics
from stream.lead import decide
from stream.lead.erasure import ERASED_PREFIX, Erasures
from stream.lead.forwarding import Forwarding
from stream.lead.house import House
from stream.lead.lead_table import LeadTable
from stream.lead.log_clock import LogClock
from stream.lead.merge import merge_into
from stream.lead.outputs import Origin, dead_letter, decode_key, encode_key, epoch_s
from stream.lead.records import Batch, Models, Record
from stream.lead.routing import CLOCK_HEADER, MAX_PARTS, PART_HEADER, SOURCE_HEADER
from stream.lead.scoring import Scorer
from stream.lead.state import SCHEMA_VERSION, LeadState, StateFormatError
from stream.lead.stored_form import (
    decode_document,
    decode_state,
    encode_row,
    encode_state,
    offset_of,
    read_row,
)
from stream.lead.stored_state import check_meta

META_KEY = b"\x00partition"
"""Key of the changelog record that holds what belongs to the partition and to no lead."""
META_VERSION = 1

NEVER_TOO_LATE = frozenset({"erasure", "consent"})
"""What a person has a right to counts whenever it arrives."""

FAULTS_NAMED = 5

Step = tuple[str, int | tuple[float, str]]
"""What the fold can fail at: a record by its offset, or a timer by when it is due and its lead."""


class _FailedError(Exception):
    """A step of the fold raised what nobody expected."""

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.step = step


class Partition:
    """The states of the leads of one partition of ``lead-events``.

    Parameters
    ----------
    house
        The rules of the house.
    models
        Finds the model versions that the log names.
    changelog
        Key and value of each record of the partition's changelog, the last per key; none
        for a partition that starts.

    Raises
    ------
    StateFormatError
        If a changelog record cannot be read; it names the lead.
    """

    def __init__(
        self, house: House, models: Models, changelog: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        self.house = house
        self._models = models
        self.leads = LeadTable()
        self.next_offset = 0
        self.sources: dict[str, int] = {}
        self.versions: dict[str, str] = {}
        self.batch = Batch()
        self._clock = LogClock()
        # At least one entry per lead that has a timer, due no later than the timer itself.
        self._timers: list[tuple[float, str]] = []
        self.erased = Erasures(house.erasure_key)
        self._forwarding = Forwarding(self)
        self._failed: set[Step] = set()
        self._faults: dict[bytes, str] = {}
        self.overwritten: dict[str, bytes] = {}
        """Rows that a former owner wrote an earlier state after: to be written again."""
        self._before: dict[str, bytes | None] = {}
        self._meta_before: dict[str, Any] | None = None
        for key, value in changelog:
            self.restore(key, value)
        self.check()

    def fold(self, records: Sequence[Record]) -> Batch:
        """Fold records of the log, those done before passed over; return what they led to.

        A record that cannot be applied for a reason that nobody expected becomes a dead letter
        and leaves nothing behind: the batch is taken back and folded again without it. One
        event must not stop all that come after it.
        """
        self._before, self._meta_before = {}, self.meta()
        self.erased.committed()
        failed: set[Step] = set()
        while True:
            self._failed = failed
            try:
                for record in records:
                    if record.offset >= self.next_offset:
                        self.apply(record)
            except _FailedError as error:
                failed.add(error.step)
                self.rollback()
                self._meta_before = self.meta()
            else:
                self._failed = set()
                return self.take()

    def committed(self) -> None:
        """Note that what was folded last is committed, and will not be taken back."""
        self._before, self._meta_before = {}, None
        self.erased.committed()

    def rollback(self) -> None:
        """Take back what was folded since the last commit."""
        if self._meta_before is None:
            return
        touched = self.take().touched
        self.leads.revert(touched)
        for address, row in self._before.items():
            self.leads.put_row(address, row)
        self.erased.rollback()
        self._set_meta(self._meta_before)
        self._schedule([*touched, *self._before])
        self.committed()

    def apply(self, record: Record) -> None:
        """Fold one record of the log into the states; what goes out is added to ``batch``."""
        step: Step = ("record", record.offset)
        if step in self._failed:
            self._set_aside(record)
            return
        try:
            self._apply(record)
        except (_FailedError, MemoryError, StateFormatError):
            raise
        except Exception as error:
            raise _FailedError(step) from error

    def _apply(self, record: Record) -> None:
        offset = record.offset
        headers = dict(record.headers)
        origin = self.origin(headers, record)
        if origin is not None and self._has_seen(origin, headers):
            self.batch.events["", "repeated"] += 1
            self.next_offset = offset + 1
            return
        event = orjson.loads(record.value or b"{}")
        kind = event["type"]
        replayed = headers.get(CLOCK_HEADER) == b"event"
        if kind == "tick":
            self._clock.advance(event["now_s"])
            self._fire_timers(offset)
        elif kind == "use_model":
            self.versions[event["model"]] = event["version"]
        elif kind == "erasures_adopted":
            self.batch.erased |= dict.fromkeys(self.erased.adopt(event["entries"]))
        elif kind in {"lead_left", "lead_adopted"}:
            self._move_house(decode_key(record.key), event, offset)
        else:
            address = decode_key(record.key)
            path: tuple[str, ...] = ()
            # What follows from an event says nothing of the time that the event has not said.
            is_witness = kind not in {"link", "lead_moved", "forwarded", "alias_erased"}
            if kind == "forwarded":
                event, path = event["event"], tuple(event["path"])
                kind = event["type"]
            at_s = epoch_s(event["occurred_at"])
            if not replayed:
                self._clock.advance(record.timestamp / 1000.0)
            elif is_witness:
                self._clock.witness(at_s)
            self._fire_timers(offset)
            is_late = at_s < self.now_s - self.house.late_grace_s and kind not in NEVER_TOO_LATE
            if not self._settle_history(address, event, at_s, offset, path):
                if is_late:
                    self._refuse_late(record, origin, kind, event)
                else:
                    self._event(address, event, at_s, offset, path, record)
        self.next_offset = offset + 1

    def take(self) -> Batch:
        """Return what has accumulated since the last call."""
        batch, self.batch = self.batch, Batch()
        return batch

    def changelog(self, batch: Batch) -> list[tuple[bytes, bytes | None]]:
        """Return the changelog records of a batch: each touched lead once, then the partition."""
        self._before = {address: self.leads.row(address) for address in batch.touched}
        records = [(encode_key(a), self.leads.settle(a)) for a in batch.touched]
        self.leads.close_surplus()
        records += [self.erased.record(hashed) for hashed in batch.erased]
        records.append(self._meta_record())
        return records

    def stored(self) -> Iterable[tuple[bytes, bytes]]:
        """Yield what the changelog holds of this partition as of the last settled batch."""
        for address, row in self.leads.rows():
            yield encode_key(address), row
        yield from self.erased.records().items()
        yield self._meta_record()

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in a record of the changelog; of several of a lead, the furthest one stands.

        What cannot be read is noted; ``check`` refuses it if nothing readable came after it.
        """
        self._faults.pop(key, None)
        address = decode_key(key)
        if value is None:
            self.leads.put_row(address, None)
            return
        try:
            row = read_row(value)
            if key == META_KEY:
                self._restore_meta(row.offset, decode_document(value), row.body)
                return
            if key.startswith(ERASED_PREFIX):
                self.erased.restore(key, decode_document(value))
                return
            if row.version < SCHEMA_VERSION:
                value = encode_state(decode_state(value))
        except StateFormatError as error:
            self._faults[key] = str(error)
            return
        former = self.leads.row(address)
        if former is not None and offset_of(former) > row.offset:
            self.overwritten[address] = former
            return
        self.overwritten.pop(address, None)
        self.leads.put_row(address, value)
        if row.due_s is not None:
            heapq.heappush(self._timers, (row.due_s, address))

    def check(self) -> None:
        """Refuse a changelog of which something could not be read.

        Raises
        ------
        StateFormatError
            It names the first leads and what is wrong with each.
        """
        if not self._faults:
            return
        named = [
            f"{'the partition itself' if k == META_KEY else 'lead ' + k.decode('utf-8', 'replace')}"
            f": {fault}"
            for k, fault in list(self._faults.items())[:FAULTS_NAMED]
        ]
        raise StateFormatError(
            f"{len(self._faults)} changelog records cannot be read: {'; '.join(named)}"
        )

    def meta(self) -> dict[str, Any]:
        """Return what belongs to the partition and to no lead, as plain JSON."""
        return {
            "v": META_VERSION,
            "now_s": self.now_s,
            "next_offset": self.next_offset,
            "sources": dict(self.sources),
            "versions": dict(self.versions),
            "recent_s": list(self._clock.recent_s),
        }

    @property
    def now_s(self) -> float:
        """The log's time, epoch seconds."""
        return self._clock.now_s

    def scorer(self) -> Scorer | None:
        """Return the model version that the log says is in use."""
        version = self.versions.get("p_convert")
        return None if version is None else self._models.scorer("p_convert", version)

    def touch(self, state: LeadState, offset: int) -> None:
        """Mark a state as changed by a record, and set its next timer."""
        state.offset = offset
        self.leads[state.lead_id] = state
        self.batch.touched[state.lead_id] = None
        due_s, former_s = decide.next_due_s(state, self.house), state.next_due_s
        # A later timer than before has the former one's entry, which will be put off then.
        if former_s is None or due_s < former_s:
            heapq.heappush(self._timers, (due_s, state.lead_id))
        state.next_due_s = due_s

    def carry_out(self, address: str, kind: str, decision: decide.Decision) -> None:
        """Take over a decision's outputs and counts."""
        batch = self.batch
        batch.outputs += decision.outputs
        batch.events[kind, decision.outcome] += 1
        for verdict in decision.verdicts:
            if verdict.suppressed is not None:
                batch.suppressed[verdict.rule, verdict.suppressed] += 1
        batch.machines.update(decision.machines)
        if decision.p_convert is not None:
            batch.scored.append((address, decision.p_convert))

    def _settle_history(
        self,
        address: str,
        event: Mapping[str, Any],
        at_s: float,
        offset: int,
        path: tuple[str, ...],
    ) -> bool:
        """Do what concerns a lead's past: histories that move, and those that stay forgotten."""
        kind = event["type"]
        if kind == "lead_moved":
            self._forwarding.arrive(address, event, at_s, offset)
        elif kind == "alias_erased":
            self._forwarding.forget_alias(address, event, at_s, offset)
        elif kind != "erasure" and self.erased.covers(address, at_s):
            self._forwarding.stay_away(address, event, path)
        else:
            return False
        return True

    def _event(
        self,
        address: str,
        event: Mapping[str, Any],
        at_s: float,
        offset: int,
        path: tuple[str, ...],
        record: Record,
    ) -> None:
        kind = event["type"]
        state = self.leads.get(address)
        if state is not None and state.offset >= offset:
            self.batch.events[kind, "repeated"] += 1
            return
        if kind == "erasure":
            self._forwarding.erase(address, state, event, at_s, path, offset, record)
            return
        if state is not None and self._forwarding.settles_here(state, path):
            state = None
        if kind in {"link", "lead_merge"}:
            self._forwarding.depart(address, state, event, at_s, offset, path, record)
            return
        if state is not None and state.forward_to is not None:
            self._forwarding.pass_on(state, event, path, offset, record)
            return
        if state is None:
            state = LeadState.new(address, at_s)
        overflows = state.overflows
        decision = decide.decide_event(state, event, at_s, self.now_s, self.scorer(), self.house)
        self.batch.overflows += state.overflows - overflows
        self.touch(state, offset)
        self.carry_out(address, kind, decision)

    def _move_house(self, address: str, event: Mapping[str, Any], offset: int) -> None:
        """Take leave of a lead, or take one in, when the number of partitions changes."""
        state = self.leads.get(address)
        if state is not None and state.offset >= offset:
            return
        if event["type"] == "lead_left":
            self.leads.pop(address, None)
            self.batch.touched[address] = None
            return
        adopted = LeadState.from_json(event["state"])
        if state is not None and state.forward_to is None and adopted.forward_to is None:
            merge_into(adopted, state, self.house)
        elif state is not None:
            adopted = state  # what has been said here since is newer
        adopted.next_due_s = None
        self.touch(adopted, offset)

    def _fire_timers(self, offset: int) -> None:
        ahead: list[tuple[float, str]] = []
        last: tuple[float, str] | None = None
        while self._timers and self._timers[0][0] <= self.now_s:
            timer = heapq.heappop(self._timers)
            if timer == last:
                continue
            last = timer
            due_s, address = timer
            state = self.leads.get(address)
            if state is None or state.next_due_s is None:
                continue
            if state.next_due_s > due_s:
                heapq.heappush(self._timers, (state.next_due_s, address))
            elif state.offset >= offset:
                ahead.append(timer)  # this record is replayed, its timer is not
            else:
                self._fire(state, due_s, offset)
        for timer in ahead:
            heapq.heappush(self._timers, timer)

    def _fire(self, state: LeadState, due_s: float, offset: int) -> None:
        step: Step = ("timer", (due_s, state.lead_id))
        state.next_due_s = None
        if step in self._failed:
            decide.drop_timers(state, self.now_s)
            self.batch.events["timer", "cannot_apply"] += 1
        elif decide.is_forgotten(state, self.now_s, self.house):
            self.leads.pop(state.lead_id)
            self.batch.touched[state.lead_id] = None
            self.batch.events["timer", "forgotten"] += 1
            return
        else:
            try:
                decision = decide.decide_timers(state, self.now_s, self.scorer(), self.house)
            except Exception as error:
                self.batch.touched[state.lead_id] = None  # changed in part: to be taken back
                raise _FailedError(step) from error
            self.carry_out(state.lead_id, "timer", decision)
        # A record that also carries an event for this lead comes after its timers.
        self.touch(state, offset - 1)

    def _schedule(self, addresses: Iterable[str]) -> None:
        """Note the timers of leads anew, as they were settled last."""
        for address in addresses:
            row = self.leads.row(address)
            due_s = None if row is None else read_row(row).due_s
            if due_s is not None:
                heapq.heappush(self._timers, (due_s, address))

    def _has_seen(self, origin: Origin, headers: Mapping[str, bytes]) -> bool:
        """Tell a repeat of route's after a crash: its sources come in order, each once."""
        source = f"{origin.topic}/{origin.partition}"
        # One input record can become several of the log, told apart by their part.
        position = origin.offset * MAX_PARTS + int(headers.get(PART_HEADER, b"0"))
        last = self.sources.get(source, -1)
        self.sources[source] = max(last, position)
        return position <= last

    def _refuse_late(
        self, record: Record, origin: Origin | None, kind: str, event: Mapping[str, Any]
    ) -> None:
        self.batch.events[kind, "too_late"] += 1
        if kind == "link":
            return  # the event that it came with is refused on its own, whole
        late = f"more than {self.house.late_grace_s:g} s late; raise the grace or send sooner"
        self._refuse(
            record,
            origin,
            "too_late",
            "occurred_at",
            f"occurred_at is {late}",
            f"occurred_at {event['occurred_at']} is {late}",
        )

    def _set_aside(self, record: Record) -> None:
        """Refuse a record that the fold failed at."""
        headers = dict(record.headers)
        origin = None
        with contextlib.suppress(ValueError):  # its very headers may be what is wrong
            origin = self.origin(headers, record)
            if origin is not None:
                self._has_seen(origin, headers)
        self.batch.events["", "cannot_apply"] += 1
        self._refuse(
            record,
            origin,
            "cannot_apply",
            None,
            "leadstream failed at this event, which is a fault of leadstream; report it, and "
            "replay the letter with a release that mends it",
        )
        self.next_offset = record.offset + 1

    def _refuse(
        self,
        record: Record,
        origin: Origin | None,
        reason: str,
        field: str | None,
        message: str,
        detail: str | None = None,
    ) -> None:
        self.batch.outputs.append(
            dead_letter(
                self.house.sealer,
                origin
                or Origin(topics.LEAD_EVENTS.name, -1, record.offset, record.timestamp / 1000.0),
                record.key,
                record.value or b"",
                stage="score",
                reason=reason,
                field=field,
                message=message,
                detail=detail,
            )
        )

    @staticmethod
    def origin(headers: Mapping[str, bytes], record: Record) -> Origin | None:
        """Return where a record of the log came from; None for a control record."""
        source = headers.get(SOURCE_HEADER)
        if source is None:
            return None
        topic, partition, offset = source.decode().rsplit("/", 2)
        return Origin(topic, int(partition), int(offset), record.timestamp / 1000.0)

    def _restore_meta(self, offset: int, document: dict[str, Any], body: bytes) -> None:
        if document.get("v") != META_VERSION:
            raise StateFormatError(
                f"of schema {document.get('v')!r:.40}, this leadstream reads {META_VERSION}; "
                "run the release that wrote it, or a later one"
            )
        check_meta(body)
        if offset >= self.next_offset:
            self._set_meta(document)

    def _meta_record(self) -> tuple[bytes, bytes]:
        return META_KEY, encode_row(self.meta(), None, self.next_offset)

    def _set_meta(self, document: Mapping[str, Any]) -> None:
        self._clock = LogClock(document["now_s"], list(document["recent_s"]))
        self.next_offset = document["next_offset"]
        self.sources = dict(document["sources"])
        self.versions = dict(document["versions"])
