"""What a log tells of a house's leads in a few figures: the moments that a world is fitted to."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from statistics import fmean
from typing import Any, Literal

from schemas.topics import DAY_S
from stream.simulator.mail import SENT_AFTER_DAYS
from stream.simulator.pipeline_log import EMAIL_ACTIONS
from stream.simulator.world import ACTIONS

WINDOW_DAYS = 60
"""Leads are compared over so long after they got a name; later ones are left out."""
_VISITS_DAYS = 14
_CUSTOMER_DAYS = 180
_SESSION_GAP_S = 1_800.0


Standing = Literal["fresh", "idle", "customer"]
FRESH_DAYS = 3
"""For so long after it did something a lead is fresh."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A rate or share, and how many events it rests on."""

    value: float
    events: int


@dataclass(frozen=True, slots=True)
class LogMoments:
    """The figures of one log.

    Parameters
    ----------
    leads
        Leads with a name, watched for ``WINDOW_DAYS`` at least.
    has_triggers
        Whether the log says what was done; else the demo's five mails are taken for granted.
    contacts_per_day
        By ``fresh`` (a lead that did something within three days), ``idle`` (one that did not)
        and ``customer``, and by action: contacts for each day of such a lead.
    moments
        ``visits`` (sessions of a lead in its first two weeks), ``opens`` and ``unsubscribes``
        (for each mail), ``won`` and ``lost`` (shares of the leads within the window), ``cycle``
        (mean days to a deal), ``churned`` and ``repeats`` (for each customer and day).
    """

    leads: int
    has_triggers: bool
    contacts_per_day: Mapping[Standing, Mapping[str, float]]
    moments: Mapping[str, Moment]


@dataclass(slots=True)
class _Told:
    """What a log told of one lead."""

    named_s: float | None = None
    visits_s: list[float] = field(default_factory=list)
    active_s: list[float] = field(default_factory=list)
    opens: int = 0
    unsubscribes: int = 0
    unsubscribed_s: float = inf
    won_s: float | None = None
    lost_s: float | None = None
    churned_s: float | None = None
    purchases_s: list[float] = field(default_factory=list)
    contacts: list[tuple[float, str]] = field(default_factory=list)


def moments_of(events: Iterable[Mapping[str, Any]]) -> LogMoments:
    """Count the figures of a log.

    Parameters
    ----------
    events
        Events of the contract as parsed JSON, inputs and ``nurture_triggered``, in any order.
        What lacks a lead or a time is passed over. Opens by mail scanners count as opens.
    """
    told: dict[str, _Told] = defaultdict(_Told)
    end_s = 0.0
    for event in events:
        lead_id, occurred_at = event.get("lead_id"), event.get("occurred_at")
        if isinstance(lead_id, str) and isinstance(occurred_at, str):
            at_s = datetime.fromisoformat(occurred_at).timestamp()
            end_s = max(end_s, at_s)
            _tell(told[lead_id], event, at_s)
    window_s = WINDOW_DAYS * DAY_S
    watched = {
        lead_id: one
        for lead_id, one in told.items()
        if one.named_s is not None and one.named_s + window_s <= end_s
    }
    return _counted(list(watched.values()), end_s)


def _tell(one: _Told, event: Mapping[str, Any], at_s: float) -> None:
    kind = event.get("type")
    if kind in {"page_view", "form_fill", "email_click"}:
        one.active_s.append(at_s)
    if kind == "form_fill" and (one.named_s is None or at_s < one.named_s):
        one.named_s = at_s
    elif kind == "page_view":
        one.visits_s.append(at_s)
    elif kind == "email_open":
        one.opens += 1
    elif kind == "email_unsubscribe":
        one.unsubscribes += 1
        one.unsubscribed_s = min(one.unsubscribed_s, at_s)
    elif kind == "outcome":
        if event.get("result") == "won":
            one.won_s = at_s
        else:
            one.lost_s = at_s
    elif kind == "purchase":
        one.purchases_s.append(at_s)
    elif kind == "stage_change" and str(event.get("stage")).lower() == "churned":
        one.churned_s = at_s
    elif kind == "nurture_triggered" and event.get("action") in ACTIONS[1:]:
        one.contacts.append((at_s, event["action"]))


def _counted(told: list[_Told], end_s: float) -> LogMoments:
    contacts: dict[Standing, Counter[str]] = {
        "fresh": Counter(),
        "idle": Counter(),
        "customer": Counter(),
    }
    days: dict[Standing, float] = {"fresh": 0.0, "idle": 0.0, "customer": 0.0}
    visits = customer_days = 0.0
    won = lost = churned = repeats = opens = unsubscribes = mails = 0
    cycles: list[float] = []
    for one in told:
        named_s = one.named_s or 0.0
        until_s = named_s + WINDOW_DAYS * DAY_S
        visits += _sessions(one.visits_s, named_s)
        won_s = one.won_s if one.won_s is not None else inf
        decided_s = min(won_s, until_s if one.lost_s is None else one.lost_s, until_s)
        # Nobody contacts a lead that wants none: those days say nothing of how often that is done.
        reachable_s = min(decided_s, one.unsubscribed_s)
        fresh = _fresh_spans(one.active_s, named_s, reachable_s)
        fresh_s = sum(until - since for since, until in fresh)
        days["fresh"] += fresh_s / DAY_S
        days["idle"] += (max(0.0, reachable_s - named_s) - fresh_s) / DAY_S
        for at_s, action in one.contacts:
            if at_s < decided_s:
                is_fresh = any(since < at_s <= until for since, until in fresh)
                contacts["fresh" if is_fresh else "idle"][action] += 1
            elif at_s >= won_s:
                contacts["customer"][action] += 1
        opens += one.opens
        unsubscribes += one.unsubscribes
        mails += sum(action in EMAIL_ACTIONS for _, action in one.contacts)
        lost += one.lost_s is not None and one.lost_s < until_s
        if one.won_s is None:
            continue
        if one.won_s < until_s:
            won += 1
            cycles.append((one.won_s - named_s) / DAY_S)
        left_s = min(end_s, one.won_s + _CUSTOMER_DAYS * DAY_S)
        if one.churned_s is not None and one.churned_s <= left_s:
            churned += 1
            left_s = one.churned_s
        customer_days += (left_s - one.won_s) / DAY_S
        days["customer"] += max(0.0, min(left_s, one.unsubscribed_s) - one.won_s) / DAY_S
        repeats += sum(one.won_s < at_s <= left_s for at_s in one.purchases_s)
    has_triggers = any(counter.total() for counter in contacts.values())
    if not has_triggers:
        mails = len(told) * len(SENT_AFTER_DAYS)
    leads = len(told)

    def share(count: float, of: float) -> Moment:
        return Moment(count / of if of else 0.0, int(count))

    return LogMoments(
        leads=leads,
        has_triggers=has_triggers,
        contacts_per_day={
            standing: {name: count / days[standing] for name, count in counter.items()}
            for standing, counter in contacts.items()
            if days[standing] > 0.0
        },
        moments={
            "visits": share(visits, leads),
            "opens": share(opens, mails),
            "unsubscribes": share(unsubscribes, mails),
            "won": share(won, leads),
            "lost": share(lost, leads),
            "cycle": Moment(fmean(cycles) if cycles else 0.0, won),
            "churned": share(churned, customer_days),
            "repeats": share(repeats, customer_days),
        },
    )


def _fresh_spans(
    active_s: list[float], since_s: float, until_s: float
) -> list[tuple[float, float]]:
    """Return when a lead was fresh, as spans that do not overlap."""
    spans: list[tuple[float, float]] = []
    for at_s in sorted(active_s):
        start_s = max(at_s, since_s, spans[-1][1] if spans else since_s)
        end_s = min(at_s + FRESH_DAYS * DAY_S, until_s)
        if start_s < end_s:
            spans.append((start_s, end_s))
    return spans


def _sessions(visits_s: list[float], named_s: float) -> int:
    """Count sessions in the first days after the one in which a lead got its name."""
    count, last_s = 0, named_s
    for at_s in sorted(visits_s):
        if at_s > named_s + _VISITS_DAYS * DAY_S:
            break
        if at_s > named_s:
            count += at_s - last_s > _SESSION_GAP_S
            last_s = at_s
    return count
