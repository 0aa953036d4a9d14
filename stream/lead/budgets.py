"""What a partition has spent of the house's budgets, by the log's time.

A partition's decisions depend on its own log alone, so a budget is split: of ``n`` partitions each
may spend ``budget / n``, whole units, the remainder going to the first ones. Their sum is the
budget exactly and is never exceeded. The price: a partition whose leads have used up its share
holds back, even while another's is not used up; a budget of fewer units than there are partitions
leaves some partitions none.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stream.lead.action import Action
from stream.lead.actions import Catalogue
from stream.lead.limits import Budget
from stream.lead.quiet_hours import date_of

EVERYTHING = "*"
"""The name under which all actions together are counted; no action can have it."""

Spent = dict[str, list[int]]
"""Name -> [times today, cost today, cost this month], the costs in minor units."""


@dataclass(slots=True)
class Budgets:
    """What has been spent: a part of the partition's progress, so that a fold repeats it.

    Only what has a budget is counted, so there are no more entries than such actions.

    Parameters
    ----------
    partition, partitions
        Which one this is, from 0, of how many.
    day
        The date, in the house's time zone, that is counted for; empty before the first.
    spent
        What has been spent by then.
    """

    partition: int = 0
    partitions: int = 1
    day: str = ""
    spent: Spent = field(default_factory=dict)

    def left(self, action: Action, now_s: float, catalogue: Catalogue) -> float:
        """Return how many more times the budgets allow an action now; infinite without one.

        Examples
        --------
        >>> from stream.lead.actions import DEFAULT_CATALOGUE, parse_catalogue
        >>> catalogue = parse_catalogue(
        ...     DEFAULT_CATALOGUE.read_text() + "budget.times_per_day = 3"
        ... )
        >>> call, first, second = catalogue.by_name["call"], Budgets(0, 2), Budgets(1, 2)
        >>> first.left(call, 0.0, catalogue), second.left(call, 0.0, catalogue)
        (2, 1)
        >>> first.spend(call, 0.0, catalogue)
        >>> first.left(call, 0.0, catalogue), first.left(call, 86_400.0, catalogue)
        (1, 2)
        """
        limits = list(_limits(action, catalogue))
        if not limits:
            return math.inf
        _, spent = self._as_of(now_s, catalogue)
        return min(
            self._left(spent.get(name, [0, 0, 0]), budget, action.cost_minor)
            for name, budget in limits
        )

    def spend(self, action: Action, now_s: float, catalogue: Catalogue) -> None:
        """Count an action that was decided upon."""
        limits = list(_limits(action, catalogue))
        if not limits:
            return
        self.day, self.spent = self._as_of(now_s, catalogue)
        for name, _ in limits:
            times, in_day, in_month = self.spent.get(name, [0, 0, 0])
            cost = action.cost_minor
            self.spent[name] = [times + 1, in_day + cost, in_month + cost]

    def share(self, limit: int) -> int:
        """Return what this partition may spend of a limit.

        >>> [Budgets(number, 3).share(10) for number in range(3)]
        [4, 3, 3]
        """
        return limit // self.partitions + (self.partition < limit % self.partitions)

    def row(self) -> list[Any]:
        """Return what is stored, as plain JSON."""
        return [self.day, {name: list(sums) for name, sums in self.spent.items()}]

    @classmethod
    def from_row(cls, row: list[Any], partition: int, partitions: int) -> "Budgets":
        """Rebuild them from ``row``."""
        day, spent = row
        return cls(partition, partitions, day, {name: list(sums) for name, sums in spent.items()})

    def _left(self, spent: list[int], budget: Budget, cost: int) -> float:
        times, in_day, in_month = spent
        left = math.inf
        if budget.times_per_day is not None:
            left = self.share(budget.times_per_day) - times
        for limit, sum_minor in (
            (budget.cost_minor_per_day, in_day),
            (budget.cost_minor_per_month, in_month),
        ):
            if limit is not None and cost:
                left = min(left, (self.share(limit) - sum_minor) // cost)
        return max(0, left)

    def _as_of(self, now_s: float, catalogue: Catalogue) -> tuple[str, Spent]:
        """Return the day of the log's time, which never goes back, and what was spent in it."""
        day = date_of(now_s, catalogue.governance.timezone).isoformat()
        if day <= self.day:
            return self.day, self.spent
        if day[:7] != self.day[:7]:
            return day, {}
        return day, {name: [0, 0, sums[2]] for name, sums in self.spent.items() if sums[2]}


def _limits(action: Action, catalogue: Catalogue) -> Iterator[tuple[str, Budget]]:
    if action.budget is not None:
        yield action.name, action.budget
    if catalogue.governance.budget is not None:
        yield EVERYTHING, catalogue.governance.budget
