"""Leads that turn out to be another: their history moves there in one piece."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream.lead import decide
from stream.lead.apply import is_duplicate
from stream.lead.forgetting import Forgetting
from stream.lead.forwarding import Fold, ends_here, pass_on, send
from stream.lead.hashing import stable_id
from stream.lead.merge import add_aliases, merge_into
from stream.lead.records import Record
from stream.lead.state import LeadState, StateFormatError
from stream.lead.triggers import Cause


class Moves:
    """The part of a partition's fold that moves histories: links and merges."""

    def __init__(self, fold: Fold, forgetting: Forgetting) -> None:
        self._fold = fold
        self._forgetting = forgetting

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
        fold = self._fold
        forwards = state is not None and state.forward_to is not None
        if target == address or (state is not None and state.forward_to == target):
            fold.batch.events[event["type"], "no_change"] += 1
            return
        if state is not None and forwards and merge:
            pass_on(fold, state, event, path, offset, record)
            return
        if state is not None and forwards and at_s < state.first_at_s:
            fold.batch.events[event["type"], "no_change"] += 1
            return
        moved = {
            "type": "lead_moved",
            "event_id": stable_id("moved", event["event_id"], address),
            "occurred_at": event["occurred_at"],
            "to_lead_id": target,
            "path": [address],
            "state": None if state is None or forwards else state.to_json(),
        }
        send(fold, target, moved)
        forwarding = LeadState.new(address, at_s)
        forwarding.forward_to = target
        fold.touch(forwarding, offset)
        fold.batch.events[event["type"], "applied"] += 1

    def arrive(self, address: str, event: Mapping[str, Any], at_s: float, offset: int) -> None:
        """Join a history that moved here to the lead, or send it on to where the lead lives.

        A link from before an erasure of the lead brings nothing of before it, but does not lose
        what has happened since: a history that began since then joins the lead that began anew.
        """
        fold = self._fold
        state = fold.leads.get(address)
        if state is not None and state.offset >= offset:
            fold.batch.events["lead_moved", "repeated"] += 1
            return
        path: Sequence[str] = event["path"]
        try:
            other = None if event["state"] is None else LeadState.from_json(event["state"])
        except StateFormatError as error:
            raise ValueError(f"history of {address!r} cannot be read: {error}") from error
        erased = fold.erased.get(address)
        if erased is not None and at_s <= erased.at_s:
            if other is not None and other.first_at_s > erased.at_s:
                at_s = other.first_at_s
            else:
                senders = [*path, *(other.aliases if other else ())]
                self._forgetting.stay_away(address, event, senders)
                return
        if state is not None and state.forward_to is not None:
            if not ends_here(address, state.forward_to, path):
                onward = {**event, "to_lead_id": state.forward_to, "path": [*path, address]}
                send(fold, state.forward_to, onward)
                # The lead will know this address by it, so it is to be found there from now on.
                state.last_at_s = max(state.last_at_s, at_s)
                fold.touch(state, offset)
                fold.batch.events["lead_moved", "forwarded"] += 1
                return
            state = None
        if state is None:
            state = LeadState.new(address, at_s)
        fold.batch.overflows += add_aliases(state, [*(other.aliases if other else ()), *path])
        # Where a lead was erased since, a history that began before would bring back part of it.
        if other is None or (erased is not None and other.first_at_s <= erased.at_s):
            fold.touch(state, offset)
            fold.batch.events["lead_moved", "erased" if other else "linked"] += 1
            return
        # At least once, what a batch sent on is sent again when the batch is done again.
        if is_duplicate(state, event["event_id"], fold.now_s, fold.in_use.house):
            fold.touch(state, offset)
            fold.batch.events["lead_moved", "duplicate"] += 1
            return
        cause = Cause(event["event_id"], at_s)
        decision = decide.decide_merge(
            state,
            other,
            cause,
            fold.now_s,
            fold.in_use.scorer(),
            fold.in_use.house,
            fold.in_use.beside(),
            fold.in_use.nurture,
        )
        fold.touch(state, offset)
        fold.batch.add(address, "lead_moved", decision)

    def change_partition(self, address: str, event: Mapping[str, Any], offset: int) -> None:
        """Take leave of a lead, or take one in, when the number of partitions changes."""
        state = self._fold.leads.get(address)
        if state is not None and state.offset >= offset:
            return
        if event["type"] == "lead_left":
            self._fold.leads.pop(address, None)
            self._fold.batch.touched[address] = None
            return
        adopted = LeadState.from_json(event["state"])
        if state is not None and state.forward_to is None and adopted.forward_to is None:
            merge_into(adopted, state, self._fold.in_use.house)
        elif state is not None:
            adopted = state  # what has been said here since is newer
        adopted.next_due_s = None
        self._fold.touch(adopted, offset)
