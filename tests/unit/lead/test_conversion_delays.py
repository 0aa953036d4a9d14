"""How long silence must last to be taken for a negative follows how long conversions take."""

from dataclasses import replace

import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from stream.lead.conversion_delays import MOST, ConversionDelays
from stream.lead.house import House


def days(delays, house=None):
    return delays.fake_negative_s(house or House()) / DAY_S


def test_a_young_log_waits_a_quarter_and_an_old_one_as_long_as_nine_conversions_of_ten_take():
    delays = ConversionDelays()
    assert days(delays) == 7.5
    delays.add([DAY_S] * 5)
    assert days(delays) == 7.5
    delays.add([15 * DAY_S] * 5)
    assert 15 <= days(delays) < 15 * 2**0.25
    delays.add([80 * DAY_S] * 5)
    assert days(delays) == 30.0


@pytest.mark.parametrize("delay_s", [0.0, 1.0, 64.0, 1e12])
def test_any_delay_has_a_bin(delay_s):
    delays = ConversionDelays()
    delays.add([delay_s])
    assert 7.5 <= days(delays) <= 30.0


def test_newer_conversions_count_for_more_and_their_number_is_bounded():
    delays = ConversionDelays()
    delays.add([25 * DAY_S] * MOST)
    for _ in range(6):
        delays.add([DAY_S] * MOST)
    assert days(delays) == 7.5
    assert sum(delays.to_json().values()) <= MOST


def test_it_goes_on_the_same_after_a_restart():
    delays = ConversionDelays()
    delays.add([3 * DAY_S, 12 * DAY_S])
    again = ConversionDelays(delays.to_json())
    for one in (delays, again):
        one.add([20 * DAY_S] * 9)
    assert days(again) == days(delays)


def test_a_partition_waits_longer_once_conversions_have_come_late():
    stream = LeadStream(house=replace(HOUSE, fake_negative_s=20 * DAY_S, absence_s=90 * DAY_S))
    for n in range(10):
        stream.send(event("activity", f"a{n}", 0, lead_id=f"W{n}"))
        stream.send(event("outcome", f"o{n}", 4 * DAY_S, lead_id=f"W{n}"))
    stream.send(event("activity", "a", 4 * DAY_S, lead_id="L"))
    stream.tick(9.1 * DAY_S)  # a quarter
    assert [b["y"] for b in stream.bodies(topics.TRAINING_EXAMPLES)] == [True] * 10 + [False]
    for n in range(200):
        stream.send(event("activity", f"b{n}", 10 * DAY_S, lead_id=f"X{n}"))
    for n in range(200):
        stream.send(event("outcome", f"p{n}", 14.9 * DAY_S, lead_id=f"X{n}"))
    stream.send(event("activity", "c", 15 * DAY_S, lead_id="M"))
    stream.restart()
    stream.tick(20.1 * DAY_S)
    assert stream.lead("M").samples[0].is_assumed is False
    stream.tick(21.5 * DAY_S)
    assert stream.lead("M").samples[0].is_assumed is True
