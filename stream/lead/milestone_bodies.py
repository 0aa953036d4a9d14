"""What each milestone says, as it crosses the topic."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from online_models.purchase_history import PurchaseHistory
from schemas import topics
from schemas.topics import DAY_S
from stream.lead import kept_texts
from stream.lead.features import Features
from stream.lead.house import House
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


def stage_left(
    state: LeadState, at_s: float, before: Before, *, by_outcome: bool = False
) -> Iterator[Body]:
    """Tell that another stage was entered; ``by_outcome``, by the outcome that ends the journey."""
    if state.stage != before.stage:
        has_ended = state.outcome is not None and not by_outcome
        is_after_end = has_ended and _since_s(state, before) < state.outcome_at_s
        yield _left(state, before, at_s, next_stage=state.stage, is_after_end=is_after_end)


def _left(
    state: LeadState,
    before: Before,
    at_s: float,
    next_stage: str | None = None,
    result: str | None = None,
    *,
    is_after_end: bool = False,
) -> Body:
    return {
        "type": "stage_left",
        "stage": before.stage or NEW,
        "next_stage": next_stage,
        "result": result,
        "is_after_end": is_after_end,
        "stayed_s": max(0.0, at_s - _since_s(state, before)),
        "occurred_at": rfc3339(at_s),
    }


def _since_s(state: LeadState, before: Before) -> float:
    return state.first_at_s if before.stage is None else before.since_s


def answered(
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


def ended(
    state: LeadState,
    kept: MilestoneState,
    result: str,
    at_s: float,
    tier: str | None,
    house: House,
    event: Mapping[str, Any] = NO_EVENT,
    vectors: Sequence[Features] = (),
) -> Iterator[Body]:
    """Tell that the journey is over; what the lead does from here on is another one."""
    yield _left(state, Before(state.stage, state.stage_at_s, tier), at_s, result=result)
    currency = event.get("currency")
    is_first_win = result == WON and not kept.is_won
    kept.is_won = kept.is_won or is_first_win
    yield {
        "type": "journey_ended",
        "result": result,
        "entered_at": rfc3339(kept.entry_s(state.first_at_s)),
        "source": kept.source or UNKNOWN,
        "tier": tier,
        "segment": state.segment,
        "first_segment": kept.first_segment,
        "topics": kept_texts.close(state, at_s) if state.texts else [],
        "is_first_win": is_first_win,
        "is_holdout": is_holdout(state.lead_id, house) if house.holdout_share else None,
        "value_minor": None if currency is None else event.get("value_minor"),
        "currency": currency,
        "touches": [
            {"channel": channel, "campaign": campaign, "occurred_at": rfc3339(touched_s)}
            for touched_s, channel, campaign in kept.touches
            if touched_s <= at_s
        ],
        "vectors": vectors,
        "occurred_at": rfc3339(at_s),
    }
    kept.touches = [touch for touch in kept.touches if touch[0] > at_s]
    if result == WON and kept.won_s is None:
        kept.won_s = kept.month_ends_s = at_s


def bought(
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
        yield purchases_changed([], None, value_minor, currency, at_s)
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
    yield purchases_changed([former] if former else [], kept.bought, value_minor, currency, at_s)


def purchases_changed(
    before: list[PurchaseHistory],
    after: PurchaseHistory | None,
    value_minor: int,
    currency: str,
    at_s: float,
) -> Body:
    """Return that what is known of purchases has changed."""
    return {
        "type": "purchases_changed",
        "before": [asdict(history) for history in before],
        "after": None if after is None else asdict(after),
        "value_minor": value_minor,
        "currency": currency,
        "occurred_at": rfc3339(at_s),
    }


def customer_active(kept: MilestoneState, at_s: float) -> Iterator[Body]:
    """Tell of a customer's first sign in a month."""
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
            "first_segment": kept.first_segment,
            "occurred_at": rfc3339(at_s),
        }


def output(body: Body) -> Output:
    """Return the record that tells a milestone."""
    return Output(topics.TRAINING_EXAMPLES.name, KEY, orjson.dumps(body), [], body["type"])
