"""One lead's journey: anonymous sessions, a form, mails, sales, and how it ends."""

from dataclasses import dataclass
from operator import itemgetter
from random import Random
from typing import Any

from schemas.topics import FORM_FILLS
from stream.simulator.mail import draw_mails
from stream.simulator.personas import FormKind, Lead, draw_lead
from stream.simulator.sales import draw_after_sales, draw_consent, draw_profile, draw_sales
from stream.simulator.site import (
    MAX_SESSIONS,
    Step,
    draw_return_gap_s,
    draw_session,
    landing_context,
)

_TEXTS = (
    "We need this for 60 people by next quarter, who can show us?",
    "Bitte um ein Angebot mit SSO und Auftragsverarbeitung.",
    "Does it integrate with our CRM?",
    "Just looking around 🙂",
    "I write my thesis about marketing automation, may I use a figure?",
    "Are there openings for working students?",
)


@dataclass(frozen=True, slots=True)
class Journey:
    """A lead and all that it will do, in order of time."""

    lead: Lead
    steps: list[Step]


@dataclass(slots=True)
class _Naming:
    at_s: float
    kind: FormKind


def draw_journey(rng: Random, arrives_at_s: float, form_without_lead_id: float) -> Journey:
    """Draw the journey of a lead that arrives now.

    Parameters
    ----------
    rng
        The source of randomness.
    arrives_at_s
        Epoch seconds of the first page.
    form_without_lead_id
        Share of leads whose first form knows no lead id yet, only visitor and email.

    Returns
    -------
    Journey
        At most a few dozen steps; a visitor that sends no form stays anonymous.
    """
    lead = draw_lead(rng)
    steps, naming = _draw_visits(rng, lead, arrives_at_s, form_without_lead_id)
    if naming is not None:
        steps += draw_mails(rng, lead, naming.at_s)
        sold, outcome = draw_sales(rng, lead, naming.kind, naming.at_s)
        steps += sold
        if outcome is not None:
            # Nobody nurtures a decided lead: what would have come later does not happen.
            steps = [step for step in steps if step.at_s < outcome.at_s]
            steps.append(outcome)
            if outcome.body["result"] == "won":
                steps += draw_after_sales(rng, lead, outcome.at_s)
        steps.sort(key=itemgetter(0))
    return Journey(lead, steps)


def _draw_visits(
    rng: Random, lead: Lead, arrives_at_s: float, form_without_lead_id: float
) -> tuple[list[Step], _Naming | None]:
    steps: list[Step] = []
    naming = None
    ids = {"anonymous_id": lead.anonymous_ids[0]}
    landing = landing_context(lead, lead.channel, "spring")
    start_s = arrives_at_s
    for _ in range(MAX_SESSIONS):
        pages, end_s = draw_session(rng, lead, ids, start_s, landing)
        steps += pages
        if rng.random() < lead.persona.form_ratio + 0.15 * lead.intent:
            kind = lead.persona.forms.draw(rng)
            if naming is None:
                naming = _Naming(end_s, kind)
                named = {"lead_id": lead.lead_id, **ids}
                if rng.random() >= form_without_lead_id:
                    ids = named
                steps.append(_draw_form(rng, lead, ids, end_s, kind))
                # With the visitor id, so that a form that knew no lead id is found again.
                profile = draw_profile(rng, lead, named, end_s + rng.uniform(60, 1_200))
                steps += [profile, draw_consent(lead, profile.at_s + 1)]
                ids = named
            else:
                steps.append(_draw_form(rng, lead, ids, end_s, kind))
        gap_s = draw_return_gap_s(rng, lead.intent)
        if gap_s is None:
            break
        start_s = end_s + gap_s
        landing = lead.context
    return steps, naming


def _draw_form(rng: Random, lead: Lead, ids: dict[str, str], at_s: float, kind: FormKind) -> Step:
    body: dict[str, Any] = {
        "type": "form_fill",
        **ids,
        "form_id": f"{kind}-1",
        "form_kind": kind,
        "email": lead.email,
        "context": lead.context,
    }
    if kind in {"contact", "demo_request"} and rng.random() < 0.7:
        body["text"] = _TEXTS[min(5, max(0, int(rng.gauss(5.5 - 5 * lead.intent, 1.2))))]
    if kind == "download":
        body["fields"] = {"asset": rng.choice(("roi-guide", "checklist"))}
    return Step(at_s, FORM_FILLS.name, body)
