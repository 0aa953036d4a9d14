"""Crawlers on the website: pages that nobody read, under visitor ids of their own."""

from collections.abc import Iterator
from random import Random

from schemas.topics import DAY_S, PAGE_VIEWS
from stream.simulator.personas import draw_anonymous_id
from stream.simulator.site import SITE, Step

CRAWLS_PER_VISITOR = 0.02
_USER_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/125.0 Safari/537.36",
)
_PATHS = ("/", "/pricing", "/product", "/case-studies/bank", "/docs/quickstart", "/about")


def crawls(rng: Random, start_s: float, visitors_per_day: float) -> Iterator[Step]:
    """Yield the page views of crawlers, without end, in order of time."""
    at_s = start_s
    while True:
        at_s += rng.expovariate(CRAWLS_PER_VISITOR * visitors_per_day) * DAY_S
        visitor, user_agent = draw_anonymous_id(rng), rng.choice(_USER_AGENTS)
        for path in rng.sample(_PATHS, rng.randint(1, 5)):
            body = {
                "type": "page_view",
                "anonymous_id": visitor,
                "url": SITE + path,
                "context": {"user_agent": user_agent},
            }
            yield Step(at_s, PAGE_VIEWS.name, body, is_machine=True)
            at_s += rng.uniform(0.2, 2)
