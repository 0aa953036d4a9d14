"""Models whose labels come within hours: does the lead return, does it open the next mail.

``returns_in_day``: the vector is of the moment when a session has ended, that is when nothing has
been looked at for ``house.session_gap_s``; a session that begins within
``house.returns_horizon_s`` of its last event makes it a positive. One example a session.

``opens_mail``: the vector is of a mail's delivery; a person who opens it or follows a link of it
within ``house.opens_horizon_s`` makes it a positive, once it is settled that it was none's machine.

A lead has one vector open for each at most, so that its state stays small: while one mail is
waited for, others are not asked about. What has happened only marks it; the timer teaches it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stream.lead.examples import Source, example
from stream.lead.house import House
from stream.lead.labels import OPENS, RETURNS
from stream.lead.machines import mail_of
from stream.lead.outputs import Output
from stream.lead.samples import OpenVector, Sample
from stream.lead.state import LeadState
from stream.lead.unsettled import SETTLED_AFTER_S, Step

TOUCHES = frozenset({"email_open", "email_click"})


def session_end_s(state: LeadState, house: House) -> float | None:
    """Return when the lead's session will have ended; None where that has been noted."""
    if RETURNS in house.tasks and state.last_web_s > state.session_noted_s:
        return state.last_web_s + house.session_gap_s
    return None


def note_session(state: LeadState, sample: Sample | None) -> None:
    """Note that the lead's session has ended, with the vector of that moment, if one is kept."""
    state.session_noted_s = state.last_web_s
    if sample is not None and RETURNS not in state.open_vectors:
        state.open_vectors[RETURNS] = OpenVector(sample)


def note_return(state: LeadState, at_s: float, house: House) -> None:
    """Note a new session, for the vector of the one before."""
    vector = state.open_vectors.get(RETURNS)
    if vector is None or vector.positive_s is not None:
        return
    ended_s = vector.sample.at_s - house.session_gap_s
    if ended_s < at_s <= ended_s + house.returns_horizon_s:
        vector.positive_s = at_s


def is_asked(state: LeadState, event: Mapping[str, Any], at_s: float, house: House) -> bool:
    """Tell whether a delivery's vector is to be kept.

    Not where the report of it comes late: what happened since would be in the vector.
    """
    wanted = OPENS in house.tasks and OPENS not in state.open_vectors
    return wanted and at_s >= state.last_at_s and mail_of(event) != 0


def note_delivery(state: LeadState, event: Mapping[str, Any], sample: Sample) -> None:
    """Keep the vector that a mail was delivered at."""
    state.open_vectors[OPENS] = OpenVector(sample, mail_of(event))


def note_touch(
    state: LeadState, event: Mapping[str, Any], at_s: float, now_s: float, house: House
) -> None:
    """Note that somebody opened a mail or followed a link of it, for all that is known yet."""
    vector = state.open_vectors.get(OPENS)
    if vector is None or vector.positive_s is not None or event["type"] not in TOUCHES:
        return
    in_time = 0.0 <= at_s - vector.sample.at_s <= house.opens_horizon_s
    if in_time and mail_of(event) == vector.mail:
        vector.positive_s = max(now_s, at_s) + SETTLED_AFTER_S


def take_back(state: LeadState, taken: Iterable[Step]) -> None:
    """Let what machines did say nothing of the lead."""
    first_s = min(step.at_s for step in taken)
    for task, vector in list(state.open_vectors.items()):
        if vector.sample.at_s >= first_s:
            del state.open_vectors[task]  # the vector may have the scanner's events in it
    mailed = state.open_vectors.get(OPENS)
    if mailed is None or mailed.positive_s is None:
        return
    touches = [] if state.unsettled is None else state.unsettled.touches(mailed.mail)
    by_people = [touch.seen_s for touch in touches if not touch.reason]
    mailed.positive_s = min(by_people) + SETTLED_AFTER_S if by_people else None


def label(state: LeadState, now_s: float, house: House) -> list[Output]:
    """Return the examples whose label is known by now."""
    outputs: list[Output] = []
    for task, vector in list(state.open_vectors.items()):
        due_s = _due_s(task, vector, house)
        if due_s <= now_s:
            del state.open_vectors[task]
            y = vector.positive_s is not None
            source: Source = "outcome" if y else "silence"
            outputs += example(state, task, vector.sample, y, due_s, 1.0, source, house)
    return outputs


def next_due_s(state: LeadState, house: House) -> float:
    """Return when the first open vector's label is known; there is one."""
    return min(_due_s(task, vector, house) for task, vector in state.open_vectors.items())


def merge(state: LeadState, other: LeadState, house: House) -> None:
    """Join the open vectors of two histories; where both have one, the lead's own stands."""
    note_return(state, other.last_web_s, house)
    note_return(other, state.last_web_s, house)
    state.open_vectors = {**other.open_vectors, **state.open_vectors}
    state.session_noted_s = max(state.session_noted_s, other.session_noted_s)


def _due_s(task: str, vector: OpenVector, house: House) -> float:
    if vector.positive_s is not None:
        return vector.positive_s
    if task == RETURNS:
        return vector.sample.at_s - house.session_gap_s + house.returns_horizon_s
    return vector.sample.at_s + house.opens_horizon_s
