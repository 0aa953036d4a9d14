"""Histories and events on their way: links, merges and forwarding addresses.

A lead that turns out to be another sends its history there in one piece and becomes a
forwarding address. What it sends travels on a topic of its own and re-enters through
``route``, whichever partition the other lead is in.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from schemas import topics
from stream.lead import decide
from stream.lead.apply import is_duplicate
from stream.lead.erasure import Erased, Erasures, lead_erased
from stream.lead.hashing import stable_id
from stream.lead.house import House
from stream.lead.identity import MAX_HOPS, addresses_of
from stream.lead.lead_table import LeadTable
from stream.lead.merge import add_aliases
from stream.lead.outputs import Origin, Output, dead_letter, encode_key, rfc3339
from stream.lead.records import Batch, Record
from stream.lead.scoring import Scorer
from stream.lead.state import LeadState, StateFormatError
from stream.lead.triggers import Cause


class Fold(Protocol):
    """What moving leads needs of the fold that it is a part of."""

    house: House
    leads: LeadTable
    batch: Batch
    erased: Erasures

    @property
    def now_s(self) -> float:
        """The log's time, epoch seconds."""
        ...

    def scorer(self) -> Scorer | None:
        """Return the model version in use."""
        ...

    def touch(self, state: LeadState, offset: int) -> None:
        """Mark a state as changed by a record."""
        ...

    def carry_out(self, address: str, kind: str, decision: decide.Decision) -> None:
        """Take over a decision's outputs and counts."""
        ...

    def origin(self, headers: Mapping[str, bytes], record: Record) -> Origin | None:
        """Return where a record came from."""
        ...


class Forwarding:
    """The part of a partition's fold that moves leads."""

    def __init__(self, partition: Fold) -> None:
        self._partition = partition

    def depart(
        self,
        address: str,
        state: LeadState | None,
        event: Mapping[str, Any],
        at_s: float,
        offset: int,
        path: Sequence[str],
        record: Record,
    ) -> None:
        """Turn an address into a forwarding address; its history, if any, moves in one piece.

        Without one the lead is told all the same, so that its erasure reaches this address.

        A visitor known under another name from now on follows the latest name: its former history
        stays with the lead it was given to, and a link older than that name changes nothing. A
        lead merged after it was merged already passes the order on to where it lives now.
        """
        merge = event["type"] == "lead_merge"
        target = event["into_lead_id" if merge else "to_lead_id"]
        partition = self._partition
        forwards = state is not None and state.forward_to is not None
        if target == address or (state is not None and state.forward_to == target):
            partition.batch.events[event["type"], "no_change"] += 1
            return
        if state is not None and forwards and merge:
            self.pass_on(state, event, path, offset, record)
            return
        if state is not None and forwards and at_s < state.last_at_s:
            partition.batch.events[event["type"], "no_change"] += 1
            return
        moved = {
            "type": "lead_moved",
            "event_id": stable_id("moved", event["event_id"], address),
            "occurred_at": event["occurred_at"],
            "to_lead_id": target,
            "path": [address],
            "state": None if state is None or forwards else state.to_json(),
        }
        self._send(target, moved)
        forwarding = LeadState.new(address, at_s)
        forwarding.forward_to = target
        partition.touch(forwarding, offset)
        partition.batch.events[event["type"], "applied"] += 1

    def arrive(self, address: str, event: Mapping[str, Any], at_s: float, offset: int) -> None:
        """Join a history that moved here to the lead, or send it on to where the lead lives."""
        partition = self._partition
        state = partition.leads.get(address)
        if state is not None and state.offset >= offset:
            partition.batch.events["lead_moved", "repeated"] += 1
            return
        path: Sequence[str] = event["path"]
        try:
            other = None if event["state"] is None else LeadState.from_json(event["state"])
        except StateFormatError as error:
            raise ValueError(f"history of {address!r} cannot be read: {error}") from error
        erased = partition.erased.get(address)
        if erased is not None and at_s <= erased.at_s:
            self.stay_away(address, event, [*path, *(other.aliases if other else ())])
            return
        if state is not None and state.forward_to is not None:
            if not _ends_here(address, state.forward_to, path):
                onward = {**event, "to_lead_id": state.forward_to, "path": [*path, address]}
                self._send(state.forward_to, onward)
                partition.touch(state, offset)
                partition.batch.events["lead_moved", "forwarded"] += 1
                return
            state = None
        if state is None:
            state = LeadState.new(address, at_s)
        partition.batch.overflows += add_aliases(state, [*(other.aliases if other else ()), *path])
        # Where a lead was erased since, a history that began before would bring back part of it.
        if other is None or (erased is not None and other.first_at_s <= erased.at_s):
            partition.touch(state, offset)
            partition.batch.events["lead_moved", "erased" if other else "linked"] += 1
            return
        # At least once, what a batch sent on is sent again when the batch is done again.
        if is_duplicate(state, event["event_id"], partition.now_s, partition.house):
            partition.touch(state, offset)
            partition.batch.events["lead_moved", "duplicate"] += 1
            return
        cause = Cause(event["event_id"], at_s)
        decision = decide.decide_merge(
            state, other, cause, partition.now_s, partition.scorer(), partition.house
        )
        partition.touch(state, offset)
        partition.carry_out(address, "lead_moved", decision)

    def erase(
        self,
        address: str,
        state: LeadState | None,
        event: Mapping[str, Any],
        at_s: float,
        path: Sequence[str],
        offset: int,
        record: Record,
    ) -> None:
        """Forget a lead here or where its history has gone, and all that points at it.

        An identifier that the lead is said to share is forgotten unless it is another lead's by
        now: that one is not to be erased.
        """
        partition = self._partition
        counts = partition.batch.events
        former = partition.erased.get(address)
        if former is not None and at_s <= former.asked_s:
            self._tell(address, path, event["event_id"], former)
            counts["erasure", "no_change"] += 1
            return
        strongest, _ = addresses_of(event)
        erased = Erased(max(at_s, partition.now_s), at_s)
        if state is not None and state.forward_to is not None:
            if not self.settles_here(state, path):
                if path or address == strongest:
                    self.pass_on(state, event, path, offset, record)
                elif state.forward_to == strongest:
                    self._forget(address, erased)
                    counts["erasure", "applied"] += 1
                else:
                    counts["erasure", "no_change"] += 1
                return
            state = None
        aliases = list(path)
        if state is not None:
            aliases += state.aliases
            erased = Erased(max(erased.at_s, state.last_at_s), at_s)
        lead_hash = self._forget(address, erased)
        told = self._tell(address, aliases, event["event_id"], erased)
        if state is not None or path or address == strongest:
            partition.batch.outputs += [lead_erased(lead_hash, 1 + told, event["event_id"], erased)]
        counts["erasure", "applied"] += 1

    def forget_alias(
        self, address: str, event: Mapping[str, Any], at_s: float, offset: int
    ) -> None:
        """Forget an address that pointed at an erased lead, unless it points elsewhere by now."""
        partition = self._partition
        state = partition.leads.get(address)
        if state is not None and state.offset >= offset:
            partition.batch.events["alias_erased", "repeated"] += 1
            return
        erased = Erased(event["erased_at_s"], at_s)
        former = partition.erased.get(address)
        is_done = former is not None and at_s <= former.asked_s
        root, *aliases = event["addresses"]
        is_of_another = (
            state is not None
            and state.forward_to not in aliases
            # Who was linked to the lead since the erasure is linked to the one that began anew.
            and (state.forward_to != root or state.last_at_s > erased.at_s)
        )
        if not is_done and not is_of_another:
            self._forget(address, erased)
        outcome = "no_change" if is_done or is_of_another else "applied"
        partition.batch.events["alias_erased", outcome] += 1

    def stay_away(self, address: str, event: Mapping[str, Any], path: Sequence[str]) -> None:
        """Drop what happened before its lead was erased; who still points at the lead is told."""
        partition = self._partition
        if (erased := partition.erased.get(address)) is not None:
            self._tell(address, path, event["event_id"], erased)
        partition.batch.events[event["type"], "erased"] += 1

    def _forget(self, address: str, erased: Erased) -> str:
        partition = self._partition
        partition.leads.pop(address, None)
        partition.batch.touched[address] = None
        partition.batch.erased[hashed := partition.erased.add(address, erased)] = None
        return hashed

    def _tell(self, address: str, aliases: Sequence[str], event_id: str, erased: Erased) -> int:
        """Send an erasure on to the addresses that point here; return how many."""
        others = [a for a in dict.fromkeys(aliases) if a != address]
        body = {
            "type": "alias_erased",
            "event_id": stable_id("alias_erased", event_id, address),
            "occurred_at": rfc3339(erased.asked_s),
            "erased_at_s": erased.at_s,
            "addresses": [address, *others],
        }
        for other in others:
            self._send(other, body)
        return len(others)

    def settles_here(self, state: LeadState, path: Sequence[str]) -> bool:
        """Tell whether an event that goes round in a circle of merges ends at this address."""
        target = state.forward_to
        return target is not None and target in path and _ends_here(state.lead_id, target, path)

    def pass_on(
        self,
        state: LeadState,
        event: Mapping[str, Any],
        path: Sequence[str],
        offset: int,
        record: Record,
    ) -> None:
        """Send an event on to the lead that lives elsewhere now; a chain too long is refused."""
        partition = self._partition
        if len(path) >= MAX_HOPS:
            partition.batch.events[event["type"], "forward_chain"] += 1
            partition.batch.outputs.append(
                dead_letter(
                    partition.house.sealer,
                    partition.origin(dict(record.headers), record)
                    or Origin(topics.LEAD_EVENTS.name, -1, offset, record.timestamp / 1000.0),
                    record.key,
                    record.value or b"",
                    stage="score",
                    reason="forward_chain",
                    field="lead_id",
                    message=f"{len(path)} forwarding addresses in a row, at most {MAX_HOPS}; "
                    "merge the leads into one directly",
                )
            )
            return
        target = state.forward_to or ""
        self._send(
            target,
            {
                "type": "forwarded",
                "to_lead_id": target,
                "path": [*path, state.lead_id],
                "event": event,
            },
        )
        state.last_active_s = max(state.last_active_s, partition.now_s)  # still in use
        partition.touch(state, offset)
        partition.batch.events[event["type"], "forwarded"] += 1

    def _send(self, target: str, body: Mapping[str, Any]) -> None:
        self._partition.batch.outputs.append(
            Output(topics.LEAD_FORWARDS.name, encode_key(target), orjson.dumps(body), [])
        )


def _ends_here(address: str, forward_to: str, path: Sequence[str]) -> bool:
    """Tell whether a history that goes round in a circle of merges settles at this address.

    All members of the circle choose the same one, so that crossing merges meet.
    """
    if forward_to not in path:
        return len(path) >= MAX_HOPS
    circle = [*path[path.index(forward_to) :], address]
    return address == min(circle) or len(path) >= 2 * MAX_HOPS
