"""How much is done for an event: counted, not timed, so that a slow machine says the same."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from stream.bench.limit import PlainLoop
from stream.bench.mix import MixedEvent, mixed_events
from stream.settings import Settings

MOST_CALLS_AN_EVENT = 642
"""Python 3.11 takes 639, of which 7 are looks at a lead's segment; later ones take less."""


class Calls:
    """How many functions were called, those written in C included."""

    count = 0


@contextmanager
def counted() -> Iterator[Calls]:
    calls = Calls()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event.endswith("call"):
            calls.count += 1

    former = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(former)


def calls_an_event(loop: PlainLoop, events: list[MixedEvent]) -> float:
    with counted() as calls:
        loop.run(events)
    return calls.count / len(events)


def loop_of(leads: int, history: int) -> PlainLoop:
    loop = PlainLoop(Settings(score_step=0.0, late_grace_s=1e9))
    loop.run(mixed_events(leads * history, leads))
    return loop


def test_an_event_takes_no_more_calls_than_it_did():
    loop = loop_of(leads=500, history=40)  # enough of both that a model has been learned
    assert loop.version is not None
    events = list(mixed_events(1_000, 500, first=20_000))
    assert calls_an_event(loop, events) < MOST_CALLS_AN_EVENT


def test_an_event_takes_no_more_calls_among_more_leads():
    few, many = loop_of(leads=100, history=4), loop_of(leads=2_000, history=4)
    events = list(mixed_events(500, 100, first=8_000))
    assert calls_an_event(many, events) / calls_an_event(few, events) < 1.1


def test_a_long_history_costs_what_a_short_one_does():
    short, long = loop_of(leads=20, history=50), loop_of(leads=20, history=500)
    events = list(mixed_events(500, 20, first=10_000))
    assert calls_an_event(long, events) / calls_an_event(short, events) < 1.1
