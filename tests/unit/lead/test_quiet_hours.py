from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from stream.lead.limits import QuietHours
from stream.lead.quiet_hours import minute_of_day, time_zone, zone_of


@pytest.mark.parametrize(
    "name",
    [
        "", "localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/Europe/Berlin",
        "Europe", "Europe/", "/etc/passwd", "../../etc/passwd", "Europe/../Europe/Berlin",
        "Europe/Berlin\n", "Europe/Berl\udcffin", "Europe/\x00", "x" * 10_000, "a/" * 5_000,
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_zone_everywhere_is_none(name):
    assert time_zone(name) is None
    assert zone_of({"timezone": name}, "UTC") == "UTC"


@pytest.mark.parametrize("value", [None, 3, 2.5, True])
def test_a_profile_may_say_anything(value):
    assert zone_of({"timezone": value}, "Asia/Tokyo") == "Asia/Tokyo"


def test_zones_of_three_parts_are_known():
    assert zone_of({"timezone": "America/Argentina/Salta"}, "UTC") == "America/Argentina/Salta"


def test_summer_time_counts_by_the_clock_on_the_wall():
    berlin = ZoneInfo("Europe/Berlin")
    quiet = QuietHours.model_validate({"from": "20:00", "until": "08:00"})
    for day in (datetime(2026, 1, 15, tzinfo=berlin), datetime(2026, 7, 15, tzinfo=berlin)):
        assert quiet.hold(day.replace(hour=7, minute=59).timestamp(), "Europe/Berlin")
        assert not quiet.hold(day.replace(hour=8).timestamp(), "Europe/Berlin")
        assert not quiet.hold(day.replace(hour=19, minute=59).timestamp(), "Europe/Berlin")
        assert quiet.hold(day.replace(hour=20).timestamp(), "Europe/Berlin")


def test_hours_within_a_day_do_not_span_its_night():
    lunch = QuietHours.model_validate({"from": "12:00", "until": "13:30"})
    assert [lunch.hold(minute * 60.0, "UTC") for minute in (719, 720, 809, 810)] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("now_s", [-1e30, -1e11, 1e12, 1e30])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "UTC"])
def test_times_beyond_any_calendar_are_no_fault(now_s, zone):
    assert 0 <= minute_of_day(now_s, zone) < 1_440
