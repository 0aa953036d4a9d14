"""Cohorts of leads: how many of those that entered together were won, how soon, and who stayed.

A sales manager reads off it whether newer leads do better than older ones did at the same age,
which sources bring leads that buy, and whether customers stay. Nothing is kept of single leads:
each fact carries the days that it needs, from the state that is kept of the lead elsewhere.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Self

from online_models import formats
from online_models.cohort_cells import CohortCells, check_name, week_of
from online_models.cohort_curves import (
    CYCLE_BOUNDS,
    MONTHS,
    customer_cohort,
    grouped,
    lead_cohort,
)
from online_models.cohort_report import By, CohortReport
from online_models.day_counts import OTHER
from online_models.purchase_history import LARGEST_DAY, check_whole

CHECKPOINT_SCHEMA = 2
LIBRARY = "leadstream cohorts"
MOST_MONTHS = 1_200
_ALL = "all"
_LEAD_FIELDS = 2 + len(CYCLE_BOUNDS)
_TABLES = {"leads": _LEAD_FIELDS, "customers": 1 + MONTHS}


class Cohorts:
    """Cohorts by week of entry and by one more name, as the source, told exactly at any moment.

    Parameters
    ----------
    weeks
        How many weeks of entry, and of deals, are kept; facts of older leads are passed over.
    max_names
        Names that are told apart; further ones count as ``other``.

    Notes
    -----
    Three facts are needed, each once for a lead: that it entered, that it was won for the first
    time, and the first sign of each month after that. They may come late and mixed with those of
    other leads, but a lead's entry and deal must say the same day of entry, and the same name.

    Memory is bounded: 120 weeks of 33 names take 4 MB if each of them is filled in each week, 12 MB
    were all counts large. A fact takes 2 to 3 µs.

    Examples
    --------
    >>> cohorts = Cohorts()
    >>> for lead in range(10):
    ...     cohorts.learn_entry(20_454, "search")
    >>> cohorts.learn_win(20_454, 20_460, "search")
    >>> week, = cohorts.report("week", as_of_day=20_470).leads
    >>> week.leads, [(age.age_weeks, age.ratio) for age in week.by_age], week.cycle_days
    (10, [(1, 0.1)], 6.0)
    """

    def __init__(self, weeks: int = 120, max_names: int = 32) -> None:
        self._kept = (weeks, max_names)
        self._tables = {
            name: CohortCells(fields, weeks, max_names) for name, fields in _TABLES.items()
        }

    def learn_entry(self, entered_day: int, name: str) -> None:
        """Count a new lead.

        Parameters
        ----------
        entered_day
            Since 1970-01-01.
        name
            Of its cohort: the channel that it came by, or its first segment.

        Raises
        ------
        ValueError
            If an argument is out of its range; nothing is counted then. So with all facts.
        """
        self._count("leads", "entered_day", entered_day, name, 0)

    def learn_win(self, entered_day: int, won_day: int, name: str) -> None:
        """Count a lead that was won for the first time.

        Parameters
        ----------
        entered_day, name
            Those that its entry was counted with.
        won_day
            Since 1970-01-01; on the day of entry or later.
        """
        check_whole("entered_day", entered_day, 0, LARGEST_DAY)
        check_whole("won_day", won_day, entered_day, LARGEST_DAY)
        bucket = bisect_left(CYCLE_BOUNDS, won_day - entered_day)
        self._count("leads", "entered_day", entered_day, name, 1 + bucket)
        self._count("customers", "won_day", won_day, name, 0)

    def learn_activity(self, won_day: int, month: int, name: str) -> None:
        """Count the first sign that a customer gave in a month.

        Parameters
        ----------
        won_day, name
            Those that its deal was counted with.
        month
            Counted from 0, each of 365.25 / 12 days since the deal; those after the 24th are passed
            over.
        """
        check_whole("month", month, 0, MOST_MONTHS)
        if month < MONTHS:
            self._count("customers", "won_day", won_day, name, 1 + month)

    def report(self, by: By, as_of_day: int) -> CohortReport:
        """Return the cohorts.

        Parameters
        ----------
        by
            What they are told apart by: the week of entry (of customers: of the deal), or the name.
        as_of_day
            Today, or a few days earlier if facts come so late: all that happened before it is
            taken to be known.

        Raises
        ------
        ValueError
            If an argument is out of its range.
        """
        if by not in {"week", "name"}:
            raise ValueError(f"by is {by!r:.40}: it must be week or name")
        check_whole("as_of_day", as_of_day, 0, LARGEST_DAY)
        leads, customers = (list(self._tables[of]) for of in ("leads", "customers"))
        lead_cohorts = [lead_cohort(*of, as_of_day) for of in grouped(leads, by)]
        customer_cohorts = [customer_cohort(*of, as_of_day) for of in grouped(customers, by)]
        if by != "week":
            lead_cohorts.sort(key=lambda cohort: (-cohort.leads, cohort.name))
            customer_cohorts.sort(key=lambda cohort: (-cohort.customers, cohort.name))
        return CohortReport(
            by,
            as_of_day,
            tuple(lead_cohorts),
            lead_cohort(_ALL, leads, as_of_day),
            tuple(customer_cohorts),
            customer_cohort(_ALL, customers, as_of_day),
            0 if by == "week" else sum(cell.counts[0] for cell in leads if cell.name == OTHER),
        )

    def __len__(self) -> int:
        """Return how many cells are kept."""
        return sum(map(len, self._tables.values()))

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        tables = {name: table.checkpoint() for name, table in self._tables.items()}
        return {"schema": CHECKPOINT_SCHEMA, "library": LIBRARY, "tables": tables}

    @classmethod
    def restore(cls, checkpoint: Mapping[str, Any], **parameters: Any) -> Self:
        """Rebuild it with the parameters that it had; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint does not fit this release, is broken, or larger than the parameters
            allow.
        """
        if not isinstance(checkpoint, Mapping):
            raise formats.ModelFormatError("checkpoint is broken: it must be an object")
        formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        tables = checkpoint.get("tables")
        if not isinstance(tables, Mapping) or set(tables) != set(_TABLES):
            raise formats.ModelFormatError("checkpoint is broken: tables: see who wrote it")
        cohorts = cls(**parameters)
        cohorts._tables = {
            name: CohortCells.restore(tables[name], fields, *cohorts._kept)
            for name, fields in _TABLES.items()
        }
        return cohorts

    def _count(self, of: str, day_name: str, day: int, name: str, field: int) -> None:
        check_whole(day_name, day, 0, LARGEST_DAY)
        check_name("name", name)
        self._tables[of].count(week_of(day), name, field)
