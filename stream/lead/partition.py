"""A partition's states: a pure fold of its log. Same log, same states, same outputs, to the bit."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from stream.lead import decide, lead_timers, lead_topics, refusals, segment_membership
from stream.lead.budgets import Budgets
from stream.lead.forgetting import Forgetting
from stream.lead.forwarding import pass_on, settles_here
from stream.lead.hashing import stable_id
from stream.lead.house import House
from stream.lead.in_use import InUse
from stream.lead.inflow import COUNTED, PAGE_VIEW
from stream.lead.labels import WON
from stream.lead.moves import Moves
from stream.lead.outputs import decode_key, epoch_s, rfc3339
from stream.lead.partition_states import PartitionStates
from stream.lead.records import Batch, Models, Record
from stream.lead.routing import CLOCK_HEADER
from stream.lead.state import LeadState, StateFormatError
from stream.lead.triggers import Cause

NEVER_TOO_LATE = frozenset({"erasure", "consent"})
"""What a person has a right to counts whenever it arrives."""

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
    number, partitions
        Which one it is, from 0, of how many: its share of the budgets.

    Raises
    ------
    StateFormatError
        If a changelog record cannot be read; it names the lead.
    """

    def __init__(
        self,
        house: House,
        models: Models,
        changelog: Iterable[tuple[bytes, bytes]] = (),
        number: int = 0,
        partitions: int = 1,
    ) -> None:
        self.states = PartitionStates(house.erasure_key, Budgets(number, partitions))
        self.leads = self.states.leads
        self.erased = self.states.erased
        self.progress = self.states.progress
        self.batch = Batch()
        self._timers = self.states.timers
        self._forgetting = Forgetting(self)
        self._moves = Moves(self, self._forgetting)
        self._failed: set[Step] = set()
        for key, value in changelog:
            self.states.restore(key, value)
        self.states.check()
        self.in_use = InUse(house, models, self.progress)

    def fold(self, records: Sequence[Record]) -> Batch:
        """Fold records of the log, those done before passed over; return what they led to.

        A record that cannot be applied for a reason that nobody expected becomes a dead letter
        and leaves nothing behind: the batch is taken back and folded again without it. One
        event must not stop all that come after it.
        """
        self.states.begin()
        failed: set[Step] = set()
        while True:
            self._failed = failed
            try:
                for record in records:
                    if record.offset >= self.progress.next_offset:
                        self.apply(record)
            except _FailedError as error:
                failed.add(error.step)
                self.rollback()
                self.states.begin()
            else:
                self._failed = set()
                return self.take()

    def changelog(self, batch: Batch) -> list[tuple[bytes, bytes | None]]:
        """Return the changelog records of a batch: each touched lead once, then the partition."""
        return self.states.settle(batch)

    def committed(self) -> None:
        """Note that what was folded last is committed, and will not be taken back."""
        self.states.committed()

    def rollback(self) -> None:
        """Take back what was folded since the last commit."""
        self.states.rollback(self.take())
        self.in_use.follow()

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
        origin = refusals.origin_of(headers, record)
        if origin is not None and self.progress.has_seen(origin, headers):
            self.batch.events["", "repeated"] += 1
            self.progress.next_offset = offset + 1
            return
        event = orjson.loads(record.value or b"{}")
        kind = event["type"]
        replayed = headers.get(CLOCK_HEADER) == b"event"
        if kind == "tick":
            self.progress.clock.advance(event["now_s"])
            self._fire_timers(offset)
        elif kind == "use_model":
            self.progress.versions[event["model"]] = event["version"]
            self.in_use.follow()
        elif kind == "erasures_adopted":
            self.batch.erased |= dict.fromkeys(self.erased.adopt(event["entries"]))
        elif kind in {"lead_left", "lead_adopted"}:
            self._moves.change_partition(decode_key(record.key), event, offset)
        else:
            address = decode_key(record.key)
            path: tuple[str, ...] = ()
            # What follows from an event says nothing of the time that the event has not said.
            is_witness = kind not in {"link", "lead_moved", "forwarded", "alias_erased"}
            if kind == "forwarded":
                event, path = event["event"], tuple(event["path"])
                kind = event["type"]
            at_s = epoch_s(event["occurred_at"])
            self.progress.inflow.is_live = not replayed
            if not replayed:
                self.progress.clock.advance(record.timestamp / 1000.0)
            elif is_witness:
                self.progress.clock.witness(at_s)
            self._fire_timers(offset)
            is_late = (
                at_s < self.progress.clock.now_s - self.in_use.house.late_grace_s
                and kind not in NEVER_TOO_LATE
            )
            if not self._settle_history(address, event, at_s, offset, path):
                if is_late:
                    self._refuse_late(record, kind, event)
                else:
                    self._event(address, event, at_s, offset, path, record)
        self.progress.next_offset = offset + 1

    def take(self) -> Batch:
        """Return what has accumulated since the last call."""
        batch, self.batch = self.batch, Batch()
        return batch

    @property
    def now_s(self) -> float:
        """The log's time, epoch seconds."""
        return self.progress.clock.now_s

    def touch(self, state: LeadState, offset: int) -> None:
        """Mark a state as changed by a record, and set its next timer."""
        state.offset = offset
        self.leads[state.lead_id] = state
        self.batch.touched[state.lead_id] = None
        due_s, former_s = lead_timers.next_due_s(state, self.in_use.house), state.next_due_s
        # A later timer than before has the former one's entry, which will be put off then.
        if former_s is None or due_s < former_s:
            self._timers.note(due_s, state.lead_id)
        state.next_due_s = due_s

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
            self._moves.arrive(address, event, at_s, offset)
        elif kind == "alias_erased":
            self._forgetting.forget_alias(address, event, at_s, offset)
        elif kind != "erasure" and self.erased.covers(address, at_s):
            self._forgetting.stay_away(address, event, path)
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
            self.in_use.note_again(state, offset)
            return
        if kind == "erasure":
            self._forgetting.erase(address, state, event, at_s, path, offset, record)
            return
        if state is not None and settles_here(state, path):
            state = None
        if kind in {"link", "lead_merge"}:
            self._moves.depart(address, state, event, at_s, offset, path, record)
            return
        if state is not None and state.forward_to is not None:
            pass_on(self, state, event, path, offset, record)
            return
        if state is None:
            state = LeadState.new(address, at_s)
        if kind == "outcome" and event["result"] == WON:
            self.in_use.note_conversion(state, at_s, offset)
        overflows = state.overflows
        decision = decide.decide_event(
            state,
            event,
            at_s,
            self.now_s,
            self.in_use.scorer(),
            self.in_use.house,
            self.in_use.beside(),
            self.in_use.nurture,
        )
        self.batch.overflows += state.overflows - overflows
        self.touch(state, offset)
        self.batch.add(address, kind, decision)
        if self.in_use.house.logs_milestones and decision.outcome == "applied":
            if kind == PAGE_VIEW:
                self.progress.inflow.page_views += 1
            elif kind in COUNTED:
                self.progress.inflow.note(event, self.in_use.house.currency)

    def _close_minute(self) -> None:
        """Tell what a minute has brought that is over."""
        is_first = self.progress.budgets.partition == 0
        told = self.progress.inflow.close(self.now_s, tells_silence=is_first)
        if self.in_use.house.logs_milestones:
            self.batch.outputs += told

    def _fire_timers(self, offset: int) -> None:
        now_s = self.progress.clock.now_s
        for due_s, address in self._timers.due(now_s):
            state = self.leads.get(address)
            if state is None or state.next_due_s is None:
                continue
            if state.next_due_s > due_s:
                self._timers.note(state.next_due_s, address)
            elif state.offset >= offset:
                self._timers.put_off(due_s, address)  # this record is replayed, its timer is not
            else:
                self._fire(state, due_s, offset)
        if now_s >= self.progress.inflow.ends_s:
            self._close_minute()

    def _fire(self, state: LeadState, due_s: float, offset: int) -> None:
        step: Step = ("timer", (due_s, state.lead_id))
        state.next_due_s = None
        if step in self._failed:
            lead_timers.drop_timers(state, self.now_s)
            self.batch.events["timer", "cannot_apply"] += 1
        elif lead_timers.is_forgotten(state, self.now_s, self.in_use.house):
            self.leads.pop(state.lead_id)
            self.batch.touched[state.lead_id] = None
            cause = Cause(stable_id("timer", "forgotten", rfc3339(due_s)), due_s)
            self.batch.outputs += segment_membership.leave(state, cause, self.in_use.house)
            self.batch.outputs += lead_topics.leave(state, self.now_s, self.in_use.house)
            self.batch.events["timer", "forgotten"] += 1
            return
        else:
            try:
                decision = decide.decide_timers(
                    state,
                    self.now_s,
                    self.in_use.scorer(),
                    self.in_use.house,
                    self.in_use.beside(),
                    self.in_use.nurture,
                )
            except Exception as error:
                self.batch.touched[state.lead_id] = None  # changed in part: to be taken back
                raise _FailedError(step) from error
            self.batch.add(state.lead_id, "timer", decision)
        # A record that also carries an event for this lead comes after its timers.
        self.touch(state, offset - 1)

    def _refuse_late(self, record: Record, kind: str, event: Mapping[str, Any]) -> None:
        self.batch.events[kind, "too_late"] += 1
        if kind == "link":
            return  # the event that it came with is refused on its own, whole
        self.batch.outputs.append(
            refusals.too_late(self.in_use.house, record, event["occurred_at"])
        )

    def _set_aside(self, record: Record) -> None:
        """Refuse a record that the fold failed at."""
        with contextlib.suppress(ValueError):  # its very headers may be what is wrong
            headers = dict(record.headers)
            origin = refusals.origin_of(headers, record)
            if origin is not None:
                self.progress.has_seen(origin, headers)
        self.batch.events["", "cannot_apply"] += 1
        self.batch.outputs.append(refusals.cannot_apply(self.in_use.house, record))
        self.progress.next_offset = record.offset + 1
