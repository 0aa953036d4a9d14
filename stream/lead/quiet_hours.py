"""What time it is where a lead is."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

ZONES_KEPT = 1_024
"""Zones looked up once: senders decide how many names there are, so not all are kept."""

# "localtime" is another zone on each machine; those of posix/ and right/ count otherwise.
_ZONE_NAME = re.compile(r"(?!posix/|right/)[A-Za-z_]{1,32}(/[A-Za-z0-9_+-]{1,32}){1,2}|UTC")
_EPOCH = datetime(1970, 1, 1)
_FIRST_S = (datetime.min + timedelta(days=2) - _EPOCH).total_seconds()
_LAST_S = (datetime.max - timedelta(days=2) - _EPOCH).total_seconds()


@lru_cache(ZONES_KEPT)
def time_zone(name: str) -> ZoneInfo | None:
    """Return the IANA time zone of a name; None if there is none.

    >>> time_zone("Europe/Berlin"), time_zone("Berlin"), time_zone("../etc/passwd")
    (zoneinfo.ZoneInfo(key='Europe/Berlin'), None, None)
    """
    if _ZONE_NAME.fullmatch(name) is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no file of zones, a directory
        return None


def zone_of(attributes: Mapping[str, Any], default: str) -> str:
    """Return the name of a lead's time zone: what its profile says, else a default.

    >>> zone_of({"timezone": "Asia/Tokyo"}, "UTC"), zone_of({"timezone": "home"}, "UTC")
    ('Asia/Tokyo', 'UTC')
    """
    name = attributes.get("timezone")
    return name if isinstance(name, str) and time_zone(name) is not None else default


def minute_of_day(now_s: float, zone: str) -> int:
    """Return the minute of the local day, by the clock on the wall there: summer time counts.

    >>> minute_of_day(0.0, "UTC"), minute_of_day(0.0, "Asia/Kolkata")
    (0, 330)
    """
    local = _local(now_s, zone)
    return local.hour * 60 + local.minute


def date_of(now_s: float, zone: str) -> date:
    """Return the local date.

    >>> date_of(-1.0, "UTC").isoformat(), date_of(-1.0, "Asia/Tokyo").isoformat()
    ('1969-12-31', '1970-01-01')
    """
    return _local(now_s, zone).date()


@lru_cache(64)
def _local(now_s: float, zone: str) -> datetime:
    # One decision asks for each of its candidates.
    return datetime.fromtimestamp(max(_FIRST_S, min(_LAST_S, now_s)), time_zone(zone) or UTC)
