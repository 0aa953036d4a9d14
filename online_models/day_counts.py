"""Counts by day and name over a bounded number of days: any span of them is summed exactly.

A day holds, for each name, one integer a field. What is too old to be kept is passed over, whether
it comes late or grows old, so the order in which facts come does not matter.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.purchase_history import LARGEST_DAY, check_whole

OTHER = "other"
"""Stands for all names beyond the most that are told apart."""
LONGEST_NAME = 256
LARGEST_AMOUNT = 10**15
_LARGEST_SUM = 10**18

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Sums = list[Annotated[int, Field(ge=-_LARGEST_SUM, le=_LARGEST_SUM)]]
Digits = Annotated[str, Field(pattern=r"^(0|[1-9]\d{0,8})$")]


@with_config(formats.STRICT)
class DayCountsState(TypedDict):
    """The whole state; days name what they count by its place among ``names``."""

    newest: Annotated[int, Field(ge=-1, le=LARGEST_DAY)]
    names: list[Name]
    days: dict[Digits, dict[Digits, Sums]]


_STATE: TypeAdapter[Any] = TypeAdapter(DayCountsState)


class DayCounts:
    """Integer counts of some fields by name, kept for the last days.

    Parameters
    ----------
    fields
        How many integers there are of each name.
    days
        How many days are kept, up to the newest one seen.
    max_names
        How many names are told apart; further ones count as ``other``. A name that no kept day
        has makes room.

    Notes
    -----
    A name's sums take about 150 bytes a day and field, so that the memory is bounded by
    ``days * (max_names + 1)`` of them. As long as no name is counted as ``other``, the state does
    not depend on the order of facts; the sums over all names never do.

    Examples
    --------
    >>> leads = DayCounts(fields=1, days=400)
    >>> for day, source in ((20_000, "search"), (20_001, "email"), (20_002, "search")):
    ...     leads.add(day, source, [1])
    >>> leads.sums(20_000, 20_002)
    {'email': [1], 'search': [2]}
    >>> leads.total(20_001, 20_002)
    [2]
    """

    def __init__(self, fields: int, days: int, max_names: int = 32) -> None:
        check_whole("fields", fields, 1, 100)
        check_whole("days", days, 1, 10_000)
        check_whole("max_names", max_names, 1, 10_000)
        self.newest = -1
        self._fields, self._kept, self._max_names = fields, days, max_names
        self._days: dict[int, dict[str, list[int]]] = {}
        self._last: dict[str, int] = {}

    def add(self, day: int, name: str, amounts: Sequence[int]) -> None:
        """Add to a name's counts on a day; one that is too old to be kept is passed over.

        Parameters
        ----------
        day
            Counted from any epoch, 0 or more.
        name
            Of 1 to 256 characters.
        amounts
            One for each field, up to a thousand million million to either side.

        Raises
        ------
        ValueError
            If one of them is out of its range, or the sum becomes too large to be kept exactly;
            nothing is changed.
        """
        check_whole("day", day, 0, LARGEST_DAY)
        if not 1 <= len(name) <= LONGEST_NAME:
            raise ValueError(f"name is {name!r:.60}: it must have 1 to {LONGEST_NAME} characters")
        if len(amounts) != self._fields:
            raise ValueError(f"amounts are {len(amounts)}: give {self._fields}, one for each field")
        for amount in amounts:
            check_whole("amount", amount, -LARGEST_AMOUNT, LARGEST_AMOUNT)
        if day <= self.newest - self._kept:
            return
        if day > self.newest:
            self._advance(day)
        told = self._told_as(name)
        former = self._days.get(day, {}).get(told) or [0] * self._fields
        sums = [one + another for one, another in zip(former, amounts, strict=True)]
        if max(map(abs, sums)) > _LARGEST_SUM:
            raise ValueError(f"amounts of {told!r:.60} on day {day} exceed {_LARGEST_SUM:g} in all")
        self._days.setdefault(day, {})[told] = sums
        self._last[told] = max(day, self._last.get(told, 0))

    def sums(self, first: int, last: int) -> dict[str, list[int]]:
        """Return each name's sums over the days from the first to the last one, by name.

        Returns
        -------
        sums
            Integers of shape (fields,) by name, names in order; those without facts left out.
        """
        found: dict[str, list[int]] = {}
        for day in range(max(first, self.newest - self._kept + 1), min(last, self.newest) + 1):
            for name, counts in self._days.get(day, {}).items():
                former = found.get(name, [0] * self._fields)
                found[name] = [one + more for one, more in zip(former, counts, strict=True)]
        return dict(sorted(found.items()))

    def total(self, first: int, last: int) -> list[int]:
        """Return the sums over all names, of shape (fields,)."""
        found = self.sums(first, last).values()
        return [sum(sums[field] for sums in found) for field in range(self._fields)]

    def __len__(self) -> int:
        return sum(map(len, self._days.values()))

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        names = sorted(self._last)
        place = {name: str(number) for number, name in enumerate(names)}
        return {
            "newest": self.newest,
            "names": names,
            "days": {
                str(day): {place[name]: list(sums) for name, sums in sorted(of.items())}
                for day, of in sorted(self._days.items())
            },
        }

    @classmethod
    def restore(
        cls, checkpoint: Mapping[str, Any], fields: int, days: int, max_names: int = 32
    ) -> Self:
        """Rebuild it with the parameters that it had.

        Raises
        ------
        ModelFormatError
            If the checkpoint is broken or larger than the parameters allow.
        """
        state: DayCountsState = formats.validated(_STATE, checkpoint, "day counts")
        counts = cls(fields, days, max_names)
        counts.newest, names = state["newest"], state["names"]
        for at, of in state["days"].items():
            day = int(at)
            if not counts.newest - days < day <= counts.newest:
                raise _broken(f"days.{at}", f"not one of the {days} to {counts.newest}")
            for number, sums in of.items():
                if int(number) >= len(names) or len(sums) != fields:
                    raise _broken(f"days.{at}.{number}", f"no {fields} sums of a name")
                name = names[int(number)]
                counts._days.setdefault(day, {})[name] = list(sums)
                counts._last[name] = max(day, counts._last.get(name, 0))
        if len(set(names)) < len(names) or {*names} != {*counts._last}:
            raise _broken("names", "not those that days count, each once")
        if len({*names} - {OTHER}) > max_names:
            raise _broken("names", f"more than {max_names}")
        return counts

    def _told_as(self, name: str) -> str:
        if name in self._last or len(self._last) - (OTHER in self._last) < self._max_names:
            return name
        return OTHER

    def _advance(self, day: int) -> None:
        """Move to a newer day, and forget what is too old then."""
        self.newest = day
        oldest = day - self._kept + 1
        self._days = {one: of for one, of in self._days.items() if one >= oldest}
        self._last = {name: last for name, last in self._last.items() if last >= oldest}


def _broken(field: str, what: str) -> formats.ModelFormatError:
    return formats.ModelFormatError(
        f"day counts are broken: {field:.128}: {what}; the former ones stay in use"
    )
