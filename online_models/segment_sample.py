"""A bounded sample of recent leads, each with its newest row."""

from collections.abc import Iterable, Iterator

from online_models import formats
from online_models.segment_inputs import SegmentRow

_MASK = 2**64 - 1


class RecentLeads:
    """Rows by lead; once full, a new lead takes the place of one by chance.

    So the chance that a lead is still there falls exponentially with how many new ones came since
    (Aggarwal 2006, "On biased reservoir sampling in the presence of stream evolution").

    Parameters
    ----------
    most
        Rows at most.
    seed
        Of the chance.
    """

    def __init__(self, most: int, seed: int) -> None:
        self.rows: list[SegmentRow] = []
        self._leads: list[str | None] = []
        self._slots: dict[str, int] = {}
        self._most = most
        self._seed = seed

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[str | None, SegmentRow]]:
        return zip(self._leads, self.rows, strict=True)

    def add(self, row: SegmentRow, lead: str | None, number: int) -> None:
        """Take in a row, in the place of the lead's former one.

        Parameters
        ----------
        row
            What is known of the lead.
        lead
            Its id; None for one without, whose rows are as those of different leads.
        number
            How many came before: the only state that chance has.
        """
        slot = self._slots.get(lead) if lead is not None else None
        if slot is None and len(self.rows) < self._most:
            slot = len(self.rows)
            self.rows.append(row)
            self._leads.append(None)
        elif slot is None:
            slot = _mixed(_mixed(self._seed) + number) % self._most
            self._slots.pop(self._leads[slot] or "", None)
        self.rows[slot], self._leads[slot] = row, lead
        if lead is not None:
            self._slots[lead] = slot

    def restore(self, stored: Iterable[tuple[str | None, SegmentRow]]) -> None:
        """Take rows from a checkpoint, in their order, into an empty sample.

        Raises
        ------
        ModelFormatError
            If there are more than may be, or a lead is there twice.
        """
        for lead, row in stored:
            if len(self.rows) >= self._most or lead in self._slots:
                raise formats.ModelFormatError(
                    f"checkpoint is broken: rows: more than {self._most} leads, or a lead twice; "
                    "the former one stays in use"
                )
            self.add(row, lead, 0)

    def remove(self, lead: str) -> bool:
        """Take a lead's row out; tell whether there was one."""
        slot = self._slots.pop(lead, None)
        if slot is None:
            return False
        last_row, last_lead = self.rows.pop(), self._leads.pop()
        if slot < len(self.rows):
            self.rows[slot], self._leads[slot] = last_row, last_lead
            if last_lead is not None:
                self._slots[last_lead] = slot
        return True


def _mixed(number: int) -> int:
    """Return 64 bits that look like chance (splitmix64, Steele, Lea and Flood 2014)."""
    z = (number + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
