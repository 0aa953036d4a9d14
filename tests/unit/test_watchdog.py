import threading
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from stream import metrics, watchdog
from stream.watchdog import Watchdog


class Parts:
    """A watchdog over parts whose silence the test decides, at a time the test decides."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.silence: dict[str, float] = {}
        self.ended = 0
        self.dog = Watchdog(60.0, self._silence, lambda: self.now_s, self._end)

    def _silence(self) -> Iterable[tuple[str, float]]:
        return self.silence.items()

    def _end(self) -> None:
        self.ended += 1


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_what_gets_on_is_left_alone(parts: Parts) -> None:
    parts.silence = {"lane": 59.0}
    parts.now_s += 59
    parts.dog.look()
    assert parts.dog.silent() == []
    assert parts.ended == 0
    assert metrics.STALLED._value.get() == 0


def test_a_silent_part_is_named_and_ends_the_process_when_it_stays_silent(
    parts: Parts, caplog: Any
) -> None:
    parts.silence = {"lead-events-3": 61.0, "route": 1.0}
    parts.dog.look()
    assert parts.dog.silent() == [("lead-events-3", 61.0)]
    assert metrics.STALLED._value.get() == 1
    assert parts.ended == 0
    parts.silence["lead-events-3"] = 121.0
    parts.dog.look()
    assert parts.ended == 1


def test_what_hangs_while_it_writes_a_log_is_ended_all_the_same(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = threading.Event()
    hanging = SimpleNamespace(error=lambda *_, **__: written.wait(60))
    monkeypatch.setattr(watchdog, "log", hanging)
    monkeypatch.setattr(watchdog, "SAY_S", 0.01)
    parts.now_s += 61.0
    parts.dog.look()
    parts.now_s += 60.0
    parts.dog.look()
    written.set()
    assert parts.ended == 1


def test_a_process_that_was_frozen_ends_before_it_does_anything(parts: Parts) -> None:
    parts.now_s += 5.0
    parts.dog.end_if_frozen(5.4)
    assert parts.ended == 0
    parts.now_s += 0.5
    parts.dog.end_if_frozen(5.4)
    assert parts.ended == 1


def test_an_event_loop_that_does_not_turn_is_noticed_from_outside_of_it(parts: Parts) -> None:
    parts.dog.start()
    parts.now_s += 121
    assert [name for name, _ in parts.dog.silent()] == ["event loop"]
    parts.dog.look()
    assert parts.ended >= 1
    parts.dog.beat()
    assert parts.dog.silent() == []
    parts.dog.stop()
