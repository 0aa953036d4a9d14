"""What leadstream could know of a lead in the pipeline: never intent, openness or fatigue."""

from math import exp

from stream.simulator.prospect import PAGES, Prospect
from stream.simulator.world import CALL, CUSTOMER, DISCOUNT, KNOWN, STAGES

_SEEN_STAGES = STAGES[KNOWN : CUSTOMER + 1]
_SEEN_PAGES = ("product", "pricing", "docs", "blog", "careers")
_PAGE_NUMBERS = tuple(PAGES.index(page) for page in _SEEN_PAGES)
_SOURCES = ("search", "organic", "social")
_SOURCE_ROWS = {name: tuple(float(name == other) for other in _SOURCES) for name in _SOURCES}
_NO_SOURCE = (0.0,) * len(_SOURCES)

OBSERVATION_NAMES: tuple[str, ...] = (
    *(f"stage_{stage}" for stage in _SEEN_STAGES),
    "stage_age",
    "age",
    "visits_week",
    "visits_month",
    "visits",
    "answers_month",
    "contacts_week",
    "contacts_month",
    "contacts",
    "calls",
    "unanswered",
    "opens_ratio",
    "clicks_ratio",
    "forms",
    "requests",
    "since_active",
    "since_contact",
    "since_answer",
    *(f"pages_{page}" for page in _SEEN_PAGES),
    *(f"from_{source}" for source in _SOURCES),
    "industry_fits",
    "company_size",
    "refusals",
    "discounts",
    "discount_open",
    "unsubscribed",
    "survey_known",
    "survey",
    "deals",
    "score",
)
"""Names of the observation's figures, in order; each lies from 0 to 1."""


def score(prospect: Prospect) -> float:
    """Return a score from 0 to 1 as a marketer would set it up: visits, forms, company, readings.

    The weights are those of common sense, fitted to nothing.
    """
    looked = sum(prospect.pages) or 1
    log_odds = (
        -3.0
        + 0.25 * min(6.0, prospect.visits_month)
        + 0.8 * min(2, prospect.requests)
        + 0.3 * min(4, prospect.clicks)
        + 0.5 * prospect.industry_fits
        + 0.4 * prospect.log_company_size
        + 1.5 * (prospect.pages[0] + prospect.pages[2] - 2.0 * prospect.pages[5]) / looked
    )
    return 1.0 / (1.0 + exp(-log_odds))


def observe(prospect: Prospect) -> list[float]:
    """Return the observation, by ``OBSERVATION_NAMES``."""
    day, stage = prospect.day, prospect.stage
    pages = prospect.pages
    looked = sum(pages) or 1
    total = sum(prospect.contacts)
    mails = prospect.mails or 1
    stages = [0.0] * len(_SEEN_STAGES)
    # The last observation of a lost or churned lead has no stage.
    if KNOWN <= stage <= CUSTOMER:
        stages[stage - KNOWN] = 1.0
    source = prospect.lead.channel
    return [
        *stages,
        _squashed(day - prospect.entered_stage_day, 30.0),
        min(1.0, day / 400.0),
        _squashed(prospect.visits_week, 2.0),
        _squashed(prospect.visits_month, 4.0),
        _squashed(prospect.visits, 8.0),
        _squashed(prospect.answers_month, 2.0),
        _squashed(prospect.contacts_week, 3.0),
        _squashed(prospect.contacts_month, 6.0),
        _squashed(total, 12.0),
        _squashed(prospect.contacts[CALL], 3.0),
        _squashed(prospect.unanswered, 3.0),
        prospect.opens / mails,
        prospect.clicks / mails,
        _squashed(prospect.forms, 2.0),
        _squashed(prospect.requests, 1.0),
        _squashed(day - prospect.active_day, 7.0),
        _squashed(day - prospect.contacted_day, 7.0),
        _squashed(day - prospect.answered_day, 14.0),
        *[pages[number] / looked for number in _PAGE_NUMBERS],
        *_SOURCE_ROWS.get(source, _NO_SOURCE),
        prospect.industry_fits,
        min(1.0, prospect.log_company_size / 5.0),
        min(1.0, prospect.refusals / 4.0),
        _squashed(prospect.contacts[DISCOUNT], 2.0),
        float(day <= prospect.discount_until),
        float(prospect.unsubscribed),
        float(prospect.survey is not None),
        0.5 if prospect.survey is None else prospect.survey,
        _squashed(prospect.deals, 3.0),
        score(prospect),
    ]


def features(prospect: Prospect) -> dict[str, float | str]:
    """Return the same as leadstream's features: numbers by name, stage and segment as text."""
    observed: dict[str, float | str] = dict(zip(OBSERVATION_NAMES, observe(prospect), strict=True))
    observed["stage"] = STAGES[prospect.stage]
    observed["segment"] = segment(prospect)
    return observed


def segment(prospect: Prospect) -> str:
    """Return the segment: whether the industry fits, and the size of the company."""
    size = prospect.lead.attributes.get("company_size")
    band = (
        "unknown" if size is None else "small" if size < 50 else "middle" if size < 500 else "large"
    )
    return f"{'fit' if prospect.industry_fits else 'other'}/{band}"


def _squashed(value: float, half: float) -> float:
    # Written so that infinity ("never yet") gives 1.
    return 1.0 - half / (value + half)
