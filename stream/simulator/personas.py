"""Who comes to the website: personas with a hidden intent, and the company behind a lead."""

from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Any, Literal, TypeVar

PageKind = Literal[
    "home", "blog", "product", "pricing", "case_study", "docs", "careers", "webinars", "about"
]
FormKind = Literal["contact", "download", "webinar", "demo_request", "newsletter"]
T = TypeVar("T")


class Weighted(tuple[tuple[T, ...], tuple[float, ...]]):
    """Values with their weights, ready to draw from."""

    __slots__ = ()

    def __new__(cls, weights: dict[T, float]) -> "Weighted[T]":
        """Accumulate the weights once, since draws are many."""
        return super().__new__(cls, (tuple(weights), tuple(accumulate(weights.values()))))

    def draw(self, rng: Random) -> T:
        """Return one value, by weight."""
        values, cumulative = self
        return values[bisect(cumulative, rng.random() * cumulative[-1])]


@dataclass(frozen=True)
class Persona:
    """A kind of visitor.

    Parameters
    ----------
    name
        What tests and tables call it.
    intent
        Alpha and beta of the Beta distribution that the hidden intent is drawn from.
    form_ratio
        Share of sessions that end with a form, before intent adds to it.
    mail_ratio
        What the persona adds to the share of mails that are opened.
    pages, forms, channels
        Weights of what is looked at, sent in, and come by.
    """

    name: str
    intent: tuple[float, float]
    form_ratio: float
    mail_ratio: float
    pages: Weighted[PageKind]
    forms: Weighted[FormKind]
    channels: Weighted[str]


_BY_SEARCH = Weighted({"search": 4.0, "organic": 4.0, "social": 1.0, "display": 1.0})
_BY_SOCIAL = Weighted({"search": 1.5, "organic": 4.0, "social": 3.0, "display": 1.5})

BUYER = Persona(
    "buyer",
    (7.0, 3.0),
    0.42,
    0.10,
    Weighted(
        {"home": 2, "blog": 1, "product": 5, "pricing": 2.5, "case_study": 2, "docs": 4, "about": 1}
    ),
    Weighted({"demo_request": 3, "contact": 3, "webinar": 2, "download": 3, "newsletter": 1}),
    _BY_SEARCH,
)
EVALUATOR = Persona(
    "evaluator",
    (4.0, 5.0),
    0.48,
    0.10,
    Weighted(
        {"home": 2, "blog": 2, "product": 4, "pricing": 2.5, "case_study": 2, "docs": 3, "about": 1}
    ),
    Weighted({"demo_request": 2, "contact": 2, "webinar": 3, "download": 4, "newsletter": 1}),
    _BY_SEARCH,
)
RESEARCHER = Persona(
    "researcher",
    (2.0, 7.0),
    0.55,
    0.22,
    Weighted({"home": 2, "blog": 6, "product": 2, "pricing": 1, "case_study": 2, "webinars": 1.5}),
    Weighted({"demo_request": 0.5, "contact": 1, "webinar": 4, "download": 4, "newsletter": 3}),
    _BY_SOCIAL,
)
STUDENT = Persona(
    "student",
    (1.0, 14.0),
    0.55,
    0.12,
    Weighted(
        {"home": 2, "blog": 3, "product": 2, "pricing": 4, "case_study": 4, "docs": 2, "careers": 2}
    ),
    Weighted({"demo_request": 1, "contact": 1, "webinar": 4, "download": 6, "newsletter": 1}),
    _BY_SOCIAL,
)
JOB_SEEKER = Persona(
    "job_seeker",
    (1.0, 20.0),
    0.48,
    0.05,
    Weighted({"home": 2, "blog": 1, "product": 1, "pricing": 3, "case_study": 1, "careers": 6}),
    Weighted({"contact": 4, "webinar": 1, "download": 1, "newsletter": 2}),
    _BY_SOCIAL,
)
COMPETITOR = Persona(
    "competitor",
    (1.0, 9.0),
    0.52,
    0.15,
    Weighted({"home": 1, "product": 4, "pricing": 5, "case_study": 3, "docs": 2, "about": 2}),
    Weighted({"demo_request": 3, "contact": 0.5, "webinar": 3, "download": 3, "newsletter": 2}),
    _BY_SEARCH,
)
PERSONAS = Weighted(
    {
        BUYER: 0.22,
        EVALUATOR: 0.22,
        RESEARCHER: 0.24,
        STUDENT: 0.14,
        JOB_SEEKER: 0.10,
        COMPETITOR: 0.08,
    }
)

_FITTING_INDUSTRIES = ("software", "finance", "manufacturing")
_OTHER_INDUSTRIES = ("retail", "healthcare", "logistics", "education", "public", "media")
_HOMES = Weighted(
    {
        ("DE", "de-DE", "Europe/Berlin"): 4,
        ("AT", "de-AT", "Europe/Vienna"): 1,
        ("FR", "fr-FR", "Europe/Paris"): 2,
        ("GB", "en-GB", "Europe/London"): 2,
        ("US", "en-US", "America/New_York"): 3,
        ("IN", "en-IN", "Asia/Kolkata"): 1,
    }
)
_USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
)


@dataclass(slots=True)
class Lead:
    """One simulated lead: what nobody sees (intent, persona), and what senders know of it.

    Parameters
    ----------
    lead_id
        The id that the CRM gives once a form was sent in.
    anonymous_ids
        The visitor ids of the lead's devices, in order of appearance.
    intent
        The hidden intent, 0..1.
    is_scanner
        Whether a scanner opens the company's mails and follows their links.
    """

    lead_id: str
    anonymous_ids: list[str]
    persona: Persona
    intent: float
    is_scanner: bool
    email: str
    channel: str
    attributes: dict[str, Any]
    context: dict[str, Any] = field(default_factory=dict)


def draw_anonymous_id(rng: Random) -> str:
    """Return the id of a device that was not seen before."""
    return f"v-{rng.getrandbits(64):016x}"


def draw_lead(rng: Random) -> Lead:
    """Draw a lead with persona, intent and a company that goes with the intent."""
    persona = PERSONAS.draw(rng)
    intent = rng.betavariate(*persona.intent)
    is_fitting = rng.random() < 0.2 + 0.4 * intent
    industry = rng.choice(_FITTING_INDUSTRIES if is_fitting else _OTHER_INDUSTRIES)
    if persona is STUDENT and rng.random() < 0.5:
        industry = "education"
    company_size = max(1, min(50_000, int(rng.lognormvariate(3.3 + 1.5 * intent, 1.4))))
    country, locale, timezone = _HOMES.draw(rng)
    number = rng.getrandbits(64)
    attributes: dict[str, Any] = {"country": country, "industry": industry}
    # CRMs know the size of most companies, not of all.
    if rng.random() < 0.93:
        attributes["company_size"] = company_size
    return Lead(
        lead_id=f"lead-{number:016x}",
        anonymous_ids=[draw_anonymous_id(rng)],
        persona=persona,
        intent=intent,
        is_scanner=rng.random() < (0.08 if company_size >= 200 else 0.03),
        email=f"p{number % 1_000_003}@company-{number % 99_991}.example",
        channel=persona.channels.draw(rng),
        attributes=attributes,
        context={"locale": locale, "timezone": timezone, "user_agent": rng.choice(_USER_AGENTS)},
    )
