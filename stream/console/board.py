"""What the console shows of leads, triggers and dead letters: the newest of each, bounded."""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from schemas import topics
from stream.console.rows import letter_row, score_row, trigger_row

MAX_LEADS = 20_000
MAX_RECENT = 200
HISTORY = 24
"""Score changes that are kept of a lead."""

Row = dict[str, Any]
Change = tuple[str, Row]
"""What changed (``lead``, ``lead_gone``, ``trigger``, ``dead_letter``), and its row."""


class Board:
    """The newest outputs, as rows for people; what is oldest goes first.

    Parameters
    ----------
    max_leads
        How many leads are kept; those whose score changed longest ago are left out.

    Examples
    --------
    >>> board = Board()
    >>> board.take("lead-scores", b"L1", None)
    ('lead_gone', {'lead_id': 'L1'})
    """

    def __init__(self, max_leads: int = MAX_LEADS) -> None:
        self._max_leads = max_leads
        self._leads: OrderedDict[str, Row] = OrderedDict()
        self._history: dict[str, deque[Row]] = {}
        self._triggers: deque[Row] = deque(maxlen=MAX_RECENT)
        self._letters: deque[Row] = deque(maxlen=MAX_RECENT)
        self.score_changes = 0

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> Change | None:
        """Take in a record of an output topic; return what it changed, None if nothing."""
        if value is None:
            return self._forget(key)
        try:
            body = orjson.loads(value)
            return _TAKES[topic, body["type"]](self, body)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None  # of a newer release, or no output of ours

    def leads(self) -> list[Row]:
        """Return all leads, hottest first."""
        return sorted(self._leads.values(), key=lambda row: (-row["score"], row["lead_id"]))

    def lead(self, lead_id: str) -> Mapping[str, Any]:
        """Return a lead's latest score changes and triggers, oldest first; empty if unknown."""
        return {
            "changes": list(self._history.get(lead_id, ())),
            "triggers": [row for row in self._triggers if row["lead_id"] == lead_id],
        }

    def triggers(self) -> list[Row]:
        """Return the newest triggers, newest first."""
        return list(reversed(self._triggers))

    def letters(self) -> list[Row]:
        """Return the newest dead letters, newest first."""
        return list(reversed(self._letters))

    def _forget(self, key: bytes | None) -> Change | None:
        lead_id = (key or b"").decode("utf-8", "replace")
        self._leads.pop(lead_id, None)
        self._history.pop(lead_id, None)
        kept = [row for row in self._triggers if row["lead_id"] != lead_id]
        self._triggers = deque(kept, maxlen=MAX_RECENT)
        return ("lead_gone", {"lead_id": lead_id}) if lead_id else None

    def _score(self, body: Mapping[str, Any]) -> Change:
        row, change = score_row(body)
        lead_id = row["lead_id"]
        self.score_changes += 1
        self._leads[lead_id] = row
        self._leads.move_to_end(lead_id)
        self._history.setdefault(lead_id, deque(maxlen=HISTORY)).append(change)
        if len(self._leads) > self._max_leads:
            gone, _ = self._leads.popitem(last=False)
            self._history.pop(gone, None)
        return "lead", row

    def _trigger(self, body: Mapping[str, Any]) -> Change:
        row = trigger_row(body)
        self._triggers.append(row)
        return "trigger", row

    def _letter(self, body: Mapping[str, Any]) -> Change:
        row = letter_row(body)
        self._letters.append(row)
        return "dead_letter", row


_TAKES: Mapping[tuple[str, str], Callable[[Board, Mapping[str, Any]], Change]] = {
    (topics.LEAD_SCORES.name, "score_changed"): Board._score,
    (topics.NURTURE_TRIGGERS.name, "nurture_triggered"): Board._trigger,
    (topics.DEAD_LETTERS.name, "dead_letter"): Board._letter,
}
