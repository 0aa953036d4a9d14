"""Governance: which candidates the rules of the house let through, before anything learned chooses.

What is held back is told with its reason. A candidate that falls into quiet hours is held back, not
put off: by the morning it would stand on what is no longer so, and the next event is decided upon
anew. Nothing that is held back counts to a cap or starts a cooldown.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from stream.lead import contact_history
from stream.lead.action import NOTHING, Action, Candidate
from stream.lead.actions import Catalogue
from stream.lead.budgets import Budgets
from stream.lead.consent import NURTURING, may
from stream.lead.contact_history import History
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.quiet_hours import zone_of
from stream.lead.state import LeadState

Reason = Literal[
    "anonymous",
    "expired",
    "closed",
    "not_eligible",
    "no_consent",
    "cooldown",
    "excluded",
    "frequency_cap",
    "quiet_hours",
    "budget",
    "do_not_disturb",
    "holdout",
]
"""Why a candidate is held back; the later, the nearer it came to being let through."""

_LOOKED_AT: tuple[Reason, ...] = get_args(Reason)

LeftAlone = Literal["do_not_disturb", "holdout"]
"""Why a lead is left alone: contact would do harm, or it is in the control group."""

Held = tuple[Candidate, Reason]


def allowed(
    state: LeadState,
    rule: str,
    candidates: Sequence[Candidate],
    history: History,
    cause_at_s: float,
    now_s: float,
    catalogue: Catalogue,
    house: House,
    budgets: Budgets,
    left_alone: LeftAlone | None = None,
) -> tuple[list[Candidate], list[Held]]:
    """Return the candidates that may be chosen, and why the others may not; nothing is changed.

    ``nothing`` is held back only with all others, where there is nothing to decide: the lead is
    anonymous, closed, without consent to nurturing, or the rule's trigger has expired or cools
    down.
    ``suppressed`` tells whether anything is left to decide.

    Parameters
    ----------
    state, rule
        The lead, and the occasion.
    candidates
        Those that are for the lead (``stream.lead.actions.candidates``); what else the catalogue
        offers on the occasion is told as not eligible.
    history
        What was done with the lead (``stream.lead.contact_history``).
    cause_at_s, now_s
        When what led here happened, and the log's time, which caps and cooldowns run in.
    budgets
        The partition's.
    left_alone
        ``do_not_disturb`` holds back every contact, ``holdout`` everything but ``nothing``. It is
        looked at last, so that it is told of those only who would have been acted upon.
    """
    offered = catalogue.offered(rule)
    none = _no_occasion(state, cause_at_s, now_s, catalogue, house)
    if none is not None:
        return [], [(candidate, none) for candidate in offered]
    last_s = state.triggered_s.get(rule)
    cools = last_s is not None and now_s - last_s < catalogue.governance.cooldown_s.get(rule, 0.0)
    live = contact_history.still_counting(history, now_s, catalogue) if history else history
    ways: dict[str, Reason | None] = {}
    may_be: list[Candidate] = []
    held: list[Held] = []
    eligible = {candidate.name for candidate in candidates}
    for candidate in offered:
        action = candidate.action
        if action.name not in ways:
            ways[action.name] = (
                _closed(state, action)
                or (None if candidate.name in eligible else "not_eligible")
                or _no_consent(state, action, house)
                or ("cooldown" if cools else None)
                or _governed(state, action, live, now_s, catalogue, budgets)
                or _left_alone(action, left_alone)
            )
        reason = ways[action.name]
        if reason is None:
            may_be.append(candidate)
        else:
            held.append((candidate, reason))
    return may_be, held


def suppressed(may_be: Sequence[Candidate], held: Sequence[Held]) -> Reason | None:
    """Return why an occasion has to pass; None where there is something to decide.

    It passes where no candidate is left, and where all are held back but ``nothing``: that would
    be no choice, and must start no cooldown that lasts into the morning after quiet hours. The
    reason is that of the candidate which came nearest to being let through.

    Parameters
    ----------
    may_be, held
        As ``allowed`` returns them.
    """
    if any(candidate.action.name != NOTHING for candidate in may_be):
        return None
    if held:
        return max((reason for _, reason in held), key=_LOOKED_AT.index)
    return None if may_be else "not_eligible"


def take(
    candidate: Candidate, history: History, now_s: float, catalogue: Catalogue, budgets: Budgets
) -> None:
    """Count what was decided upon, in place: in the lead's history, and in the budgets."""
    if candidate.action.name != NOTHING:
        contact_history.note(history, candidate.action, now_s, catalogue)
        budgets.spend(candidate.action, now_s, catalogue)


def _no_occasion(
    state: LeadState, cause_at_s: float, now_s: float, catalogue: Catalogue, house: House
) -> Reason | None:
    if not is_named(state.lead_id):
        return "anonymous"
    if state.outcome is not None and not catalogue.for_closed:
        return "closed"
    if not may(state, NURTURING, house):
        return "no_consent"
    oldest_s = catalogue.governance.max_cause_age_s
    return "expired" if oldest_s is not None and now_s - cause_at_s >= oldest_s else None


def _closed(state: LeadState, action: Action) -> Reason | None:
    if action.eligible.has_outcome(state):
        return None
    return "not_eligible" if state.outcome is None else "closed"


def _no_consent(state: LeadState, action: Action, house: House) -> Reason | None:
    return None if all(may(state, p, house) for p in action.purposes) else "no_consent"


def _governed(
    state: LeadState,
    action: Action,
    live: History,
    now_s: float,
    catalogue: Catalogue,
    budgets: Budgets,
) -> Reason | None:
    """Return what the limits of the house say to an action."""
    if action.name == NOTHING:
        return None
    if live:
        if contact_history.is_cooling(live, action, now_s):
            return "cooldown"
        if contact_history.is_excluded(live, action, now_s, catalogue):
            return "excluded"
    if _is_capped(action, live, now_s, catalogue):
        return "frequency_cap"
    quiet = catalogue.governance.quiet_hours_of(action.channel, is_contact=action.is_contact)
    if quiet is not None:
        zone = zone_of(state.attributes, catalogue.governance.timezone)
        if quiet.hold(now_s, zone):
            return "quiet_hours"
    if catalogue.has_budgets and budgets.left(action, now_s, catalogue) < 1:
        return "budget"
    return None


def _is_capped(action: Action, live: History, now_s: float, catalogue: Catalogue) -> bool:
    if contact_history.is_too_often(live, action, now_s):
        return True
    caps = catalogue.governance.caps_of(action.channel, is_contact=action.is_contact)
    if any(contact_history.breaks_cap(live, cap, of, now_s, catalogue) for of, cap in caps):
        return True
    return contact_history.is_full(live) and (
        contact_history.counts_for_s(action.name, action.channel, catalogue) > 0.0
    )


def _left_alone(action: Action, why: LeftAlone | None) -> Reason | None:
    if action.name == NOTHING or (why == "do_not_disturb" and not action.is_contact):
        return None
    return why
