"""What a partition holds: read back from its changelog, stored and taken back as one."""

from collections.abc import Iterable
from typing import Any

from stream.lead.budgets import Budgets
from stream.lead.erasure import ERASED_PREFIX, Erasures
from stream.lead.lead_table import LeadTable
from stream.lead.outputs import decode_key, encode_key
from stream.lead.progress import META_KEY, Progress
from stream.lead.records import Batch
from stream.lead.state import SCHEMA_VERSION, StateFormatError
from stream.lead.stored_form import (
    decode_document,
    decode_state,
    encode_state,
    offset_of,
    read_row,
)
from stream.lead.timers import Timers

FAULTS_NAMED = 5


class PartitionStates:
    """The leads of a partition with their timers, its erasures and its progress.

    Parameters
    ----------
    erasure_key
        The secret that erased addresses are hashed with.
    budgets
        The partition's share, nothing spent yet.
    """

    def __init__(self, erasure_key: bytes, budgets: Budgets) -> None:
        self.leads = LeadTable()
        self.timers = Timers()
        self.erased = Erasures(erasure_key)
        self.progress = Progress(budgets)
        self.overwritten: dict[str, bytes] = {}
        """Rows that a former owner wrote an earlier state after: to be written again."""
        self._faults: dict[bytes, str] = {}
        self._before: dict[str, bytes | None] = {}
        self._progress_before: dict[str, Any] | None = None

    def begin(self) -> None:
        """Note how things stand, to go back there."""
        self._before, self._progress_before = {}, self.progress.to_json()
        self.erased.committed()

    def committed(self) -> None:
        """Note that what was changed since it began is committed, and will not be taken back."""
        self._before, self._progress_before = {}, None
        self.erased.committed()

    def rollback(self, batch: Batch) -> None:
        """Take back what a batch changed since it began."""
        if self._progress_before is None:
            return
        self.leads.revert(batch.touched)
        for address, row in self._before.items():
            self.leads.put_row(address, row)
        self.erased.rollback()
        self.progress.set(self._progress_before)
        for address in (*batch.touched, *self._before):
            stored = self.leads.row(address)
            if stored is not None:
                self._note_timer(address, read_row(stored).due_s)
        self.committed()

    def settle(self, batch: Batch) -> list[tuple[bytes, bytes | None]]:
        """Return the changelog records of a batch: each touched lead once, then the partition."""
        self._before = {address: self.leads.row(address) for address in batch.touched}
        records = [(encode_key(a), self.leads.settle(a)) for a in batch.touched]
        self.leads.close_surplus()
        self.leads.pack()
        records += [self.erased.record(hashed) for hashed in batch.erased]
        records.append(self.progress.record())
        return records

    def stored(self) -> Iterable[tuple[bytes, bytes]]:
        """Yield what the changelog holds of this partition as of the last settled batch."""
        for address, row in self.leads.rows():
            yield encode_key(address), row
        yield from self.erased.records().items()
        yield self.progress.record()

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in a record of the changelog; of several of a lead, the furthest one stands.

        What cannot be read is noted; ``check`` refuses it if nothing readable came after it.
        """
        self._faults.pop(key, None)
        if value is None:
            self.leads.put_row(decode_key(key), None)
            return
        try:
            self._restore(key, value)
        except StateFormatError as error:
            self._faults[key] = str(error)

    def check(self) -> None:
        """Refuse a changelog of which something could not be read.

        Raises
        ------
        StateFormatError
            It names the first leads and what is wrong with each.
        """
        if not self._faults:
            return
        named = [
            f"{'the partition itself' if k == META_KEY else 'lead ' + k.decode('utf-8', 'replace')}"
            f": {fault}"
            for k, fault in list(self._faults.items())[:FAULTS_NAMED]
        ]
        raise StateFormatError(
            f"{len(self._faults)} changelog records cannot be read: {'; '.join(named)}"
        )

    def _restore(self, key: bytes, value: bytes) -> None:
        row = read_row(value)
        if key == META_KEY:
            self.progress.restore(value, row)
            return
        if key.startswith(ERASED_PREFIX):
            self.erased.restore(key, decode_document(value))
            return
        if row.version < SCHEMA_VERSION:
            value = encode_state(decode_state(value))
        address = decode_key(key)
        former = self.leads.row(address)
        if former is not None and offset_of(former) > row.offset:
            self.overwritten[address] = former
            return
        self.overwritten.pop(address, None)
        self.leads.put_row(address, value)
        self._note_timer(address, row.due_s)

    def _note_timer(self, address: str, due_s: float | None) -> None:
        if due_s is not None:
            self.timers.note(due_s, address)
