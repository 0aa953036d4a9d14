"""The segments that a lead is in: the house's own follow what happens, and time alone."""

from stream.lead import learned_segments
from stream.lead.house import House
from stream.lead.outputs import Output
from stream.lead.segment_changes import BY_RULE, LEARNED, segment_changed
from stream.lead.state import LeadState


def follow(state: LeadState, cause: tuple[str, float], now_s: float, house: House) -> list[Output]:
    """Bring a lead's rule segments up to now; return which it came into, and which it left.

    They go by the score and the tier that were sent last, as their readers know them.

    Parameters
    ----------
    cause
        The id of the event or timer that this answers, and its time.
    now_s
        The log's time.
    """
    rules, former = house.segments, state.rule_segments
    present = rules.members(state, state.score or 0.0, state.tier, now_s)
    state.segments_due_s = rules.next_change_s(state, now_s)
    state.rule_segments = list(present)
    left = [one for one in former if one not in present]
    entered = [one for one in present if one not in former]
    return [
        *(segment_changed(state, BY_RULE, None, one, cause) for one in left),
        *(segment_changed(state, BY_RULE, one, None, cause) for one in entered),
    ]


def leave(state: LeadState, cause: tuple[str, float], house: House) -> list[Output]:
    """Take a lead out of all its segments, and of what they are learned by; return what to tell.

    It may not be profiled any more, is another lead from now on, or is forgotten.
    """
    outputs = [segment_changed(state, BY_RULE, None, one, cause) for one in state.rule_segments]
    if state.segment is not None:
        outputs.append(segment_changed(state, LEARNED, None, state.segment, cause))
    state.rule_segments, state.segments_due_s = [], None
    return outputs + learned_segments.leave(state, cause[1], house)
