"""How groups of leads fare in an evaluation: each lead once, by its first score."""

from collections.abc import Iterator, Mapping
from typing import Any

from online_models.fairness_report import FairnessRow, fairness_report
from stream.lead.features import Features, fact_of
from stream.lead.groups import groups_of
from stream.lead.house import House
from stream.lead.state import LeadState
from stream.scored_rows import ScoredRow


class EvaluatedFairness:
    """Leads with their groups, their first probability, and whether they had been hot.

    The first one, since which score is a lead's last is known in hindsight only.

    Parameters
    ----------
    house
        Says which attributes make groups, and which no model may see.
    """

    def __init__(self, house: House) -> None:
        self.is_asked = bool(house.group_attributes or house.excluded_attributes)
        self._house = house
        self._groups: dict[str, Mapping[str, str]] = {}
        self._first_p: dict[str, float] = {}
        self._was_hot: set[str] = set()
        self._x: dict[str, Features] = {}

    def add(self, row: ScoredRow, state: LeadState | None) -> None:
        """Take in a score that counts, and the state of its lead by then."""
        if state is not None:
            self._groups[row.lead] = groups_of(state, self._house)
        self._first_p.setdefault(row.lead, row.p)
        self._x[row.lead] = row.x
        if row.tier == "hot":
            self._was_hot.add(row.lead)

    def report(self, won: Mapping[str, bool | None]) -> dict[str, Any]:
        """Return what ``online_models.fairness_report`` makes of the leads that are decided."""
        return fairness_report(self._rows(won), fact_of=fact_of)

    def _rows(self, won: Mapping[str, bool | None]) -> Iterator[FairnessRow]:
        for lead, p in self._first_p.items():
            y = won.get(lead)
            if y is not None:
                x, is_selected = self._x[lead], lead in self._was_hot
                yield FairnessRow(self._groups.get(lead, {}), x, y, p, is_selected)
