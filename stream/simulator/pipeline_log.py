"""What leads in the pipeline do, as events of the contract: to fit to, and to look at."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from stream.simulator.pipeline import Pipeline
from stream.simulator.prospect import Prospect
from stream.simulator.sight import PipelinePolicy, Sight
from stream.simulator.world import ACTIONS, NOTHING, STAGES, WorldParameters

Event = dict[str, Any]

_SENT_FORM = "form"
_CONTACT = "contact"


def pipeline_log(
    parameters: WorldParameters,
    policy: PipelinePolicy,
    *,
    leads: int,
    seed: int,
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC),
    arrival_days: int = 90,
) -> list[Event]:
    """Return the events of a cohort in which a policy acts freely, in order of time.

    Contacts stand in it as ``nurture_triggered``, with action and lead alone.
    """
    pipeline = Pipeline(parameters)
    events: list[Event] = []
    for number in range(leads):
        rng = Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
        acting = Random(f"{seed}/{number}/policy")  # noqa: S311
        entered = start + timedelta(days=number * arrival_days // leads, minutes=number % 1_000)
        prospect = pipeline.named_lead(rng)
        events += _events_of_day(prospect, entered)
        while not prospect.is_over:
            action = NOTHING
            if prospect.may_be_contacted:
                action = policy.propose(Sight(prospect), acting).action
            pipeline.day(prospect, action, rng)
            events += _events_of_day(prospect, entered)
    events.sort(key=lambda event: event["occurred_at"])
    return events


def _events_of_day(prospect: Prospect, entered: datetime) -> Iterator[Event]:
    lead_id = prospect.lead.lead_id
    at = entered + timedelta(days=prospect.day)
    for number, happened in enumerate(prospect.happened):
        name, _, detail = happened.partition(":")
        occurred_at = (at + timedelta(minutes=number)).isoformat()
        yield {
            **_body(name, detail, prospect),
            "lead_id": lead_id,
            "event_id": f"{lead_id}-{prospect.day}-{number}",
            "occurred_at": occurred_at,
        }


def _body(name: str, detail: str, prospect: Prospect) -> Event:
    if name in {"visit", "use"}:
        return {"type": "page_view", "url": "https://example.com/product"}
    if name == _SENT_FORM:
        return {"type": "form_fill", "form_id": f"{detail}-1", "form_kind": detail}
    if name == _CONTACT:
        trigger_id = f"{prospect.lead.lead_id}-{prospect.day}"
        return {"type": "nurture_triggered", "trigger_id": trigger_id, "action": detail}
    if name in {"open", "click", "unsubscribe"}:
        return {"type": f"email_{name}"}
    if name in {"call", "webinar_attended", "demo"}:
        return {"type": "activity", "name": name}
    if name in {"won", "lost"}:
        return {"type": "outcome", "result": name}
    if name == "purchase":
        return {"type": "purchase", "value_minor": 100_000, "currency": "EUR"}
    if name == "satisfaction":
        return {"type": "satisfaction", "score": prospect.survey or 0.0, "scale_max": 1.0}
    return {"type": "stage_change", "stage": STAGES[prospect.stage]}


EMAIL_ACTIONS = frozenset(ACTIONS) - {"nothing", "call"}
"""Actions that reach a lead by mail."""
