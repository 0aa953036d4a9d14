"""What the console shows of leads, triggers and dead letters: the newest of each, bounded."""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from schemas import topics
from stream.console.rows import letter_row, score_row, trigger_row
from stream.lead.hashing import address_hash
from stream.lead.outputs import epoch_s

MAX_LEADS = 20_000
MAX_RECENT = 200
MAX_ERASURES = 20_000
HISTORY = 24
"""Score changes that are kept of a lead."""

Row = dict[str, Any]
Change = tuple[str, Row]
"""What changed (``lead``, ``lead_gone``, ``trigger``, ``dead_letter``), and its row."""


class Board:
    """The newest outputs, as rows for people; what is oldest goes first.

    Parameters
    ----------
    erasure_key
        The secret by which an erasure names its lead.
    max_leads
        How many leads are kept; those whose score changed longest ago are left out.

    Examples
    --------
    >>> board = Board(b"key")
    >>> board.take("lead-scores", b"no JSON") is None
    True
    """

    def __init__(self, erasure_key: bytes, max_leads: int = MAX_LEADS) -> None:
        self._key = erasure_key
        self._max_leads = max_leads
        self._by_hash: dict[str, str] = {}
        self._erased_s: OrderedDict[str, float] = OrderedDict()
        self._leads: OrderedDict[str, Row] = OrderedDict()
        self._history: dict[str, deque[Row]] = {}
        self._triggers: deque[Row] = deque(maxlen=MAX_RECENT)
        self._letters: deque[Row] = deque(maxlen=MAX_RECENT)
        self.score_changes = 0

    def take(self, topic: str, value: bytes | None) -> Change | None:
        """Take in a record of an output topic; return what it changed, None if nothing."""
        try:
            body = orjson.loads(value or b"")
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

    def _score(self, body: Mapping[str, Any]) -> Change | None:
        row, change = score_row(body)
        lead_id = row["lead_id"]
        if self._is_erased(body):
            return None
        self.score_changes += 1
        if lead_id not in self._leads:
            self._by_hash[address_hash(lead_id, self._key)] = lead_id
        self._leads[lead_id] = row
        self._leads.move_to_end(lead_id)
        self._history.setdefault(lead_id, deque(maxlen=HISTORY)).append(change)
        if len(self._leads) > self._max_leads:
            self._forget(next(iter(self._leads)))
        return "lead", row

    def _erasure(self, body: Mapping[str, Any]) -> Change | None:
        # Topics are read side by side: what a lead did before may come after.
        hashed = body["lead_hash"]
        self._erased_s[hashed] = epoch_s(body["erased_at"])
        self._erased_s.move_to_end(hashed)
        if len(self._erased_s) > MAX_ERASURES:
            self._erased_s.popitem(last=False)
        kept = [row for row in self._triggers if address_hash(row["lead_id"], self._key) != hashed]
        self._triggers = deque(kept, maxlen=MAX_RECENT)
        lead_id = self._by_hash.get(hashed)
        if lead_id is None:
            return None
        self._forget(lead_id)
        return "lead_gone", {"lead_id": lead_id}

    def _is_erased(self, body: Mapping[str, Any]) -> bool:
        if not self._erased_s:
            return False
        at_s = self._erased_s.get(address_hash(body["lead_id"], self._key))
        return at_s is not None and epoch_s(body["occurred_at"]) <= at_s

    def _forget(self, lead_id: str) -> None:
        del self._leads[lead_id], self._history[lead_id]
        del self._by_hash[address_hash(lead_id, self._key)]

    def _trigger(self, body: Mapping[str, Any]) -> Change | None:
        if self._is_erased(body):
            return None
        row = trigger_row(body)
        self._triggers.append(row)
        return "trigger", row

    def _letter(self, body: Mapping[str, Any]) -> Change:
        row = letter_row(body)
        self._letters.append(row)
        return "dead_letter", row


_TAKES: Mapping[tuple[str, str], Callable[[Board, Mapping[str, Any]], Change | None]] = {
    (topics.LEAD_SCORES.name, "score_changed"): Board._score,
    (topics.NURTURE_TRIGGERS.name, "nurture_triggered"): Board._trigger,
    (topics.DEAD_LETTERS.name, "dead_letter"): Board._letter,
    (topics.ERASURES.name, "lead_erased"): Board._erasure,
}
