"""What happens on the sales side: the CRM's profile, calls, stages, feedback and the outcome."""

from math import exp
from random import Random
from typing import Any

from schemas.topics import CRM_UPDATES, DAY_S, EMAIL_EVENTS, LEAD_ACTIVITIES
from stream.simulator.personas import FormKind, Lead
from stream.simulator.site import Step

LOST_RATIO = 0.36
"""Share of the leads not won whose loss somebody writes down."""
WIN_SLOPE = 12
WIN_MIDPOINT = 0.72
"""The intent at which every second lead buys, and how steeply that share rises there."""
CONSENT_RATIO = 0.85
"""Share of the leads that agree to be nurtured when a form asks them."""

_REPLIES = (
    "Could you send an offer for 40 seats? We decide this month.",
    "Können wir nächste Woche telefonieren? Das Budget ist freigegeben.",
    "Thanks, please send some more material first.",
    "Not now, maybe next year.",
    "Please take me off your list.",
)
_JOB_TITLES = ("Head of Sales", "Marketing Manager", "CTO", "Analyst", "Consultant", "Intern")
_PRODUCTS = ("seats", "support", "training")


def win_ratio(intent: float, midpoint: float = WIN_MIDPOINT) -> float:
    """Return the probability that a lead of this intent buys in the end.

    >>> [round(win_ratio(intent), 2) for intent in (0.1, 0.5, 0.9)]
    [0.0, 0.07, 0.9]
    """
    return 1 / (1 + exp(-WIN_SLOPE * (intent - midpoint)))


def sales_accepts(rng: Random, intent: float) -> bool:
    """Draw whether sales takes a lead after a call: a noisy look at the intent."""
    return intent + rng.gauss(0, 0.22) > 0.42


def draw_value_minor(rng: Random, company_size: float) -> int:
    """Draw what a first deal is worth, in cents: more for a larger company, by its root."""
    return 100 * int(rng.lognormvariate(7.5, 0.5) * (1 + company_size**0.4))


def draw_repeat_value_minor(rng: Random) -> int:
    """Draw what a further purchase is worth, in cents."""
    return 100 * rng.randint(50, 4_000)


def draw_profile(rng: Random, lead: Lead, ids: dict[str, str], at_s: float) -> Step:
    """Draw the profile that the CRM writes soon after a form."""
    rank = min(5, max(0, int(rng.gauss(5 - 4.5 * lead.intent, 1.6))))
    attributes = {
        **lead.attributes,
        "email": lead.email,
        "job_title": _JOB_TITLES[rank],
        "lead_source": lead.channel,
    }
    return _crm("lead_profile", at_s, ids, attributes=attributes)


def draw_consent(lead: Lead, at_s: float) -> Step:
    """Return what the lead ticked below its first form, as the CRM passes it on."""
    # Randomness of its own, so that journeys are the same with and without the question.
    rng = Random(f"{lead.lead_id}/consent")  # noqa: S311 - repeatable, not secret
    granted = rng.random() < CONSENT_RATIO
    return _crm("consent", at_s, {"lead_id": lead.lead_id}, purpose="nurturing", granted=granted)


def draw_sales(
    rng: Random, lead: Lead, kind: FormKind, named_at_s: float
) -> tuple[list[Step], Step | None]:
    """Draw what sales does, and the outcome.

    Parameters
    ----------
    rng
        The source of randomness.
    lead
        Whom sales works on.
    kind
        The form that made the lead known.
    named_at_s
        Epoch seconds of that form.

    Returns
    -------
    tuple
        The steps on the way, and the outcome, None for a lead that stays undecided.
    """
    ids = {"lead_id": lead.lead_id}
    steps: list[Step] = []
    wants_contact = kind in {"contact", "demo_request"}
    if wants_contact or kind == "webinar":
        steps.append(_crm("stage_change", named_at_s + 1_800, ids, stage="mql"))
    if kind == "webinar" and rng.random() < 0.4 + 0.4 * lead.intent:
        at_s = named_at_s + rng.uniform(1, 6) * DAY_S
        body = {"type": "activity", **ids, "name": "webinar_attended"}
        body["properties"] = {"minutes": rng.randint(5, 60)}  # type: ignore[assignment]
        steps.append(Step(at_s, LEAD_ACTIVITIES.name, body))
    last_s = named_at_s
    if rng.random() < (0.8 if wants_contact else 0.12):
        called, last_s = _draw_call(rng, lead, named_at_s)
        steps += called
    return steps, _draw_outcome(rng, lead, named_at_s, last_s)


def draw_after_sales(rng: Random, lead: Lead, won_at_s: float) -> list[Step]:
    """Draw the first weeks of a customer: the stage, further purchases, satisfaction."""
    ids = {"lead_id": lead.lead_id}
    steps = [_crm("stage_change", won_at_s + 600, ids, stage="customer")]
    at_s = won_at_s
    while rng.random() < 0.4 and len(steps) < 4:
        at_s += rng.uniform(4, 25) * DAY_S
        amount = {"value_minor": draw_repeat_value_minor(rng), "currency": "EUR"}
        steps.append(_crm("purchase", at_s, ids, **amount, product=rng.choice(_PRODUCTS)))
    if rng.random() < 0.25:
        score = min(10, max(0, round(rng.gauss(7.5, 2))))
        steps.append(_crm("satisfaction", won_at_s + 14 * DAY_S, ids, score=score, scale_max=10))
    return steps


def _crm(kind: str, at_s: float, ids: dict[str, str], **more: Any) -> Step:
    return Step(at_s, CRM_UPDATES.name, {"type": kind, **ids, **more})


def _draw_call(rng: Random, lead: Lead, named_at_s: float) -> tuple[list[Step], float]:
    ids = {"lead_id": lead.lead_id}
    at_s = named_at_s + rng.uniform(0.3, 3) * DAY_S
    duration_s = round(min(5_400, rng.lognormvariate(4.6 + 1.6 * lead.intent, 0.8)))
    properties = {"direction": "outbound", "duration_s": duration_s}
    body = {"type": "activity", **ids, "name": "call", "properties": properties}
    steps = [Step(at_s, LEAD_ACTIVITIES.name, body)]
    if rng.random() < 0.55:
        is_accepted = sales_accepts(rng, lead.intent)
        verdict = "accepted" if is_accepted else "rejected"
        reason = {} if is_accepted else {"reason": rng.choice(("no budget", "no need", "no fit"))}
        steps.append(_crm("sales_feedback", at_s + 1_200, ids, verdict=verdict, **reason))
        if is_accepted:
            steps.append(_crm("stage_change", at_s + 1_500, ids, stage="opportunity"))
    if rng.random() < 0.1 + 0.2 * lead.intent:
        rank = min(4, max(0, int(rng.gauss(4.5 - 4 * lead.intent, 1))))
        reply = {"type": "email_reply", **ids, "text": _REPLIES[rank]}
        steps.append(Step(at_s + rng.uniform(0.1, 2) * DAY_S, EMAIL_EVENTS.name, reply))
    return steps, at_s


def _draw_outcome(rng: Random, lead: Lead, named_at_s: float, last_s: float) -> Step | None:
    ids = {"lead_id": lead.lead_id}
    delay_s = min(42.0, max(2.0, rng.lognormvariate(2.2, 0.6))) * DAY_S
    at_s = max(named_at_s + delay_s, last_s + DAY_S)
    if rng.random() < win_ratio(lead.intent):
        size = lead.attributes.get("company_size", 30)
        value_minor = draw_value_minor(rng, size)
        return _crm("outcome", at_s, ids, result="won", value_minor=value_minor, currency="EUR")
    if rng.random() < LOST_RATIO:
        return _crm("outcome", at_s, ids, result="lost")
    return None
