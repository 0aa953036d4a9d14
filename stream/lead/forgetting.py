"""Erasure of leads, wherever their history has gone, and of all that points at them."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream.lead import lead_topics, learned_segments
from stream.lead.erasure import Erased, lead_erased
from stream.lead.forwarding import Fold, pass_on, send, settles_here
from stream.lead.hashing import stable_id
from stream.lead.identity import addresses_of
from stream.lead.milestones import of_erasure
from stream.lead.outputs import rfc3339
from stream.lead.records import Record
from stream.lead.state import LeadState


class Forgetting:
    """The part of a partition's fold that forgets leads, and keeps them forgotten."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold

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
        fold = self._fold
        counts = fold.batch.events
        former = fold.erased.get(address)
        if former is not None and at_s <= former.asked_s:
            self._tell_late(address, path, event["event_id"], former)
            counts["erasure", "no_change"] += 1
            return
        strongest, _ = addresses_of(event)
        erased = Erased(max(at_s, fold.now_s), at_s)
        if state is not None and state.forward_to is not None:
            if not settles_here(state, path):
                if path or address == strongest:
                    pass_on(fold, state, event, path, offset, record)
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
            fold.batch.outputs += [lead_erased(lead_hash, 1 + told, event["event_id"], erased)]
        counts["erasure", "applied"] += 1

    def forget_alias(
        self, address: str, event: Mapping[str, Any], at_s: float, offset: int
    ) -> None:
        """Forget an address that pointed at an erased lead, unless it points elsewhere by now.

        What was linked since the erasure stays, and says so anew: the address that it points at
        may have been forgotten in the meantime. An address that was forgotten before and has
        begun anew by what was still on its way is forgotten as the lead is, with what points at it.
        """
        fold = self._fold
        state = fold.leads.get(address)
        if state is not None and state.offset >= offset:
            fold.batch.events["alias_erased", "repeated"] += 1
            return
        erased = Erased(event["erased_at_s"], at_s)
        former = fold.erased.get(address)
        is_done = former is not None and at_s <= former.asked_s
        goes = not is_done
        aliases: Sequence[str] = ()
        if state is not None and state.forward_to is not None:
            points_here = state.forward_to in event["addresses"]
            goes = points_here and state.last_at_s <= erased.at_s
            if points_here and not goes:
                self._announce(state, event["event_id"])
                fold.touch(state, offset)
        elif state is not None:
            goes = goes and state.first_at_s <= erased.at_s
            aliases = state.aliases
            erased = Erased(max(erased.at_s, state.last_at_s), at_s)
        if goes:
            self._forget(address, erased)
            self._tell(address, aliases, event["event_id"], erased)
        fold.batch.events["alias_erased", "applied" if goes else "no_change"] += 1

    def stay_away(self, address: str, event: Mapping[str, Any], path: Sequence[str]) -> None:
        """Drop what happened before its lead was erased; who still points at the lead is told."""
        fold = self._fold
        if (erased := fold.erased.get(address)) is not None:
            self._tell_late(address, path, event["event_id"], erased)
        fold.batch.events[event["type"], "erased"] += 1

    def _forget(self, address: str, erased: Erased) -> str:
        fold, house = self._fold, self._fold.in_use.house
        state = fold.leads.pop(address, None)
        if state is not None and house.logs_milestones:
            fold.batch.outputs += of_erasure(state, erased.asked_s, house)
            fold.batch.outputs += learned_segments.leave(state, erased.asked_s, house)
            fold.batch.outputs += lead_topics.leave(state, erased.asked_s, house)
        fold.batch.touched[address] = None
        fold.batch.erased[hashed := fold.erased.add(address, erased)] = None
        return hashed

    def _tell_late(
        self, address: str, aliases: Sequence[str], event_id: str, erased: Erased
    ) -> None:
        """Tell who still points here of a former erasure, but not whom the lead knows since."""
        state = self._fold.leads.get(address)
        self._tell(address, aliases, event_id, erased, state.aliases if state is not None else ())
        if state is not None and state.forward_to in aliases:
            self._announce(state, event_id)

    def _announce(self, state: LeadState, event_id: str) -> None:
        """Say that an address points where it does, to who may have been forgotten since."""
        body = {
            "type": "lead_moved",
            "event_id": stable_id("linked", event_id, state.lead_id),
            "occurred_at": rfc3339(state.last_at_s),
            "to_lead_id": state.forward_to,
            "path": [state.lead_id],
            "state": None,
        }
        send(self._fold, state.forward_to or "", body)

    def _tell(
        self,
        address: str,
        aliases: Sequence[str],
        event_id: str,
        erased: Erased,
        spared: Sequence[str] = (),
    ) -> int:
        """Send an erasure on to the addresses that point here; return how many."""
        others = [a for a in dict.fromkeys(aliases) if a != address]
        body = {
            "type": "alias_erased",
            "event_id": stable_id("alias_erased", event_id, address),
            "occurred_at": rfc3339(erased.asked_s),
            "erased_at_s": erased.at_s,
            "addresses": [address, *others],
        }
        told = [a for a in others if a not in spared]
        for other in told:
            send(self._fold, other, body)
        return len(told)
