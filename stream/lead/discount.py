"""What machines did in a lead's name counts nothing; what had counted already is taken back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stream.lead import points
from stream.lead.apply import shorten_journey
from stream.lead.house import House
from stream.lead.kinds import kinds_of
from stream.lead.machines import (
    AT_DELIVERY,
    IN_MAILS,
    LINK_BURST,
    agent_reason,
    burst_of,
    is_at_delivery,
    is_in_burst,
    link_of,
    mail_of,
)
from stream.lead.state import LeadState
from stream.lead.unsettled import Step, Unsettled, advance, join

MAX_MAILS = 4
MAILS_KEPT_S = 86_400.0


def judge(
    state: LeadState, event: Mapping[str, Any], at_s: float, now_s: float, house: House
) -> tuple[str | None, Sequence[Step]]:
    """Tell whether a machine made an event, and which earlier ones it shows to be its own.

    Returns
    -------
    tuple
        Why the event counts nothing, None if it counts; and the steps to take back.
    """
    reason = agent_reason(event)
    mail = mail_of(event) if event["type"] in IN_MAILS else 0
    if not mail:
        if reason is None:
            note(state, event, at_s, now_s, house)
        return reason, ()
    unsettled = _current(state, now_s, house)
    kind: str = event["type"]
    rules = [rule.name for rule in points.met(house.points, event)]
    step = Step(max(now_s, at_s), at_s, kind, kind, rules, mail, link_of(event), reason or "")
    known = unsettled.touches(mail) if unsettled is not None else []
    taken = [s for s in _recognise(state, mail, [*known, step], now_s, house) if s is not step]
    if taken:
        take_back(state, taken, house)
    if unsettled is None:
        unsettled = state.unsettled = Unsettled.begin(state, state.ledger, house)
    unsettled.add(step, house)
    return step.reason or None, taken


def note(
    state: LeadState, event: Mapping[str, Any], at_s: float, now_s: float, house: House
) -> None:
    """Note an event that counts, where an earlier one may yet be taken back from before it."""
    unsettled = _current(state, now_s, house)
    if unsettled is None:
        return
    kind: str = event["type"]
    # Points of other events are not a scanner's to take back: each rule is of one type.
    rules = [r.name for r in points.met(house.points, event)] if kind in IN_MAILS else []
    kinds = kinds_of(event)
    unsettled.add(Step(max(now_s, at_s), at_s, kind, kinds[-1] if kinds else "", rules), house)


def deliver(
    state: LeadState, event: Mapping[str, Any], at_s: float, now_s: float, house: House
) -> Sequence[Step]:
    """Note when a mail was delivered; return the steps that were too soon for a person."""
    mail = mail_of(event)
    if not mail:
        return ()
    _remember(state, mail, now_s)[1] = at_s
    unsettled = _current(state, now_s, house)
    if unsettled is None:
        return ()
    taken = _recognise(state, mail, unsettled.touches(mail), now_s, house)
    if taken:
        take_back(state, taken, house)
    return taken


def count(state: LeadState, kind: str, reason: str, at_s: float) -> None:
    """Remember what a machine did, so that it can be said."""
    if state.discounted is None:
        state.discounted = {}
    entry = state.discounted.setdefault(f"{kind} {reason}", [0, at_s])
    entry[0] += 1
    entry[1] = max(entry[1], at_s)


def discounted(state: LeadState) -> list[tuple[str, str, int, float]]:
    """Return what machines did in the lead's name: type, reason, how often, and when last."""
    entries = sorted((state.discounted or {}).items())
    return [(*_parts(name), int(number), at_s) for name, (number, at_s) in entries]


def take_back(state: LeadState, taken: Sequence[Step], house: House) -> None:
    """Let a state stand as if these steps, marked with their reason, had never counted."""
    unsettled = state.unsettled
    if unsettled is None:
        return
    for step in taken:
        state.counts.remove(step.kind, step.at_s)
        count(state, step.type, step.reason, step.at_s)
    state.events -= len(taken)
    _tell_again(state, unsettled, house)
    steps = [*unsettled.journey, *state.journey]
    for step in taken:
        at = next((i for i, s in enumerate(steps) if s[:2] == [step.at_s, step.kind]), None)
        if at is not None:
            del steps[at]
    state.journey, unsettled.journey = sorted(steps, key=lambda s: s[0]), []
    shorten_journey(state)
    # Each vector since has the scanner's events in it.
    first_s = min(step.at_s for step in taken)
    state.samples = [sample for sample in state.samples if sample.at_s < first_s]
    state.sampled_of = max(len(state.samples), state.sampled_of - len(taken))


def _tell_again(state: LeadState, unsettled: Unsettled, house: House) -> None:
    has_fired = state.absence_due_s is None
    unsettled.before.put(state)
    for name, entry in unsettled.ledger.items():
        if entry is None:
            state.ledger.pop(name, None)
        else:
            state.ledger[name] = entry
    for step in unsettled.steps:
        if not step.reason:
            advance(state, step.at_s, step.type, step.kind, house)
            points.credit(state.ledger, house.points, step.rules, step.at_s)
    if has_fired and state.absence_due_s == unsettled.before.absence_due_s:
        state.absence_due_s = None


def merge_discounts(state: LeadState, other: LeadState, house: House) -> None:
    """Join what two histories know of machines; comes before anything else of them is joined."""
    for name, (number, at_s) in (other.discounted or {}).items():
        count(state, *_parts(name), at_s)
        if state.discounted is not None:
            state.discounted[name][0] += number - 1
    for mail, delivered_s, span, seen_s in other.mails or ():
        record = _remember(state, mail, seen_s)
        record[1] = delivered_s if record[1] is None else record[1]
        record[2] = span if record[2] is None else record[2]
    mine, theirs = state.unsettled, other.unsettled
    if mine is None and theirs is None:
        return
    joined = mine or Unsettled.begin(state, state.ledger, house)
    beside = theirs or Unsettled.begin(other, other.ledger, house)
    join(joined.before, beside.before)
    ledger = {name: entry for name, entry in joined.ledger.items() if entry is not None}
    points.merge(ledger, {n: e for n, e in beside.ledger.items() if e is not None}, house.points)
    joined.ledger = {name: ledger.get(name) for name in {**joined.ledger, **beside.ledger}}
    steps = sorted([*joined.steps, *beside.steps], key=lambda step: step.seen_s)
    joined.steps = []
    for step in steps:
        joined.add(step, house)
    joined.spill(beside.journey)
    state.unsettled = joined


def _parts(name: str) -> tuple[str, str]:
    kind, _, reason = name.partition(" ")
    return kind, reason


def _current(state: LeadState, now_s: float, house: House) -> Unsettled | None:
    if state.unsettled is not None and state.unsettled.is_settled(now_s, house):
        state.unsettled = None
    return state.unsettled


def _recognise(
    state: LeadState, mail: int, touches: Iterable[Step], now_s: float, house: House
) -> list[Step]:
    """Mark the opens and clicks of a mail that are a scanner's; return those just marked."""
    touches = list(touches)
    record = next((m for m in state.mails or () if m[0] == mail), None)
    delivered_s, known = (None, None) if record is None else (record[1], record[2])
    span = burst_of([(t.at_s, t.link) for t in touches], known, house)
    if span is not None and span != known:
        _remember(state, mail, now_s)[2] = span
    marked = []
    for touch in touches:
        if touch.reason:
            continue
        if delivered_s is not None and is_at_delivery(touch.at_s, delivered_s, house):
            touch.reason = AT_DELIVERY
        elif span is not None and is_in_burst(touch.at_s, span, house):
            touch.reason = LINK_BURST
        else:
            continue
        marked.append(touch)
    return marked


def _remember(state: LeadState, mail: int, now_s: float) -> list[Any]:
    mails = [m for m in state.mails or () if m[0] != mail and now_s - m[3] <= MAILS_KEPT_S]
    record = next((m for m in state.mails or () if m[0] == mail), [mail, None, None, now_s])
    state.mails = [*mails, record][-MAX_MAILS:]
    return record
