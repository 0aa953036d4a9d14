"""Alarm on the inflow: breaks are told, nights are not, and what was told ends."""

import json
from math import inf

import numpy as np
import pytest

from online_models.formats import ModelFormatError, ModelSchemaError
from online_models.inflow_alarm import InflowAlarm, InflowAlert
from online_models.inflow_forecast import Forecast, over_capacity

WEEK = 168 * 60
NOON = 3 * WEEK + 12 * 60


def minutes(begin: int, end: int, seed: int = 1, per_minute: float = 3.0) -> list[int]:
    """Return counts by minute; from midnight to 8 o'clock nobody comes."""
    rng = np.random.default_rng([seed, begin])
    is_day = np.arange(begin, end) % 1440 >= 480
    counts: list[int] = rng.poisson(np.where(is_day, per_minute, 0.0)).tolist()
    return counts


def run(alarm: InflowAlarm, counts: list[int], begin: int) -> list[InflowAlert]:
    alerts = (alarm.learn_one(begin + after, count) for after, count in enumerate(counts))
    return [alert for alert in alerts if alert]


@pytest.fixture(scope="module")
def at_noon() -> str:
    alarm = InflowAlarm()
    assert run(alarm, minutes(0, NOON), 0) == []
    return json.dumps(alarm.checkpoint())


@pytest.fixture
def alarm(at_noon: str) -> InflowAlarm:
    return InflowAlarm.restore(json.loads(at_noon))


def test_a_form_that_broke_is_told_in_the_time_that_was_said(alarm):
    said = alarm.minutes_to_tell()
    first = run(alarm, [0] * 20, NOON)[0]
    assert first.remaining == 0.05
    assert first.minute - NOON <= said + 1 <= 10
    assert NOON - 5 <= first.since <= NOON + 1
    assert first.expected == pytest.approx(3.0 * (first.minute - first.since + 1), rel=0.3)
    assert alarm.stands


def test_a_large_fall_is_told_later(alarm):
    alerts = run(alarm, minutes(NOON, NOON + 180, per_minute=1.0), NOON)
    assert alerts[0].remaining == 0.5
    assert alerts[0].minute - NOON < 60


def test_nights_are_silent_and_nothing_can_be_told_then(alarm):
    midnight = NOON + 12 * 60
    run(alarm, minutes(NOON, midnight), NOON)
    assert run(alarm, [0] * 470, midnight) == []
    assert alarm.minutes_to_tell() == inf or alarm.minutes_to_tell() > 1_000


def test_minutes_left_out_brought_nobody(alarm, at_noon):
    alert = alarm.learn_one(NOON + 30, 0)
    told = InflowAlarm.restore(json.loads(at_noon))
    assert alert == run(told, [0] * 31, NOON)[0]
    assert told.checkpoint() == alarm.checkpoint()


def test_an_alarm_is_told_once_and_ends_when_the_inflow_is_back(alarm):
    assert len(run(alarm, [0] * 600, NOON)) == 2  # one by each test
    assert alarm.stands
    assert run(alarm, minutes(NOON + 600, NOON + 660), NOON + 600) == []
    assert not alarm.stands


def test_an_outage_is_not_learned_as_usual(alarm):
    said = alarm.minutes_to_tell()
    run(alarm, [0] * 1440, NOON)
    run(alarm, minutes(NOON + 1440, NOON + 1441), NOON + 1440)
    assert alarm.minutes_to_tell() == pytest.approx(said, rel=0.2)


def test_relearning_takes_what_is_for_the_usual(alarm):
    run(alarm, [0] * 30, NOON)
    alarm.relearning()
    assert not alarm.stands
    assert run(alarm, [0] * 1440, NOON + 30) == []
    assert alarm.minutes_to_tell() == inf


def test_nothing_is_told_before_two_weeks_were_seen():
    alarm = InflowAlarm()
    begin = 2 * WEEK - 12 * 60
    assert run(alarm, minutes(0, begin) + [0] * 300, 0) == []
    assert alarm.minutes_to_tell() == inf


def test_fewer_false_alarms_take_longer(at_noon):
    def said(wanted: float) -> float:
        return InflowAlarm.restore(json.loads(at_noon), wanted).minutes_to_tell()

    assert said(0.001) > said(0.1) > said(1.0)


def test_the_checkpoint_loses_nothing(alarm, at_noon):
    assert json.dumps(alarm.checkpoint()) == at_noon
    counts = minutes(NOON, NOON + 90)
    run(alarm, counts, NOON)
    again = InflowAlarm.restore(json.loads(json.dumps(alarm.checkpoint())))
    assert run(alarm, [0] * 200, NOON + 90) == run(again, [0] * 200, NOON + 90)
    assert json.dumps(alarm.checkpoint()) == json.dumps(again.checkpoint())
    assert len(at_noon) < 15_000


@pytest.mark.parametrize(
    ("minute", "count", "field"),
    [(NOON - 1, 1, "bucket"), (NOON, -1, "count"), (NOON * 60, 1, "unit"), (-1, 0, "bucket")],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_learned(
    alarm, at_noon, minute, count, field
):
    with pytest.raises(ValueError, match=field):
        alarm.learn_one(minute, count)
    assert json.dumps(alarm.checkpoint()) == at_noon


@pytest.mark.parametrize("wanted", [0.0, -1.0, 1.5, float("nan")])
def test_parameters_out_of_range_are_refused(wanted):
    with pytest.raises(ValueError, match="false_alarms_per_week"):
        InflowAlarm(wanted)


@pytest.mark.parametrize(
    "change",
    [
        {"tests": []},
        {"usual": [1.0, 2.0]},
        {"usual": [1.0, 2.0, float("inf")]},
        {"noise": [-1.0, 1.0]},
        {"hour_minutes": 61},
        {"minute": "now"},
        {"forecast": {}},
    ],
)
def test_broken_checkpoints_are_refused(at_noon, change):
    state = json.loads(at_noon)
    with pytest.raises(ModelFormatError):
        InflowAlarm.restore({**state, **change})
    with pytest.raises(ModelSchemaError):
        InflowAlarm.restore({**state, "library": "another"})


def test_over_capacity_is_what_exceeds_it():
    forecasts = [Forecast(1, 90.0, 70, 110), Forecast(2, 90.1, 70, 110)]
    assert over_capacity(forecasts, 90) == forecasts[1:]
    with pytest.raises(ValueError, match="capacity"):
        over_capacity(forecasts, -1)
