"""Milestones of a lead's journey, told as they are passed: what reports are made of.

Each is told once, by the partition that folds the lead, and carries what a report needs of the
lead then, so that whoever counts keeps nothing of single leads. They do not say whose they are. A
visitor who has no name yet passes none, but its touchpoints become those of the lead that it turns
out to be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from online_models.purchase_history import PurchaseHistory
from stream.lead import milestone_bodies as telling
from stream.lead.channels import has_source, source_of
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.kinds import BY_THE_LEAD, ON_THE_WEBSITE
from stream.lead.labels import WON
from stream.lead.milestone_bodies import UNKNOWN, Before, Body, output
from stream.lead.milestone_state import MilestoneState
from stream.lead.outputs import Output, rfc3339
from stream.lead.state import LeadState

TOUCHING = frozenset({"email_click", "activity"})
"""Events that may be a touchpoint, beside those that begin a session on the website."""
TELLING = frozenset(
    {"form_fill", "activity", "outcome", "purchase", "satisfaction", "action_result",
     "sales_feedback", "stage_change"}
)  # fmt: skip
"""Events that may be a milestone whatever is known of the lead."""
ENTRY_WAITS_S = 60.0
"""How long a new lead is not told of, while what it did as a visitor may be on its way."""


def passed(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    before: tuple[int, str | None, float, str | None],
    house: House,
    vectors: Sequence[Features] = (),
) -> Sequence[Output]:
    """Note the touchpoint that an event was, and return the milestones that it was.

    Parameters
    ----------
    state
        After the event.
    before
        Before it: how many sessions there were, the stage and since when, the tier.
    vectors
        Of a deal that it has won, see ``stream.lead.deal_vectors``.
    """
    sessions, stage, since_s, tier = before
    kind = event["type"]
    if state.sessions != sessions or kind in TOUCHING or at_s < state.last_at_s:
        _note_touch(state, event, at_s, house)
    kept = state.milestones
    if (
        kind in TELLING
        or kept is None
        or (kept.enters_s is None and not kept.is_entered)
        or state.stage != stage
        or (kept.won_s is not None and at_s >= kept.month_ends_s)
    ):
        return _of_event(state, event, at_s, Before(stage, since_s, tier), house, vectors)
    return ()


def by_time(state: LeadState, now_s: float, before: Before, house: House) -> list[Output]:
    """Return what time alone was a milestone of: a stage left, a journey that ended in silence."""
    kept = state.milestones
    if kept is None:
        return []
    silent_s = state.last_active_s + house.horizon_s
    has_ended = bool(kept.touches) and state.outcome is None and silent_s <= now_s
    if not is_named(state.lead_id):
        if has_ended:
            kept.touches = []
        return []
    bodies = list(telling.stage_left(state, now_s, before))
    if has_ended:
        bodies += telling.ended(state, kept, telling.SILENT, silent_s, state.tier, house)
    return [output(body) for body in _with_entry(state, kept, bodies, now_s)]


def of_merge(
    state: LeadState, histories: list[PurchaseHistory | None], at_s: float, house: House
) -> list[Output]:
    """Return what joining two histories was a milestone of; ``histories`` are those before."""
    kept = state.milestones
    if kept is None or not is_named(state.lead_id):
        return []
    bodies: list[Body] = []
    before = [history for history in histories if history is not None]
    if len(before) > 1:
        bodies.append(telling.purchases_changed(before, kept.bought, 0, house.currency, at_s))
    return [output(body) for body in _with_entry(state, kept, bodies, at_s)]


def of_erasure(state: LeadState, at_s: float, house: House) -> list[Output]:
    """Return what takes an erased lead's purchases out of what is learned."""
    kept = state.milestones
    if kept is None or kept.bought is None:
        return []
    return [output(telling.purchases_changed([kept.bought], None, 0, house.currency, at_s))]


def _note_touch(state: LeadState, event: Mapping[str, Any], at_s: float, house: House) -> None:
    """Note a touchpoint.

    A session that nothing is known to have brought about is one only where none was before it: it
    goes on with what the last touchpoint has begun.
    """
    kept = state.milestones
    if kept is None:
        kept = state.milestones = MilestoneState()
    if kept.touches and event["type"] in ON_THE_WEBSITE and not has_source(event):
        return
    source = source_of(event)
    if source is not None:
        kept.touch(source, at_s, house.session_gap_s)


def _of_event(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    before: Before,
    house: House,
    vectors: Sequence[Features],
) -> list[Output]:
    kept = state.milestones
    if kept is None:
        kept = state.milestones = MilestoneState()
    if not is_named(state.lead_id):
        return []
    by_outcome = event["type"] == "outcome"
    bodies = list(telling.stage_left(state, at_s, before, by_outcome=by_outcome))
    bodies += telling.answered(kept, event, at_s, before.tier)
    match event["type"]:
        case "outcome":
            bodies += telling.ended(
                state, kept, event["result"], at_s, before.tier, house, event, vectors
            )
            if event["result"] == WON:
                bodies += telling.bought(state, kept, event, at_s, house)
        case "purchase":
            bodies += telling.bought(state, kept, event, at_s, house)
        case "satisfaction":
            most = event["scale_max"]
            told = {"score": min(event["score"], most), "scale_max": most}
            bodies.append({"type": "satisfaction_told", **told, "occurred_at": rfc3339(at_s)})
    if event["type"] in BY_THE_LEAD:
        bodies += telling.customer_active(kept, at_s)
    return [output(body) for body in _with_entry(state, kept, bodies, at_s)]


def _with_entry(
    state: LeadState, kept: MilestoneState, bodies: list[Body], at_s: float
) -> list[Body]:
    """Return milestones behind that of the entry, if that is not told yet; it waits for no others.

    Alone it waits a little: a lead is first heard of by what it does, and what it did as a visitor
    arrives behind that.
    """
    if kept.is_entered:
        return bodies
    if kept.enters_s is None:
        kept.enters_s = at_s + ENTRY_WAITS_S
    if not bodies and at_s < kept.enters_s:
        return bodies
    kept.is_entered, kept.enters_s, kept.entered_s = True, None, state.first_at_s
    entry = {
        "type": "lead_entered",
        "source": kept.source or UNKNOWN,
        "occurred_at": rfc3339(state.first_at_s),
    }
    return [entry, *bodies]
