"""Counts of cohorts by week and name, over a bounded number of weeks.

What is of one week and name is always found under the same name. What is too old to be kept is
passed over, whether it comes late or grows old, so the order in which facts come does not matter.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.day_counts import LONGEST_NAME, OTHER, Name
from online_models.purchase_history import LARGEST_DAY, check_whole

_WEEK_DAYS = 7
_MONDAY_DAYS = 3
"""The epoch, 1970-01-01, was three days after a Monday."""
_OTHER_PLACE = -1
MOST_WEEKS = 1_000

Week = Annotated[int, Field(ge=-1, le=LARGEST_DAY // _WEEK_DAYS + 1)]
"""-1 before there is one."""
# JSON has no tuples: lists are taken for them.
StoredName = Annotated[tuple[Name, Week, Week], Field(strict=False)]
Row = Annotated[
    tuple[Week, Annotated[int, Field(ge=_OTHER_PLACE)], list[formats.Count]], Field(strict=False)
]


@with_config(formats.STRICT)
class CohortCellsState(TypedDict):
    """The whole state; rows are a week, a name's place among ``names``, and its counts."""

    newest: Week
    is_turned_away: bool
    names: list[StoredName]
    rows: list[Row]


_STATE: TypeAdapter[Any] = TypeAdapter(CohortCellsState)


class Cell(NamedTuple):
    """What was counted of one week and name; ``counts`` are integers of shape (fields,)."""

    week: int
    name: str
    counts: list[int]


def week_of(day: int) -> int:
    """Return the week of a day since 1970-01-01, from Monday to Sunday, by number.

    >>> week_of(3), week_of(4), last_day_of(0), last_day_of(1)
    (0, 1, 3, 10)
    """
    return (day + _MONDAY_DAYS) // _WEEK_DAYS


def last_day_of(week: int) -> int:
    """Return the Sunday of a week."""
    return (week + 1) * _WEEK_DAYS - _MONDAY_DAYS - 1


def check_name(field: str, name: str) -> None:
    """Refuse what is no name.

    Raises
    ------
    ValueError
        It names the field and its bounds.
    """
    if type(name) is not str or not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(
            f"{field} is {name!r:.60}: it must be a text of 1 to {LONGEST_NAME} characters"
        )


class CohortCells:
    """Counts of some fields by week and name.

    Parameters
    ----------
    fields
        How many integers there are of each week and name.
    weeks
        How many weeks are kept, up to the newest one seen.
    max_names
        How many names are told apart; further ones count as ``other``. A name that no kept week
        has makes room; one that was counted as ``other`` before it got room still is in weeks up to
        then. So what becomes of a lead is always counted where the lead was.

    Notes
    -----
    Memory is bounded by ``weeks * (max_names + 1)`` cells of ``8 * fields`` bytes and some 100. As
    long as no name is counted as ``other``, the state does not depend on the order of facts; the
    sums over all names never do.

    Examples
    --------
    >>> cells = CohortCells(fields=2, weeks=52)
    >>> for field in (0, 0, 1):
    ...     cells.count(week=2_900, name="search", field=field)
    >>> [tuple(cell) for cell in cells]
    [(2900, 'search', [2, 1])]
    """

    def __init__(self, fields: int, weeks: int, max_names: int = 32) -> None:
        check_whole("fields", fields, 1, 200)
        check_whole("weeks", weeks, 1, MOST_WEEKS)
        check_whole("max_names", max_names, 1, 1_000)
        self.newest = -1
        self._fields, self._kept, self._max_names = fields, weeks, max_names
        self._is_turned_away = False
        self._weeks: dict[int, dict[str, list[int]]] = {}
        self._names: dict[str, list[int]] = {}  # by name: counted apart after a week, last seen in

    def count(self, week: int, name: str, field: int) -> None:
        """Count one more in a week; one that is too old to be kept is passed over."""
        if week <= self.newest - self._kept:
            return
        if week > self.newest:
            self._advance(week)
        names = self._weeks.setdefault(week, {})
        told = self._told_as(name, week)
        counts = names.get(told)
        if counts is None:
            counts = names[told] = [0] * self._fields
        counts[field] += 1

    def __len__(self) -> int:
        return sum(map(len, self._weeks.values()))

    def __iter__(self) -> Iterator[Cell]:
        """Go through all cells, by week and name."""
        for week, names in sorted(self._weeks.items()):
            for name, counts in sorted(names.items()):
                yield Cell(week, name, counts)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        names = sorted(self._names)
        place = {name: number for number, name in enumerate(names)}
        return {
            "newest": self.newest,
            "is_turned_away": self._is_turned_away,
            "names": [[name, *self._names[name]] for name in names],
            "rows": [[week, place.get(name, _OTHER_PLACE), list(of)] for week, name, of in self],
        }

    @classmethod
    def restore(cls, checkpoint: Any, fields: int, weeks: int, max_names: int = 32) -> Self:
        """Rebuild it with the parameters that it had.

        Raises
        ------
        ModelFormatError
            If the checkpoint is broken or larger than the parameters allow.
        """
        state: CohortCellsState = formats.validated(_STATE, checkpoint, "cohort cells")
        cells = cls(fields, weeks, max_names)
        cells.newest, cells._is_turned_away = state["newest"], state["is_turned_away"]
        oldest = cells.newest - weeks + 1
        cells._names = {name: [since, last] for name, since, last in state["names"]}
        if len(cells._names) < len(state["names"]) or OTHER in cells._names:
            raise _broken("names", f"one of them twice, or {OTHER!r}")
        if len(cells._names) > max_names:
            raise _broken("names", f"more than {max_names}")
        spans = cells._names.values()
        if not all(since <= last and oldest <= last <= cells.newest for since, last in spans):
            raise _broken("names", f"weeks that are none of the {weeks} to {cells.newest}")
        names = [name for name, _, _ in state["names"]]
        for number, (week, place, counts) in enumerate(state["rows"]):
            if place >= len(names) or len(counts) != fields or not any(counts):
                raise _broken(f"rows.{number}", f"no {fields} counts of a name")
            name = OTHER if place == _OTHER_PLACE else names[place]
            since, last = cells._names.get(name, (-1, cells.newest))
            if not max(oldest - 1, since, -1) < week <= last:
                raise _broken(f"rows.{number}", "not of a week that its name is counted in")
            if name in cells._weeks.setdefault(week, {}):
                raise _broken(f"rows.{number}", "twice")
            cells._weeks[week][name] = list(counts)
        return cells

    def _told_as(self, name: str, week: int) -> str:
        known = self._names.get(name)
        if known is None:
            if name == OTHER:
                return OTHER
            if len(self._names) >= self._max_names:
                self._is_turned_away = True
                return OTHER
            # Whether it was turned away is not kept by name, so it may have been.
            since = self.newest if self._is_turned_away else -1
            known = self._names[name] = [since, max(since, week)]
        if week <= known[0]:
            return OTHER
        known[1] = max(known[1], week)
        return name

    def _advance(self, week: int) -> None:
        """Move to a newer week, and forget what is too old then."""
        self.newest = week
        oldest = week - self._kept + 1
        self._weeks = {one: of for one, of in self._weeks.items() if one >= oldest}
        self._names = {name: of for name, of in self._names.items() if of[1] >= oldest}


def _broken(field: str, what: str) -> formats.ModelFormatError:
    return formats.ModelFormatError(
        f"cohort cells are broken: {field:.128}: {what}; the former ones stay in use"
    )
