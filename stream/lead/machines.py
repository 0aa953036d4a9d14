"""Opens, clicks and page views that no person made: which are recognised, and by what.

Mail security opens a mail and follows all its links as it arrives, often under a browser's name;
crawlers look at pages. Neither says anything of the lead.

References
----------
M3AAWG (Messaging, Malware and Mobile Anti-Abuse Working Group) calls them non-human
interactions: https://www.m3aawg.org.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stream.lead.hashing import short_hash
from stream.lead.house import House
from stream.lead.machine_agents import agent_of

IN_MAILS = frozenset({"email_open", "email_click"})
JUDGED = IN_MAILS | {"page_view", "form_fill"}
"""What may turn out to be a machine's. An unsubscribe is honoured, whoever sent it."""

KNOWN_AGENT = "known_agent"
PRIVACY_PREFETCH = "privacy_prefetch"
AT_DELIVERY = "at_delivery"
LINK_BURST = "link_burst"

BEFORE_DELIVERY_S = 60.0
"""Gateways look at links before they deliver the mail, by about this much at most."""

Touch = tuple[float, int]
"""When a mail was opened or a link of it followed, and the link; 0 for an open."""


def agent_reason(event: Mapping[str, Any]) -> str | None:
    """Return why the agent of an event is known to be no person; None if it is not known.

    Forms may be passed on by a program in the name of a person. Image proxies open when a person
    does; Apple's Mail Privacy Protection opens every mail, read or not.

    >>> agent_reason({"type": "email_open", "context": {"user_agent": "Mozilla/5.0"}})
    'privacy_prefetch'
    """
    context = event.get("context")
    if not isinstance(context, Mapping):
        return None
    user_agent = context.get("user_agent")
    if not isinstance(user_agent, str):
        return None
    agent = agent_of(user_agent)
    if agent == "person":
        return None
    if agent == "prefetch":
        return PRIVACY_PREFETCH if event["type"] == "email_open" else None
    return None if agent == "program" and event["type"] == "form_fill" else KNOWN_AGENT


def mail_of(event: Mapping[str, Any]) -> int:
    """Return what tells a mail from the lead's others; 0 where the event does not say."""
    name = event.get("message_id") or event.get("campaign_id")
    return short_hash(name) if name else 0


def link_of(event: Mapping[str, Any]) -> int:
    """Return what tells a followed link from others; 0 for an open."""
    return short_hash(event.get("url") or "") if event["type"] == "email_click" else 0


def is_at_delivery(at_s: float, delivered_s: float, house: House) -> bool:
    """Tell whether a mail was touched sooner after its delivery than a person can."""
    return -BEFORE_DELIVERY_S <= at_s - delivered_s <= house.scanner_delivery_s


def burst_of(
    touches: Sequence[Touch], known: Sequence[float] | None, house: House
) -> list[float] | None:
    """Return from when to when a scanner went through a mail's links; None if none did.

    Parameters
    ----------
    touches
        The mail's recent opens and clicks, in any order.
    known
        The span that was found before, which later clicks may extend.
    """
    clicks = sorted(t for t in touches if t[1])
    span = None if known is None else list(known)
    window_s = house.scanner_burst_s
    for i, (first_s, _) in enumerate(clicks):
        within = [t for t in clicks[i:] if t[0] - first_s <= window_s]
        if len({link for _, link in within}) >= house.scanner_links:
            last_s = within[-1][0]
            span = (
                [first_s, last_s] if span is None else [min(span[0], first_s), max(span[1], last_s)]
            )
    if span is None:
        return None
    # It goes on as long as the next link follows as soon.
    for at_s in [at_s for at_s, _ in clicks]:
        if span[1] < at_s <= span[1] + window_s:
            span[1] = at_s
    for at_s in [at_s for at_s, _ in reversed(clicks)]:
        if span[0] - window_s <= at_s < span[0]:
            span[0] = at_s
    return span


def is_in_burst(at_s: float, span: Iterable[float], house: House) -> bool:
    """Tell whether a touch belongs to a span of clicks; the scanner's own open does."""
    from_s, to_s = span
    return from_s - house.scanner_burst_s <= at_s <= to_s + house.scanner_burst_s
