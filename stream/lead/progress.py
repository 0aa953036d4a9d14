"""How far a partition has come: what belongs to it and to no lead."""

from collections.abc import Mapping
from typing import Any

from stream.lead.budgets import Budgets
from stream.lead.conversion_delays import ConversionDelays
from stream.lead.inflow import InflowCounts
from stream.lead.log_clock import LogClock
from stream.lead.outputs import Origin
from stream.lead.routing import MAX_PARTS, PART_HEADER
from stream.lead.state import StateFormatError
from stream.lead.stored_form import Row, decode_document, encode_row
from stream.lead.stored_state import check_meta

META_KEY = b"\x00partition"
"""Key of the changelog record that holds what belongs to the partition and to no lead."""
META_VERSION = 1


class Progress:
    """What a partition knows of its log: its time, its next record, sources, model versions.

    ``sources`` holds how far each input partition was seen, ``versions`` the model versions
    that the log named last, ``delays`` how long conversions took, ``budgets`` what was spent,
    ``inflow`` what has come in this minute.
    """

    def __init__(self, budgets: Budgets | None = None) -> None:
        self.clock = LogClock()
        self.next_offset = 0
        self.sources: dict[str, int] = {}
        self.versions: dict[str, str] = {}
        self.delays = ConversionDelays()
        self.budgets = budgets or Budgets()
        self.inflow = InflowCounts()

    def has_seen(self, origin: Origin, headers: Mapping[str, bytes]) -> bool:
        """Tell a repeat of route's after a crash: its sources come in order, each once."""
        source = f"{origin.topic}/{origin.partition}"
        # One input record can become several of the log, told apart by their part.
        position = origin.offset * MAX_PARTS + int(headers.get(PART_HEADER, b"0"))
        last = self.sources.get(source, -1)
        self.sources[source] = max(last, position)
        return position <= last

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "v": META_VERSION,
            "now_s": self.clock.now_s,
            "next_offset": self.next_offset,
            "sources": dict(self.sources),
            "versions": dict(self.versions),
            "recent_s": list(self.clock.recent_s),
            "conversion_delays": self.delays.to_json(),
            "budgets": self.budgets.row(),
            "inflow": self.inflow.row(),
        }

    def set(self, document: Mapping[str, Any]) -> None:
        """Go to where ``to_json`` was."""
        self.clock = LogClock(document["now_s"], list(document["recent_s"]))
        self.next_offset = document["next_offset"]
        self.sources = dict(document["sources"])
        self.versions = dict(document["versions"])
        self.delays = ConversionDelays(document.get("conversion_delays"))
        of = self.budgets
        row = document.get("budgets", Budgets().row())
        self.budgets = Budgets.from_row(row, of.partition, of.partitions)
        self.inflow = InflowCounts(*document.get("inflow", ()))

    def record(self) -> tuple[bytes, bytes]:
        """Return its changelog record."""
        return META_KEY, encode_row(self.to_json(), None, self.next_offset)

    def restore(self, value: bytes, row: Row) -> None:
        """Go to where a changelog record was, unless that is behind.

        Raises
        ------
        StateFormatError
            If the record is of another schema, or broken.
        """
        document = decode_document(value)
        if document.get("v") != META_VERSION:
            raise StateFormatError(
                f"of schema {document.get('v')!r:.40}, this leadstream reads {META_VERSION}; "
                "run the release that wrote it, or a later one"
            )
        check_meta(row.body)
        if row.offset >= self.next_offset:
            self.set(document)
