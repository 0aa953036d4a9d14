"""Forwarding addresses: what is sent to a lead that lives elsewhere now goes on to there.

What is sent on travels on a topic of its own and re-enters through ``route``, whichever
partition the other lead is in.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stream.lead.erasure import Erasures
from stream.lead.identity import MAX_HOPS
from stream.lead.in_use import InUse
from stream.lead.lead_table import LeadTable
from stream.lead.outputs import forward, forwarded
from stream.lead.records import Batch, Record
from stream.lead.refusals import chain_too_long
from stream.lead.state import LeadState


class Fold(Protocol):
    """What moving leads needs of the fold that it is a part of."""

    in_use: InUse
    leads: LeadTable
    batch: Batch
    erased: Erasures

    @property
    def now_s(self) -> float:
        """The log's time, epoch seconds."""
        ...

    def touch(self, state: LeadState, offset: int) -> None:
        """Mark a state as changed by a record."""
        ...


def pass_on(
    fold: Fold,
    state: LeadState,
    event: Mapping[str, Any],
    path: Sequence[str],
    offset: int,
    record: Record,
) -> None:
    """Send an event on to the lead that lives elsewhere now; a chain too long is refused."""
    if len(path) >= MAX_HOPS:
        fold.batch.events[event["type"], "forward_chain"] += 1
        fold.batch.outputs.append(chain_too_long(fold.in_use.house, record, len(path)))
        return
    passed = [*path, state.lead_id]
    fold.batch.outputs.append(forwarded(state.forward_to or "", event, passed))
    state.last_active_s = max(state.last_active_s, fold.now_s)  # still in use
    fold.touch(state, offset)
    fold.batch.events[event["type"], "forwarded"] += 1


def send(fold: Fold, target: str, body: Mapping[str, Any]) -> None:
    """Send a record to the log that holds another address."""
    fold.batch.outputs.append(forward(target, body))


def settles_here(state: LeadState, path: Sequence[str]) -> bool:
    """Tell whether an event that goes round in a circle of merges ends at this address."""
    target = state.forward_to
    return target is not None and target in path and ends_here(state.lead_id, target, path)


def ends_here(address: str, forward_to: str, path: Sequence[str]) -> bool:
    """Tell whether a history that goes round in a circle of merges settles at this address.

    All members of the circle choose the same one, so that crossing merges meet.
    """
    if forward_to not in path:
        return len(path) >= MAX_HOPS
    circle = [*path[path.index(forward_to) :], address]
    return address == min(circle) or len(path) >= 2 * MAX_HOPS
