"""Which learned segment a lead is in: looked at now and then, since that changes slowly."""

from collections.abc import Mapping

from online_models.protocols import Features
from online_models.segment_inputs import SegmentInputs
from stream.lead.hashing import address_hash
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.milestone_bodies import Body
from stream.lead.milestone_bodies import output as milestone
from stream.lead.outputs import Output, rfc3339
from stream.lead.segment_changes import LEARNED, SegmentsInUse, segment_changed
from stream.lead.state import LeadState

MODEL = "segments"
FEWEST_EVENTS = 8
"""Before so many events of a lead, nobody looks."""
LOOKED_AT = frozenset(first << times for times in range(40) for first in (FEWEST_EVENTS, 12))
"""Events of a lead after which it is looked at. What is learned of each vector instead tells hidden
kinds of leads apart no better, and takes five times as many."""

_INPUTS = SegmentInputs(fewest_events=FEWEST_EVENTS)


def is_due(state: LeadState, segments: SegmentsInUse | None) -> bool:
    """Tell whether a lead is to be looked at; at each event, while it might get its first segment.

    Examples
    --------
    >>> state = LeadState.new("L", 0.0)
    >>> due = [n for n in range(40) if not setattr(state, "events", n) and is_due(state, None)]
    >>> due
    [8, 12, 16, 24, 32]
    """
    if state.events in LOOKED_AT:
        return True
    return segments is not None and state.segment is None and state.events >= FEWEST_EVENTS


def look(
    state: LeadState,
    x: Features,
    cause: tuple[str, float],
    house: House,
    segments: SegmentsInUse | None,
) -> list[Output]:
    """Assign a lead to its segment; return that it changed, and what segments are learned by.

    Parameters
    ----------
    x
        The features that the lead was scored with.
    cause
        The id of the event that this answers, and its time.
    """
    seen = _INPUTS.seen_in(x) if is_named(state.lead_id) else {}
    if not seen:
        return []
    former = segment = state.segment
    outputs: list[Output] = []
    entered_s: float | None = None
    if segments is not None:
        segment = segments.scorer.assign(x, former) or former
        if segment is not None and segment != former:
            state.segment = segment
            entered_s = _entry_s(state)
            name = segments.scorer.names[segment]
            outputs.append(
                segment_changed(state, LEARNED, segment, former, cause, name, segments.version)
            )
    body = _seen(state, seen, former, segment, cause[1], house)
    if entered_s is not None:
        body["entered_at"] = rfc3339(entered_s)
    outputs.append(milestone(body))
    return outputs


def leave(state: LeadState, at_s: float, house: House) -> list[Output]:
    """Take a lead out of its segment, and out of what segments are learned by."""
    former, state.segment = state.segment, None
    if state.events < FEWEST_EVENTS or not is_named(state.lead_id) or not house.logs_milestones:
        return []
    return [milestone(_seen(state, {}, former, None, at_s, house))]


def _entry_s(state: LeadState) -> float | None:
    """Note a lead's first segment; return since when it was known, None of a customer."""
    kept = state.milestones
    if kept is None or kept.first_segment is not None or kept.is_won:
        return None
    kept.first_segment = state.segment
    return kept.entry_s(state.first_at_s)


def _seen(
    state: LeadState,
    seen: Mapping[str, float | str],
    former: str | None,
    segment: str | None,
    at_s: float,
    house: House,
) -> Body:
    return {
        "type": "segment_seen",
        "lead_hash": address_hash(state.lead_id, house.erasure_key),
        "x": seen,
        "previous_segment": former,
        "segment": segment,
        "occurred_at": rfc3339(at_s),
    }
