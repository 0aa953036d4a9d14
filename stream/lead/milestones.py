"""Milestones of a lead's journey, told as they are passed: what reports are made of.

Each is told once, by the partition that folds the lead, and carries what a report needs of the
lead then, so that whoever counts keeps nothing of single leads. They do not say whose they are. A
visitor who has no name yet passes none, but its touchpoints become those of the lead that it turns
out to be.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from online_models.purchase_history import PurchaseHistory
from schemas import topics
from schemas.topics import DAY_S
from stream.lead.channels import has_source, source_of
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.kinds import BY_THE_LEAD, ON_THE_WEBSITE
from stream.lead.labels import WON
from stream.lead.milestone_state import MilestoneState
from stream.lead.outputs import Output, rfc3339
from stream.lead.state import LeadState
from stream.lead.triggers import is_holdout

KEY = b"milestones"
NEW = "new"
"""The stage that a lead is in before it enters one."""
SILENT = "silent"
MONTH_S = 365.25 / 12.0 * DAY_S

TOUCHING = frozenset({"email_click", "activity"})
"""Events that may be a touchpoint, beside those that begin a session on the website."""
TELLING = frozenset(
    {"form_fill", "activity", "outcome", "purchase", "satisfaction", "action_result",
     "sales_feedback", "stage_change"}
)  # fmt: skip
"""Events that may be a milestone whatever is known of the lead."""
ENTRY_WAITS_S = 60.0
"""How long a new lead is not told of, while what it did as a visitor may be on its way."""
MOST_MONTHS = 1_200
UNKNOWN = "unknown"
"""Where a lead came from that has touched nothing with a channel."""
_ASKS = frozenset({"demo_request", "contact"})
_ANSWERS = frozenset({"call", "meeting", "demo"})

Body = dict[str, Any]
NO_EVENT: Mapping[str, Any] = MappingProxyType({})


class Before(NamedTuple):
    """How a lead stood before something happened: its stage and since when, its tier."""

    stage: str | None
    since_s: float
    tier: str | None


def passed(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    before: tuple[int, str | None, float, str | None],
    house: House,
) -> Sequence[Output]:
    """Note the touchpoint that an event was, and return the milestones that it was.

    Parameters
    ----------
    state
        After the event.
    before
        Before it: how many sessions there were, the stage and since when, the tier.
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
        return _of_event(state, event, at_s, Before(stage, since_s, tier), house)
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
    bodies = list(_of_stage(state, now_s, before))
    if has_ended:
        bodies += _ended(state, kept, SILENT, silent_s, state.tier, house)
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
        bodies.append(_changed(before, kept.bought, 0, house.currency, at_s))
    return [output(body) for body in _with_entry(state, kept, bodies, at_s)]


def of_erasure(state: LeadState, at_s: float, house: House) -> list[Output]:
    """Return what takes an erased lead's purchases out of what is learned."""
    kept = state.milestones
    if kept is None or kept.bought is None:
        return []
    return [output(_changed([kept.bought], None, 0, house.currency, at_s))]


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
    state: LeadState, event: Mapping[str, Any], at_s: float, before: Before, house: House
) -> list[Output]:
    kept = state.milestones
    if kept is None:
        kept = state.milestones = MilestoneState()
    if not is_named(state.lead_id):
        return []
    bodies = list(_of_stage(state, at_s, before))
    bodies += _answered(kept, event, at_s, before.tier)
    match event["type"]:
        case "outcome":
            bodies += _ended(state, kept, event["result"], at_s, before.tier, house, event)
            if event["result"] == WON:
                bodies += _bought(state, kept, event, at_s, house)
        case "purchase":
            bodies += _bought(state, kept, event, at_s, house)
        case "satisfaction":
            most = event["scale_max"]
            told = {"score": min(event["score"], most), "scale_max": most}
            bodies.append({"type": "satisfaction_told", **told, "occurred_at": rfc3339(at_s)})
    if event["type"] in BY_THE_LEAD:
        bodies += _active(kept, at_s)
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
    kept.is_entered, kept.enters_s = True, None
    entry = {
        "type": "lead_entered",
        "source": kept.source or UNKNOWN,
        "occurred_at": rfc3339(state.first_at_s),
    }
    return [entry, *bodies]


def _of_stage(state: LeadState, at_s: float, before: Before) -> Iterator[Body]:
    if state.stage != before.stage:
        yield _left(state, before, at_s, next_stage=state.stage)


def _left(
    state: LeadState,
    before: Before,
    at_s: float,
    next_stage: str | None = None,
    result: str | None = None,
) -> Body:
    since_s = state.first_at_s if before.stage is None else before.since_s
    return {
        "type": "stage_left",
        "stage": before.stage or NEW,
        "next_stage": next_stage,
        "result": result,
        "stayed_s": max(0.0, at_s - since_s),
        "occurred_at": rfc3339(at_s),
    }


def _answered(
    kept: MilestoneState, event: Mapping[str, Any], at_s: float, tier: str | None
) -> Iterator[Body]:
    """Tell of an answer: a trigger carried out, a call, a move or a verdict of sales."""
    match event["type"]:
        case "form_fill" if event["form_kind"] in _ASKS:
            kept.asked_s = at_s if kept.asked_s is None else kept.asked_s
            return
        case "action_result" if event["status"] == "delivered":
            pass
        case "activity" if event["name"] in _ANSWERS:
            pass
        case "stage_change" | "sales_feedback":
            pass
        case _:
            return
    if kept.asked_s is not None and at_s >= kept.asked_s:
        yield {
            "type": "lead_answered",
            "response_s": at_s - kept.asked_s,
            "tier": tier,
            "occurred_at": rfc3339(at_s),
        }
        kept.asked_s = None


def _ended(
    state: LeadState,
    kept: MilestoneState,
    result: str,
    at_s: float,
    tier: str | None,
    house: House,
    event: Mapping[str, Any] = NO_EVENT,
) -> Iterator[Body]:
    """Tell that the journey is over; what the lead does from here on is another one."""
    yield _left(state, Before(state.stage, state.stage_at_s, tier), at_s, result=result)
    currency = event.get("currency")
    yield {
        "type": "journey_ended",
        "result": result,
        "entered_at": rfc3339(state.first_at_s),
        "source": kept.source or UNKNOWN,
        "tier": tier,
        "segment": None,
        "is_holdout": is_holdout(state.lead_id, house) if house.holdout_share else None,
        "value_minor": None if currency is None else event.get("value_minor"),
        "currency": currency,
        "touches": [
            {"channel": channel, "campaign": campaign, "occurred_at": rfc3339(touched_s)}
            for touched_s, channel, campaign in kept.touches
            if touched_s <= at_s
        ],
        "occurred_at": rfc3339(at_s),
    }
    kept.touches = [touch for touch in kept.touches if touch[0] > at_s]
    if result == WON and kept.won_s is None:
        kept.won_s = kept.month_ends_s = at_s


def _bought(
    state: LeadState, kept: MilestoneState, event: Mapping[str, Any], at_s: float, house: House
) -> Iterator[Body]:
    """Tell of a purchase, or of a deal that was worth something.

    A CRM may tell one deal as both: of the same day and value it is the same. Only purchases in
    the house's currency make a history, since amounts of several cannot be added.
    """
    value_minor, currency = event.get("value_minor"), event.get("currency")
    if value_minor is None or currency is None:
        return
    if kept.won_s is None:
        kept.won_s = kept.month_ends_s = at_s
    day = int(at_s // DAY_S)
    known, kept.deal = kept.deal, [day, value_minor, event["type"]]
    if known is not None and known[:2] == [day, value_minor] and known[2] != event["type"]:
        return
    if currency != house.currency:
        yield _changed([], None, value_minor, currency, at_s)
        return
    former = kept.bought
    try:
        if former is None:
            kept.bought = PurchaseHistory(1, day, day, value_minor)
        else:
            kept.bought = former.with_purchase(day, value_minor)
    except ValueError:  # more than any customer spends
        state.overflows += 1
        return
    yield _changed([former] if former else [], kept.bought, value_minor, currency, at_s)


def _changed(
    before: list[PurchaseHistory],
    after: PurchaseHistory | None,
    value_minor: int,
    currency: str,
    at_s: float,
) -> Body:
    return {
        "type": "purchases_changed",
        "before": [asdict(history) for history in before],
        "after": None if after is None else asdict(after),
        "value_minor": value_minor,
        "currency": currency,
        "occurred_at": rfc3339(at_s),
    }


def _active(kept: MilestoneState, at_s: float) -> Iterator[Body]:
    if kept.won_s is None:
        return
    month = int((at_s - kept.won_s) // MONTH_S)
    if at_s >= kept.month_ends_s and month <= MOST_MONTHS:
        kept.month_ends_s = kept.won_s + (month + 1) * MONTH_S
        yield {
            "type": "customer_active",
            "won_at": rfc3339(kept.won_s),
            "month": month,
            "source": kept.source or UNKNOWN,
            "segment": None,
            "occurred_at": rfc3339(at_s),
        }


def output(body: Body) -> Output:
    """Return the record that tells a milestone."""
    return Output(topics.TRAINING_EXAMPLES.name, KEY, orjson.dumps(body), [], body["type"])
