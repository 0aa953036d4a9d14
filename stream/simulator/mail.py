"""Nurture mails: who opens them, follows links, bounces, unsubscribes; and mail scanners."""

from itertools import accumulate
from random import Random
from typing import Any

from schemas.topics import DAY_S, EMAIL_EVENTS
from stream.simulator.personas import Lead, Persona, Weighted, draw_anonymous_id
from stream.simulator.site import SITE, Step, draw_session, landing_context

SCANNER_USER_AGENT = "Mozilla/5.0 (compatible; MailLinkScanner/2.1; +https://mailgate.example/bot)"

_DISGUISE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/119.0 Safari/537.36"
)
_HABITS = Weighted({"named": 5.0, "disguised": 5.0, "at_delivery": 3.0, "slow": 1.0})
"""Whether a scanner says what it is, how many links it follows, and how fast."""

SENT_AFTER_DAYS = (1, 4, 9, 16, 25)
_LINKS = (f"{SITE}/product", f"{SITE}/case-studies/bank", f"{SITE}/pricing")


SHOWN_RATIO = 0.8
"""Leads whose opens can be seen at all: other mail programs show no pictures."""


def open_ratio(persona: Persona, intent: float) -> float:
    """Return the share of mails that a lead opens, where opens can be seen."""
    return 0.12 + persona.mail_ratio + 0.35 * intent


def click_ratio(intent: float) -> float:
    """Return the share of opened mails of which a link is followed."""
    return 0.1 + 0.3 * intent


def unsubscribe_ratio(intent: float) -> float:
    """Return the share of mails, opened but not followed, that make a lead unsubscribe."""
    return 0.1 * (1 - intent)


def draw_mails(rng: Random, lead: Lead, named_at_s: float) -> list[Step]:
    """Draw what becomes of the mails that a lead gets once its address is known."""
    steps: list[Step] = []
    habits = Random(f"{lead.lead_id}/mail system")  # noqa: S311 - repeatable, not secret
    habit = _HABITS.draw(habits) if lead.is_scanner else None
    # Most mail platforms do not pass on when a mail was delivered.
    reports_delivery = habit == "at_delivery" or habits.random() < 0.1
    may_open = rng.random() < SHOWN_RATIO
    for number, days in enumerate(SENT_AFTER_DAYS, start=1):
        sent_s = named_at_s + days * DAY_S + rng.uniform(-0.3, 0.3) * DAY_S
        message = {
            "lead_id": lead.lead_id,
            "campaign_id": f"nurture-{number}",
            "message_id": f"m-{lead.lead_id[5:]}-{number}",
        }
        if number == 1 and rng.random() < 0.04 - 0.03 * lead.intent:
            return [_step("email_bounce", sent_s + 2, message)]
        if reports_delivery:
            steps.append(_step("email_delivered", sent_s, message))
        if habit is not None:
            steps += _scan(rng, sent_s, message, habit, habits)
        if may_open and rng.random() < open_ratio(lead.persona, lead.intent):
            steps += _read(rng, lead, sent_s, message)
            if steps[-1].body["type"] == "email_unsubscribe":
                break
    return steps


def _step(kind: str, at_s: float, message: dict[str, str], **more: Any) -> Step:
    return Step(at_s, EMAIL_EVENTS.name, {"type": kind, **message, **more})


def _scan(
    rng: Random, sent_s: float, message: dict[str, str], habit: str, habits: Random
) -> list[Step]:
    context = {"user_agent": SCANNER_USER_AGENT if habit == "named" else _DISGUISE}
    at_s = sent_s + rng.uniform(1, 6)
    steps = [_step("email_open", at_s, message, context=context)]
    for url in _LINKS:
        at_s += rng.uniform(0.05, 1)
        steps.append(_step("email_click", at_s, message, url=url, context=context))
    if habit == "at_delivery":  # one link only, and at once
        first_s = sent_s + habits.uniform(0.1, 3)
        times_s = [first_s, first_s + habits.uniform(0.05, 1)]
    elif habit == "slow":  # as a person might
        times_s = list(accumulate((habits.uniform(6, 20) for _ in _LINKS), initial=steps[0].at_s))
    else:
        times_s = [step.at_s for step in steps]
    # A scanner that is content with one link has fewer times than there are steps.
    pairs = zip(times_s, steps, strict=False)
    return [Step(at_s, step.topic, step.body, is_machine=True) for at_s, step in pairs]


def _read(rng: Random, lead: Lead, sent_s: float, message: dict[str, str]) -> list[Step]:
    at_s = sent_s + rng.lognormvariate(9.3, 1.2)
    context = lead.context
    steps = [_step("email_open", at_s, message, context=context)]
    if rng.random() < click_ratio(lead.intent):
        at_s += rng.uniform(5, 90)
        steps.append(_step("email_click", at_s, message, url=rng.choice(_LINKS), context=context))
        # A mail is often read on another device than the one that filled the form.
        if rng.random() < 0.3:
            lead.anonymous_ids.append(draw_anonymous_id(rng))
        ids = {"lead_id": lead.lead_id, "anonymous_id": lead.anonymous_ids[-1]}
        landing = landing_context(lead, "email", message["campaign_id"])
        steps += draw_session(rng, lead, ids, at_s + 1, landing)[0]
    elif rng.random() < unsubscribe_ratio(lead.intent):
        steps.append(_step("email_unsubscribe", at_s + 20, message, context=context))
    return steps
