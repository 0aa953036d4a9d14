"""Sessions on the website: which pages a lead looks at, for how long, and when it returns."""

from math import exp
from random import Random
from typing import Any, NamedTuple

from schemas.topics import PAGE_VIEWS
from stream.simulator.personas import Lead, PageKind

SITE = "https://example.com"
MAX_PAGES = 9
MAX_SESSIONS = 10

_PATHS: dict[PageKind, tuple[str, ...]] = {
    "home": ("/",),
    "blog": ("/blog/what-is-lead-scoring", "/blog/b2b-benchmarks", "/blog/grüße-aus-köln"),
    "product": ("/product", "/product/integrations", "/product/security"),
    "pricing": ("/pricing",),
    "case_study": ("/case-studies/steel", "/case-studies/bank", "/case-studies/saas"),
    "docs": ("/docs/quickstart", "/docs/api", "/docs/sso"),
    "careers": ("/careers", "/careers/engineering", "/careers/sales"),
    "webinars": ("/webinars", "/webinars/pipeline-reviews"),
    "about": ("/about", "/about/imprint"),
}
_MEDIUM = {"search": "cpc", "social": "paid", "display": "banner", "email": "email"}


class Step(NamedTuple):
    """An event before it has an id: when it occurs, on which topic, with which fields.

    ``is_machine`` is true of what a mail scanner or a crawler did.
    """

    at_s: float
    topic: str
    body: dict[str, Any]
    is_machine: bool = False


def landing_context(lead: Lead, channel: str, campaign: str) -> dict[str, Any]:
    """Return the context of a first page: the lead's, and the campaign that paid for it."""
    if channel not in _MEDIUM:
        return lead.context
    source = {"source": channel, "medium": _MEDIUM[channel], "name": campaign}
    return {**lead.context, "campaign": source}


def draw_session(
    rng: Random, lead: Lead, ids: dict[str, str], start_s: float, landing: dict[str, Any]
) -> tuple[list[Step], float]:
    """Draw one session.

    Parameters
    ----------
    rng
        The source of randomness.
    lead
        Who comes.
    ids
        The identifiers that the site knows the visitor by.
    start_s
        Epoch seconds of the first page.
    landing
        The context of the first page.

    Returns
    -------
    tuple
        The page views, and the epoch seconds at which the last page was left.
    """
    random = rng.random
    intent = lead.intent
    pages = lead.persona.pages
    go_on_ratio = 0.46 + 0.24 * intent
    median_log_s = 3.0 + 1.1 * intent
    steps: list[Step] = []
    at_s = start_s
    context = landing
    for _ in range(MAX_PAGES):
        paths = _PATHS[pages.draw(rng)]
        dwell_s = round(min(1_800.0, exp(rng.gauss(median_log_s, 0.8))), 1)
        body = {"type": "page_view", **ids, "url": SITE + paths[int(random() * len(paths))]}
        # Trackers miss the dwell of pages that were closed hard.
        if random() < 0.9:
            body["duration_s"] = dwell_s  # type: ignore[assignment]
        body["context"] = context  # type: ignore[assignment]
        steps.append(Step(at_s, PAGE_VIEWS.name, body))
        at_s += dwell_s
        context = lead.context
        if random() > go_on_ratio:
            break
    return steps, at_s


def draw_return_gap_s(rng: Random, intent: float) -> float | None:
    """Return the seconds until the next session, or None where there is none."""
    if rng.random() > 0.36 + 0.48 * intent:
        return None
    is_soon = rng.random() < 0.1 + 0.6 * intent
    gap_s = rng.expovariate(1 / 36_000) if is_soon else rng.expovariate(1 / 600_000)
    return 3_600 + min(gap_s, 30 * 86_400.0)
