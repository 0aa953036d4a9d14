"""What leads in the pipeline do, as events of the contract: to fit to, and to look at."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from stream.simulator.pipeline import Pipeline
from stream.simulator.prospect import PAGES, Prospect
from stream.simulator.sight import PipelinePolicy, Sight
from stream.simulator.world import ACTIONS, NOTHING, STAGES, WorldParameters

Event = dict[str, Any]

CONTACT = "nurture_triggered"
"""The type of the events that tell what was done; it is no input of leadstream."""
PURPOSES = ("scoring", "nurturing", "email")
"""What a lead that gives its name agrees to: in the pipeline, who wants no contact says so."""

_SITE = "https://example.com"
_SECTIONS = {"home": "", "case_study": "case-studies"}


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
        log = LeadLog(prospect, entered)
        events += log.events()
        while not prospect.is_over:
            action = NOTHING
            if prospect.may_be_contacted:
                action = policy.propose(Sight(prospect), acting).action
            pipeline.day(prospect, action, rng)
            events += log.events()
    events.sort(key=lambda event: event["occurred_at"])
    return events


class LeadLog:
    """Tells what one lead does, day by day, as events of the contract.

    Parameters
    ----------
    prospect
        The lead, on the day on which it got its name.
    entered
        That day's time.
    purposes
        What it agreed to with its name.

    Examples
    --------
    >>> rng = Random(1)
    >>> prospect = Pipeline(WorldParameters()).named_lead(rng)
    >>> log = LeadLog(prospect, datetime(2026, 1, 5, 10, tzinfo=UTC))
    >>> sorted({event["type"] for event in log.events()})
    ['consent', 'form_fill', 'lead_profile', 'page_view', 'stage_change']
    """

    def __init__(
        self, prospect: Prospect, entered: datetime, purposes: Sequence[str] = PURPOSES
    ) -> None:
        self._prospect = prospect
        self._entered = entered
        self._purposes = purposes
        self._pages = [0] * len(PAGES)
        self._value_minor = 0
        self._is_known = False

    @property
    def now(self) -> datetime:
        """When the lead's day begins."""
        return self._entered + timedelta(days=self._prospect.day)

    def events(self) -> list[Event]:
        """Return the events of the day that was lived last, in order of time; once a day."""
        prospect, at = self._prospect, self.now
        lead_id = prospect.lead.lead_id
        return [
            {
                **body,
                "lead_id": lead_id,
                "event_id": f"{lead_id}-{prospect.day}-{number}",
                "occurred_at": (at + timedelta(minutes=number)).isoformat(),
            }
            for number, body in enumerate(self._bodies())
        ]

    def _bodies(self) -> Iterator[Event]:
        for happened in self._prospect.happened:
            name, _, detail = happened.partition(":")
            if name == "visit":
                yield from self._looked_at()
            else:
                yield self._body(name, detail)
            if name == "form" and not self._is_known:
                self._is_known = True
                lead = self._prospect.lead
                profile = {**lead.attributes, "lead_source": lead.channel}
                yield {"type": "lead_profile", "attributes": profile}
                for purpose in self._purposes:
                    yield {"type": "consent", "purpose": purpose, "granted": True}
            elif name == "unsubscribe":
                # The pipeline makes no contact any more, whatever its channel.
                yield {"type": "consent", "purpose": "nurturing", "granted": False}

    def _looked_at(self) -> Iterator[Event]:
        """Yield the pages looked at since they were last told."""
        looked = self._prospect.pages
        sections = [
            page
            for page, now, before in zip(PAGES, looked, self._pages, strict=True)
            for _ in range(now - before)
        ]
        self._pages = list(looked)
        for page in sections:
            yield {"type": "page_view", "url": f"{_SITE}/{_SECTIONS.get(page, page)}"}

    def _body(self, name: str, detail: str) -> Event:
        prospect = self._prospect
        if name == "use":
            return {"type": "page_view", "url": f"{_SITE}/product"}
        if name == "form":
            return {"type": "form_fill", "form_id": f"{detail}-1", "form_kind": detail}
        if name == "contact":
            trigger_id = f"{prospect.lead.lead_id}-{prospect.day}"
            return {"type": CONTACT, "trigger_id": trigger_id, "action": detail}
        if name in {"open", "click", "unsubscribe"}:
            return {"type": f"email_{name}"}
        if name in {"call", "webinar_attended", "demo"}:
            return {"type": "activity", "name": name}
        if name == "won":
            return {"type": "outcome", "result": name, **self._value()}
        if name == "lost":
            return {"type": "outcome", "result": name}
        if name == "purchase":
            return {"type": "purchase", **self._value()}
        if name == "satisfaction":
            return {"type": "satisfaction", "score": prospect.survey or 0.0, "scale_max": 1.0}
        return {"type": "stage_change", "stage": STAGES[prospect.stage]}

    def _value(self) -> Event:
        value_minor = self._prospect.value_minor - self._value_minor
        self._value_minor = self._prospect.value_minor
        return {"value_minor": value_minor, "currency": "EUR"}


EMAIL_ACTIONS = frozenset(ACTIONS) - {"nothing", "call"}
"""Actions that reach a lead by mail."""
