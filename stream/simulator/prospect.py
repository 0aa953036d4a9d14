"""One lead in the sales pipeline: what is hidden in it, and what has been seen of it."""

from dataclasses import dataclass, field
from math import inf, log10
from typing import NamedTuple

from stream.simulator.personas import Lead
from stream.simulator.responses import Traits, bounded_intent
from stream.simulator.world import ACTIONS, CUSTOMER, KNOWN, LOST, VISITOR

NEVER = inf
FITTING_INDUSTRIES = frozenset({"software", "finance", "manufacturing"})
"""Those that the house sells to."""
_USUAL_SIZE = 30

PAGES = ("product", "pricing", "docs", "blog", "case_study", "careers", "webinars", "home", "about")


class Pending(NamedTuple):
    """What an answer brings when its time has come."""

    day: int
    action: int
    warmth: float


@dataclass(slots=True, kw_only=True)
class Hidden:
    """What no one but the world and an oracle knows.

    Parameters
    ----------
    intent
        What the lead came with, 0..1.
    warmth
        What contacts have added to it, or taken.
    fatigue
        How tired of contact it is; see ``WorldParameters.tolerance``.
    refused
        The highest share that buys at which it decided against us; deciding again without more
        reason gives the same answer.
    decisions
        How often it decided, for or against us.
    is_elsewhere
        Whether it has settled with somebody else.
    next_visit_day
        When it comes by itself.
    satisfaction
        Of a customer, 0..1.
    pending
        Effects on their way.
    """

    intent: float
    traits: Traits
    warmth: float = 0.0
    fatigue: float = 0.0
    refused: float = 0.0
    decisions: int = 0
    is_elsewhere: bool = False
    next_visit_day: float = 0.0
    satisfaction: float = 0.5
    pending: list[Pending] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Prospect:
    """A lead from its first page to the end of its time.

    Parameters
    ----------
    lead
        The simulator's lead: persona (hidden), company, channel.
    hidden
        What nobody sees.
    stage, entered_stage_day
        Where it stands (``world.STAGES``), and since when.
    day
        Days since it got a name; below 0 while it has none.
    happened
        What happened on the last day, in order: names of events.
    visits_week, visits_month, answers_month
        Visits, and answers to contacts, decayed with half-lives of 7 and 30 days.
    contacts_week, contacts_month
        Contacts, decayed likewise: all that is known of its fatigue.
    pages
        Pages looked at, by ``PAGES``.
    survey
        The last satisfaction that it told, 0..1; None before.
    active_day, contacted_day, answered_day
        When it last did something by itself, was contacted, answered.
    unanswered
        Contacts since it last answered one.
    unsubscribed
        Whether it wants no contact: none is made any more.
    refusals
        Decisions against us that sales came to know.
    won_day, deals, value_minor, cost_minor
        What it has brought and cost.
    industry_fits, company_size, log_company_size
        What the CRM knows of the company; a usual size where it knows none.
    contacts
        By action, how many there were.
    """

    lead: Lead
    hidden: Hidden
    stage: int = VISITOR
    entered_stage_day: int = 0
    day: int = 0
    happened: list[str] = field(default_factory=list)
    visits: int = 0
    visits_week: float = 0.0
    visits_month: float = 0.0
    pages: list[int] = field(default_factory=lambda: [0] * len(PAGES))
    forms: int = 0
    requests: int = 0
    mails: int = 0
    opens: int = 0
    clicks: int = 0
    answers_month: float = 0.0
    contacts_week: float = 0.0
    contacts_month: float = 0.0
    contacts: list[int] = field(default_factory=lambda: [0] * len(ACTIONS))
    active_day: float = 0.0
    contacted_day: float = -NEVER
    answered_day: float = -NEVER
    unanswered: int = 0
    discount_until: int = -1
    survey: float | None = None
    unsubscribed: bool = False
    refusals: int = 0
    won_day: int | None = None
    deals: int = 0
    value_minor: int = 0
    cost_minor: int = 0
    is_over: bool = False
    industry_fits: float = field(init=False)
    company_size: int = field(init=False)
    log_company_size: float = field(init=False)

    def __post_init__(self) -> None:
        attributes = self.lead.attributes
        self.industry_fits = float(attributes["industry"] in FITTING_INDUSTRIES)
        self.company_size = attributes.get("company_size", _USUAL_SIZE)
        self.log_company_size = log10(self.company_size)

    @property
    def intent(self) -> float:
        """The hidden intent as it is now, with what contacts did to it."""
        return bounded_intent(self.hidden.intent + self.hidden.warmth)

    @property
    def is_retained(self) -> bool:
        """Whether it became a customer and is one still."""
        return self.stage == CUSTOMER

    @property
    def may_be_contacted(self) -> bool:
        """Whether it has a name, is open, and has not said no."""
        return KNOWN <= self.stage < LOST and not self.unsubscribed and not self.is_over

    def enter(self, stage: int, name: str) -> None:
        """Move to a stage and note it."""
        self.stage = stage
        self.entered_stage_day = self.day
        self.happened.append(name)
