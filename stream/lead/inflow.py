"""What comes in, counted by minute of the log's time: page views, forms, deals."""

from collections.abc import Mapping
from typing import Any

from stream.lead.milestone_bodies import output
from stream.lead.outputs import Output, rfc3339

MINUTE_S = 60.0
PAGE_VIEW, WON, REVENUE = "page_view", "won", "revenue"
FORM = "form:"
MAX_FORMS = 32
"""Forms of a minute that are counted apart; the others are ``form:other``."""
MAX_FORM_CHARACTERS = 64
MAX_REVENUE_MINOR = 10**15

COUNTED = frozenset({"form_fill", "outcome", "purchase"})
"""Events that count beside page views."""


class InflowCounts:
    """Counts of the minute that a partition's log is in.

    Parameters
    ----------
    minute, page_views, counts
        As exported: minutes since 1970, and what has come in it so far.
    is_live
        Whether the newest event came when it occurred, and is not replayed.
    """

    __slots__ = ("counts", "ends_s", "is_live", "minute", "page_views")

    def __init__(
        self,
        minute: int = 0,
        page_views: int = 0,
        counts: Mapping[str, int] | None = None,
        is_live: bool = False,
    ) -> None:
        self.is_live = is_live
        self.minute = minute
        self.ends_s = (minute + 1) * MINUTE_S
        self.page_views = page_views
        self.counts: dict[str, int] = dict(counts or {})

    def note(self, event: Mapping[str, Any], currency: str) -> None:
        """Count an event of ``COUNTED``."""
        match event["type"]:
            case "form_fill":
                form = f"{FORM}{event['form_id'][:MAX_FORM_CHARACTERS]}"
                forms = sum(name.startswith(FORM) for name in self.counts)
                is_known = form in self.counts or forms < MAX_FORMS
                self._add(form if is_known else f"{FORM}other")
            case "outcome":
                if event["result"] == "won":
                    self._add(WON)
                    self._earn(event, currency)
            case _:
                self._earn(event, currency)

    def close(self, now_s: float, *, tells_silence: bool) -> list[Output]:
        """Begin the minute that the log has come to; return what the former one had counted.

        Parameters
        ----------
        tells_silence
            Whether to say so where nothing came: one partition does, so that whoever waits for
            something knows that time has passed.
        """
        minute, counts = self.minute, self.counts
        if self.page_views:
            counts = {PAGE_VIEW: self.page_views, **counts}
        self.minute = int(now_s // MINUTE_S)
        self.ends_s = (self.minute + 1) * MINUTE_S
        self.page_views, self.counts = 0, {}
        if not minute or not (counts or tells_silence):
            return []
        body = {
            "type": "inflow_counted",
            "minute": minute,
            "counts": counts,
            "is_live": self.is_live,
            "occurred_at": rfc3339((minute + 1) * MINUTE_S),
        }
        return [output(body)]

    def row(self) -> list[Any]:
        """Return it as plain JSON, of which ``InflowCounts(*row)`` makes it again."""
        return [self.minute, self.page_views, dict(self.counts), self.is_live]

    def _add(self, name: str, amount: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + amount

    def _earn(self, event: Mapping[str, Any], currency: str) -> None:
        value_minor = event.get("value_minor") or 0
        if event.get("currency") == currency and 0 < value_minor <= MAX_REVENUE_MINOR:
            self._add(REVENUE, value_minor)
