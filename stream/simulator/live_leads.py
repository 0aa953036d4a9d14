"""A lead of the demo whose journey may still change, in as little memory as that takes."""

from dataclasses import dataclass
from math import inf

from schemas.topics import DAY_S
from stream.simulator.journey import Journey
from stream.simulator.personas import Lead
from stream.simulator.sales import win_ratio
from stream.simulator.site import Step
from stream.simulator.truth import LeadTruth
from stream.simulator.world import CUSTOMER, ENGAGED, KNOWN, OPPORTUNITY, QUALIFIED

_STAGES = {"mql": QUALIFIED, "opportunity": OPPORTUNITY, "customer": CUSTOMER}


@dataclass(slots=True)
class LiveLead:
    """A named lead whose journey may change.

    Parameters
    ----------
    lead, truth
        The lead, and the truth that is told about it.
    seed
        Of its reactions.
    stages
        When it enters which stage, in its journey as it was drawn.
    active_s
        When it does something by itself, likewise.
    outcome
        How its journey ends; None where nobody writes it down.
    ends_at_s
        Steps of the drawn journey from then on do not happen.
    unsubscribed_at_s
        From then on it does not react.
    mails_end_at_s
        Mails of the drawn journey after this do not happen either.
    is_settled
        Whether the outcome was moved; that happens once.
    """

    lead: Lead
    truth: LeadTruth
    seed: str
    stages: list[tuple[float, int]]
    active_s: list[float]
    outcome: Step | None
    ends_at_s: float = inf
    unsubscribed_at_s: float = inf
    mails_end_at_s: float = inf
    warmth: float = 0.0
    fatigue: float = 0.0
    changed_at_s: float | None = None
    refused: float = 0.0
    reactions: int = 0
    is_settled: bool = False

    def __post_init__(self) -> None:
        if not self.is_won:
            self.refused = win_ratio(self.lead.intent)

    @property
    def is_won(self) -> bool:
        """Whether its journey ends, or has ended, with a deal."""
        return self.outcome is not None and self.outcome.body["result"] == "won"

    def stage_at(self, at_s: float) -> int:
        """Return the stage that it has reached by a time."""
        return max((stage for since_s, stage in self.stages if since_s <= at_s), default=KNOWN)

    def idle_days(self, at_s: float) -> float:
        """Return the days since it did something by itself, before a time."""
        last_s = max((active_s for active_s in self.active_s if active_s <= at_s), default=-inf)
        return min(365.0, (at_s - last_s) / DAY_S)


def live_lead(journey: Journey, truth: LeadTruth, seed: int) -> LiveLead:
    """Return the lead of a journey that was just drawn."""
    stages: list[tuple[float, int]] = []
    active_s: list[float] = []
    outcome, unsubscribed_at_s = None, inf
    for step in journey.steps:
        kind = step.body["type"]
        if kind == "stage_change":
            stages.append((step.at_s, _STAGES.get(step.body["stage"], KNOWN)))
        elif kind in {"page_view", "form_fill", "email_click"} and not step.is_machine:
            active_s.append(step.at_s)
            if kind == "email_click":
                stages.append((step.at_s, ENGAGED))
        elif kind == "outcome":
            outcome = step
        elif kind == "email_unsubscribe":
            unsubscribed_at_s = step.at_s
    return LiveLead(
        journey.lead,
        truth,
        f"{seed}/{journey.lead.lead_id}",
        stages,
        active_s,
        outcome,
        unsubscribed_at_s=unsubscribed_at_s,
    )
