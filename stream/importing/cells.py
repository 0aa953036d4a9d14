"""What a cell of a CSV file says: a time, an amount, a number, yes or no, an email address."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from stream.collector.money import minor_units
from stream.importing.maps import ISO
from stream.lead.outputs import rfc3339

_YES = frozenset({"true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})
_EMAIL = re.compile(r"[^\s@<>\"'(),:;]{1,64}@[^\s@<>\"'(),:;]{1,253}\.[^\s@<>\"'(),:;.]{1,63}")
_CURRENCY = re.compile(r"^(?:[A-Z]{3}|[A-Z]{0,3}[$€£¥])|(?:[A-Z]{3}|[$€£¥])$")
_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)[\s'\u2019](?=\d{3})")
_LONGEST_SHOWN = 80


class CellError(ValueError):
    """A cell cannot be read as what it should be; the message says what to do."""


def shown(value: str) -> str:
    """Return a cell's value as errors show it."""
    return repr(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…")


def time_of(text: str, formats: Sequence[str], timezone: ZoneInfo) -> str:
    """Return a cell's time as RFC 3339 in UTC.

    Raises
    ------
    CellError
        If it is written in none of the formats.

    Examples
    --------
    >>> time_of("2026-03-09 16:00", ["iso"], ZoneInfo("Europe/Berlin"))
    '2026-03-09T15:00:00.000000Z'
    >>> time_of("9.3.2026", ["iso", "%d.%m.%Y"], ZoneInfo("UTC"))
    '2026-03-09T00:00:00.000000Z'
    """
    for form in formats:
        try:
            at = datetime.fromisoformat(text) if form == ISO else datetime.strptime(text, form)
            at = at if at.tzinfo is not None else at.replace(tzinfo=timezone)
            return rfc3339(at.astimezone(UTC).timestamp())
        except (ValueError, OverflowError):
            continue
    raise CellError(
        f"no time as the map's dates have it ({', '.join(formats)}); mend it, or add its format "
        "to dates"
    )


def amount_of(text: str, currency: str, decimal: str) -> int:
    """Return a cell's amount in minor units of its currency.

    Raises
    ------
    CellError
        If it is none with this decimal separator.

    Examples
    --------
    >>> amount_of("$12,500.00", "USD", "."), amount_of("1.250,5 €", "EUR", ",")
    (1250000, 125050)
    """
    plain = _CURRENCY.sub("", text.strip()).strip()
    plain = _BETWEEN_THOUSANDS.sub("", plain)
    thousands = re.escape("," if decimal == "." else ".")
    point = re.escape(decimal)
    if not re.fullmatch(rf"[+-]?(\d+|\d{{1,3}}({thousands}\d{{3}})+)({point}\d+)?", plain):
        raise CellError(
            f"no amount with {decimal!r} before its decimals; mend it, or set decimal in the map"
        )
    minor = minor_units(re.sub(thousands, "", plain).replace(decimal, "."), currency)
    if minor is None:
        raise CellError("no amount that can be counted; mend it")
    return minor


def number_of(text: str, decimal: str) -> int | float:
    """Return a cell's number, whole where it is.

    Raises
    ------
    CellError
        If it is none.

    Examples
    --------
    >>> number_of("80", "."), number_of("1,5", ",")
    (80, 1.5)
    """
    try:
        if re.fullmatch(r"[+-]?\d{1,18}", text):
            return int(text)
        if re.fullmatch(rf"[+-]?\d{{1,18}}{re.escape(decimal)}\d{{1,18}}", text):
            return float(text.replace(decimal, "."))
    except ValueError:
        pass
    raise CellError("no number, like 80 or 1.5; mend it, or map the field as text")


def truth_of(text: str) -> bool:
    """Return what a cell says of yes and no.

    Raises
    ------
    CellError
        If it says neither.
    """
    said = text.casefold()
    if said in _YES or said in _NO:
        return said in _YES
    raise CellError("neither true nor false; mend it, or map it with values")


def email_in(text: str) -> str | None:
    """Return the first email address in a cell, in lower case.

    >>> email_in("Jane Roe (Jane@example.com);Joe Doe (joe@example.com)")
    'jane@example.com'
    """
    found = _EMAIL.search(text)
    return found[0].lower() if found else None


def value_of(text: str, kind: str, currency: Any, decimal: str) -> Any:
    """Return a cell's value as one of the kinds, except a time.

    Raises
    ------
    CellError
        If it is none.
    """
    match kind:
        case "number":
            return number_of(text, decimal)
        case "money":
            if not isinstance(currency, str):
                raise CellError("an amount of no currency; fill the currency's column")
            return amount_of(text, currency, decimal)
        case "boolean":
            return truth_of(text)
    return text
