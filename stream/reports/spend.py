"""What marketing spent: events of topic ``costs``, each once, spread evenly over its period."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple, Protocol, runtime_checkable

from pydantic import ValidationError

from schemas.base import fault_of
from schemas.costs import Cost
from stream.reports.report import EPOCH

LARGEST_MINOR = 10**15
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)


class Spent(NamedTuple):
    """One cost: the first and the last day of its period, since 1970-01-01, and what it was."""

    first_day: int
    last_day: int
    amount_minor: int
    currency: str
    channel: str | None
    campaign: str | None

    def within(self, first: int, last: int) -> Fraction:
        """Return how much of it falls upon a span of days, in minor units, exactly."""
        days = min(last, self.last_day) - max(first, self.first_day) + 1
        return Fraction(self.amount_minor * max(0, days), self.last_day - self.first_day + 1)


class Spend:
    """All costs that were told.

    A sender may tell one twice: of those with the same ``event_id`` the first counts. What is no
    cost is counted, and why the first one was not is kept.
    """

    def __init__(self) -> None:
        self.duplicates = 0
        self.refused = 0
        self.first_fault: str | None = None
        self._spent: dict[str, Spent] = {}

    def __len__(self) -> int:
        return len(self._spent)

    def __iter__(self) -> Iterator[Spent]:
        return iter(self._spent.values())

    def add(self, value: bytes | None) -> None:
        """Take in a record of the topic."""
        try:
            cost = Cost.model_validate_json(value or b"")
            if abs(cost.amount_minor) > LARGEST_MINOR:
                raise ValueError(f"amount_minor: it must be at most {LARGEST_MINOR}")  # noqa: TRY301
            spent = Spent(
                *days_of(cost.period),
                cost.amount_minor,
                cost.currency,
                cost.channel,
                cost.campaign,
            )
        except ValidationError as error:
            self._refuse(fault_of(error))
        except ValueError as error:
            self._refuse(str(error))
        else:
            self.duplicates += cost.event_id in self._spent
            self._spent.setdefault(cost.event_id, spent)

    def _refuse(self, fault: str) -> None:
        self.refused += 1
        self.first_fault = self.first_fault or fault


@runtime_checkable
class TakesSpend(Protocol):
    """A report that wants to know what was spent, which the learner does not learn."""

    def take_spend(self, spend: Spend) -> None:
        """Take in all costs, before figures are asked for."""
        ...


def days_of(period: str) -> tuple[int, int]:
    """Return the first and the last day of a period, counted from 1970-01-01.

    Parameters
    ----------
    period
        ISO 8601: a day, a month, or an interval of two days, the last one included.

    Raises
    ------
    ValueError
        If it is none of these; it says what to give.

    Examples
    --------
    >>> days_of("2026-03-01"), days_of("2026-02"), days_of("2026-03-01/2026-03-31")
    ((20513, 20513), (20485, 20512), (20513, 20543))
    """
    try:
        first, _, last = period.partition("/")
        if "/" in period:
            found = _day(first), _day(last)
        elif _MONTH.fullmatch(period):
            begins = date.fromisoformat(f"{period}-01")
            ends = (begins + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            found = begins, ends
        else:
            found = _day(period), _day(period)
    except (ValueError, OverflowError):
        found = date.max, date.min
    if found[0] > found[1]:
        raise ValueError(
            f"period: {period!r:.80} is none: give a day (2026-03-01), a month (2026-03) or an "
            "interval with its last day (2026-03-01/2026-03-31)"
        )
    epoch = EPOCH.date()
    return (found[0] - epoch).days, (found[1] - epoch).days


def _day(text: str) -> date:
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)
