"""Which events moved a lead's score since it was last told, and by how much."""

from typing import Any

from stream.lead.scoring import Scored
from stream.lead.state import LeadState
from stream.lead.words import words_of

MAX_MOVES = 8
EARLIER = "earlier"
"""The kind under which the oldest moves are summed where there are more."""


def note(state: LeadState, event_id: str, kind: str, scored: Scored) -> None:
    """Note how far the log-odds have moved since the lead was last scored.

    The first scoring counts from the baseline. A move includes what the time since the event
    before has changed, and a new model version where there is one.
    """
    before = scored.baseline if state.log_odds is None else state.log_odds
    if scored.log_odds == before:
        return
    state.moved_by.append([event_id, kind, scored.log_odds - before, scored.version])
    state.log_odds = scored.log_odds
    if len(state.moved_by) > MAX_MOVES:
        (_, _, first, _), (event_id, _, second, version), *rest = state.moved_by
        state.moved_by = [[event_id, EARLIER, first + second, version], *rest]


def told(state: LeadState) -> list[dict[str, Any]]:
    """Return what has moved the score since one last went out, and begin anew.

    The changes sum to the difference of the log-odds of the two scores.
    """
    moves = []
    version = state.model_version
    for event_id, kind, change, of in state.moved_by:
        moves.append(
            {
                "event_id": event_id,
                "kind": kind,
                "text": words_of(f"count:{kind}"),
                "change": change,
                "new_model": bool(version) and of != version,
            }
        )
        version = of
    state.moved_by = []
    return moves
