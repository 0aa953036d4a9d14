"""Agents that are no persons: what crawlers, mail scanners and programs call themselves.

Kept as data, and short: an agent that names itself as a robot does so in a few ways. A list that
came with a library would change under the log, and the same log is to give the same states.
"""

import re
from functools import lru_cache
from typing import Literal

Agent = Literal["person", "prefetch", "program", "robot"]

CACHED_AGENTS = 4_096

APPLE_MAIL_PREFETCH = "Mozilla/5.0"
"""All that Apple's Mail Privacy Protection says of itself, which fetches every mail's images."""

# They fetch a mail's images when, and only when, a person opens it.
_FOR_A_PERSON = re.compile("googleimageproxy|yahoomailproxy|ggpht")

# What robots have in common: a role in their name, or an address to complain to.
_ROBOTS = re.compile(
    "|".join(
        (
            r"(?<!cu)bot(?![a-z])|crawl|spider|slurp|scrap[ey]|archiver|fetch|indexer|search",
            r"\bscan|scanner|checker|monitor|validator|preview|prerender|headless|phantomjs",
            r"puppeteer|playwright|selenium|lighthouse|pingdom|uptime|facebookexternalhit",
            r"https?://|\bwww\.|@[a-z0-9-]+\.[a-z]|check(er|r)?/|whatsapp/|mediapartners|feed",
            r"\(compatible; (?!msie|ms-office|konqueror|safari)[a-z]",
        )
    )
)

# Mail security that looks at what it is about to deliver.
_MAIL_SCANNERS = re.compile(
    "|".join(
        (
            r"barracuda|proofpoint|urldefense|mimecast|safelinks|microsoft-urlanalyzer",
            r"ironport|ciscosecureemail|fireeye|trellix|fortimail|fortiguard|forcepoint|messagelabs",
            r"symantec|mcafee|sophos|trendmicro|trend micro|\btmes\b|sonicwall|zscaler|checkpoint",
            r"bitdefender|kaspersky|spamassassin|vaderetro|hornetsecurity|cloudmark|virustotal",
        )
    )
)

# Libraries: a page that they fetch is read by nobody; a form may be passed on by one.
_PROGRAMS = re.compile(
    "|".join(
        (
            r"^(curl|wget|libwww|lwp|python|java|go-http-client|axios|node-fetch|node|got|undici)\b",
            r"python-requests|python-urllib|python-httpx|aiohttp|apache-httpclient|okhttp|guzzle",
            r"httpclient|http_request|http client|rest-client|postmanruntime|faraday|typhoeus",
        )
    )
)


@lru_cache(maxsize=CACHED_AGENTS)
def agent_of(user_agent: str) -> Agent:
    """Return what an agent says it is.

    Examples
    --------
    >>> agent_of("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    'robot'
    >>> agent_of("Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)")
    'person'
    >>> agent_of("python-requests/2.32"), agent_of("Mozilla/5.0")
    ('program', 'prefetch')
    """
    if user_agent == APPLE_MAIL_PREFETCH:
        return "prefetch"
    name = user_agent.lower()
    if _FOR_A_PERSON.search(name):
        return "person"
    if _ROBOTS.search(name) or _MAIL_SCANNERS.search(name):
        return "robot"
    return "program" if _PROGRAMS.search(name) else "person"
