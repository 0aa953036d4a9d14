"""Erasure of leads, wherever their history has gone, and of all that points at them."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream.lead.erasure import Erased, lead_erased
from stream.lead.forwarding import Fold, pass_on, send, settles_here
from stream.lead.hashing import stable_id
from stream.lead.identity import addresses_of
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
            self._tell(address, path, event["event_id"], former)
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
        """Forget an address that pointed at an erased lead, unless it points elsewhere by now."""
        fold = self._fold
        state = fold.leads.get(address)
        if state is not None and state.offset >= offset:
            fold.batch.events["alias_erased", "repeated"] += 1
            return
        erased = Erased(event["erased_at_s"], at_s)
        former = fold.erased.get(address)
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
        fold.batch.events["alias_erased", outcome] += 1

    def stay_away(self, address: str, event: Mapping[str, Any], path: Sequence[str]) -> None:
        """Drop what happened before its lead was erased; who still points at the lead is told."""
        fold = self._fold
        if (erased := fold.erased.get(address)) is not None:
            self._tell(address, path, event["event_id"], erased)
        fold.batch.events[event["type"], "erased"] += 1

    def _forget(self, address: str, erased: Erased) -> str:
        fold = self._fold
        fold.leads.pop(address, None)
        fold.batch.touched[address] = None
        fold.batch.erased[hashed := fold.erased.add(address, erased)] = None
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
            send(self._fold, other, body)
        return len(others)
