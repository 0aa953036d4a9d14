"""A bounded sample of recent leads, each with its newest row."""

from collections.abc import Iterable, Iterator

from online_models import formats
from online_models.segment_inputs import SegmentRow

MOST_CHARACTERS = 1_500_000
"""Of all words in a sample: four times what 2,000 leads with ordinary words have."""
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
        self._leads: list[str] = []
        self._slots: dict[str, int] = {}
        self._most = most
        self._seed = seed
        self._characters = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[str, SegmentRow]]:
        return zip(self._leads, self.rows, strict=True)

    def add(self, row: SegmentRow, lead: str, number: int) -> None:
        """Take in a row, in the place of the lead's former one.

        Where words grow too long altogether, leads make room by chance.

        Parameters
        ----------
        row
            What is known of the lead.
        lead
            Its id.
        number
            How many came before: the only state that chance has.
        """
        chance = _mixed(_mixed(self._seed) + number)
        slot = self._slots.get(lead)
        if slot is None and len(self.rows) < self._most:
            self._append(row, lead)
        else:
            self._replace(chance % self._most if slot is None else slot, row, lead)
        while self._characters > MOST_CHARACTERS:
            chance = _mixed(chance)
            self.remove(self._leads[chance % len(self._leads)])

    def restore(self, stored: Iterable[tuple[str, SegmentRow]]) -> None:
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
            self._append(row, lead)

    def remove(self, lead: str) -> bool:
        """Take a lead's row out; tell whether there was one."""
        slot = self._slots.pop(lead, None)
        if slot is None:
            return False
        self._characters -= _characters(self.rows[slot])
        last_row, last_lead = self.rows.pop(), self._leads.pop()
        if slot < len(self.rows):
            self.rows[slot], self._leads[slot] = last_row, last_lead
            self._slots[last_lead] = slot
        return True

    def _append(self, row: SegmentRow, lead: str) -> None:
        self._slots[lead] = len(self.rows)
        self.rows.append(row)
        self._leads.append(lead)
        self._characters += _characters(row)

    def _replace(self, slot: int, row: SegmentRow, lead: str) -> None:
        self._characters += _characters(row) - _characters(self.rows[slot])
        del self._slots[self._leads[slot]]
        self.rows[slot], self._leads[slot] = row, lead
        self._slots[lead] = slot


def _characters(row: SegmentRow) -> int:
    return sum(map(len, row.words))


def _mixed(number: int) -> int:
    """Return 64 bits that look like chance (splitmix64, Steele, Lea and Flood 2014)."""
    z = (number + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
