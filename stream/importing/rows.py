"""Rows of a CSV file as events of the contract: each row becomes all of its events, or none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from stream.event_files import TOPIC_OF_TYPE
from stream.importing.cells import CellError, email_in, shown, time_of, value_of
from stream.importing.maps import Columns, ImportMap, MappedEvent, MappedField
from stream.lead.hashing import stable_id
from stream.lead.outputs import epoch_s
from stream.lead.partition import NEVER_TOO_LATE
from stream.lead.routing import Refusal


class HeaderError(ValueError):
    """A file lacks a column that the map reads; the message says which, and what to do."""


class RowError(ValueError):
    """A row becomes no event; the message says column, value and remedy."""


@dataclass(frozen=True)
class RowEvent:
    """An event of a row, as it is sent."""

    topic: str
    event: Mapping[str, Any] = field(repr=False)

    @property
    def value(self) -> bytes:
        """Return the event's bytes."""
        return orjson.dumps(self.event)


class _SkippedError(Exception):
    """A row has no such event."""


class RowMapper:
    """Makes events of the rows of one file.

    Parameters
    ----------
    columns
        The file's header.
    check
        Raises a ``Refusal`` for an event (topic, bytes) that would become a dead letter.
    earliest_s
        Of what happened before this (epoch seconds) workers take only what is never too late; None
        where they take all.

    Raises
    ------
    HeaderError
        If the file lacks a column without which the map cannot do.
    """

    def __init__(
        self,
        import_map: ImportMap,
        columns: Sequence[str],
        check: Callable[[str, bytes], None],
        earliest_s: float | None = None,
    ) -> None:
        self._map = import_map
        self._columns = list(columns)
        # The first of two columns of one name is the one that a reader sees first.
        self._places = {folded(name): i for i, name in reversed(list(enumerate(columns)))}
        self._check = check
        self._earliest_s = earliest_s
        self._timezone = ZoneInfo(import_map.timezone)
        self.events = tuple(e for e in import_map.event if self._has(e.only_with))
        if not self.events:
            wanted = sorted({c for e in import_map.event for c in e.only_with or ()})
            raise HeaderError(self._told("an event", tuple(wanted)))
        self._require()

    def events_of(self, cells: Sequence[str]) -> Iterator[RowEvent]:
        """Yield the events of a row.

        Raises
        ------
        RowError
            If one of them cannot be made, or would become a dead letter.
        """
        if len(cells) != len(self._columns):
            raise RowError(
                f"{len(cells)} cells where the header has {len(self._columns)}; quote cells that "
                "hold the delimiter or a line break"
            )
        found = []
        for mapped in self.events:
            try:
                found.append(self._event_of(mapped, cells))
            except _SkippedError:
                continue
        yield from found

    def _event_of(self, mapped: MappedEvent, cells: Sequence[str]) -> RowEvent:
        if mapped.when is not None:
            said = {value.casefold() for value in mapped.when.says}
            if self._cell(mapped.when.column, cells).casefold() not in said:
                raise _SkippedError
        fields = self._fields(mapped.fields, cells)
        event: dict[str, Any] = {"type": mapped.type, **fields}
        if mapped.attributes:
            event["attributes"] = self._fields(mapped.attributes, cells, fields.get("currency"))
        event["lead_id"] = self._lead(cells)
        event["occurred_at"] = self._time(mapped.occurred_at, cells)
        self._check_time(mapped, event["occurred_at"], cells)
        key = self._cell(self._map.key or (), cells)
        identity = orjson.dumps([key, event], option=orjson.OPT_SORT_KEYS).decode()
        event = {**event, "event_id": stable_id("import", identity)}
        topic = TOPIC_OF_TYPE[mapped.type]
        try:
            self._check(topic, orjson.dumps(event))
        except Refusal as refusal:
            raise RowError(self._refused(mapped, refusal, cells)) from None
        return RowEvent(topic, event)

    def _fields(
        self, mapped: Mapping[str, MappedField], cells: Sequence[str], currency: Any = None
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        # What tells that a row has no such event comes first, then the currency of amounts.
        for name in sorted(mapped, key=lambda n: (mapped[n].others != "skip", n != "currency")):
            value = self._value(mapped[name], cells, found.get("currency", currency))
            if value is not None:
                found[name] = value
        return found

    def _value(self, mapped: MappedField, cells: Sequence[str], currency: Any) -> Any:
        if mapped.column is None:
            return mapped.constant
        text = self._cell(mapped.column, cells)
        if mapped.values is not None:
            said = {key.casefold(): value for key, value in mapped.values.items()}
            if text.casefold() in said:
                return said[text.casefold()]
            if mapped.others == "skip":
                raise _SkippedError
            if text and mapped.others == "refuse":
                raise RowError(
                    f"{self._told_cell(mapped.column, cells)}: not among the map's values "
                    f"({', '.join(mapped.values)}); add it there, or say what becomes of others"
                )
        if not text:
            return mapped.default
        try:
            if mapped.kind == "time":
                return time_of(text, self._map.dates, self._timezone)
            return value_of(text, mapped.kind, currency, self._map.decimal)
        except CellError as error:
            raise RowError(f"{self._told_cell(mapped.column, cells)}: {error}") from None

    def _lead(self, cells: Sequence[str]) -> str:
        for lead in self._map.lead:
            text = self._cell(lead.columns, cells)
            found = email_in(text) if lead.email is not None else text
            if found:
                return found
        told = " and ".join(
            self._told_cell(lead.columns, cells)
            for lead in self._map.lead
            if self._has(lead.columns)
        )
        raise RowError(f"{told}: no lead is named; fill in its email address or id")

    def _time(self, columns: Columns, cells: Sequence[str]) -> str:
        text = self._cell(columns, cells)
        if not text:
            raise RowError(f"{self._told_cell(columns, cells)}: fill in when it happened")
        try:
            return time_of(text, self._map.dates, self._timezone)
        except CellError as error:
            raise RowError(f"{self._told_cell(columns, cells)}: {error}") from None

    def _check_time(self, mapped: MappedEvent, occurred_at: str, cells: Sequence[str]) -> None:
        if (
            self._earliest_s is not None
            and mapped.type not in NEVER_TOO_LATE
            and epoch_s(occurred_at) < self._earliest_s
        ):
            raise RowError(
                f"{self._told_cell(mapped.occurred_at, cells)}: longer ago than workers take "
                "(LEADSTREAM_LATE_GRACE_S); raise that for the workers and here, then import it"
            )

    def _refused(self, mapped: MappedEvent, refusal: Refusal, cells: Sequence[str]) -> str:
        if refusal.reason == "in_the_future":
            return (
                f"{self._told_cell(mapped.occurred_at, cells)}: in the future; give the time when "
                "it happened, or import it after that"
            )
        sources = {name: made.column for name, made in mapped.mapped()}
        sources["lead_id"] = next(
            (lead.columns for lead in self._map.lead if self._cell(lead.columns, cells)), None
        )
        columns = sources.get(refusal.field or "")
        if columns is None or not self._has(columns):
            where = f"field {refusal.field}" if refusal.field else "the row"
            return f"{where} of its {mapped.type}: {refusal.message}"
        return f"{self._told_cell(columns, cells)}: {refusal.message}"

    def _require(self) -> None:
        if not any(self._has(lead.columns) for lead in self._map.lead):
            wanted = tuple(name for lead in self._map.lead for name in lead.columns)
            raise HeaderError(self._told("the lead", wanted))
        if self._map.key is not None and not self._has(self._map.key):
            raise HeaderError(self._told("the key", self._map.key))
        for mapped in self.events:
            wants = [("occurred_at", mapped.occurred_at)]
            if mapped.when is not None:
                wants.append(("when", mapped.when.column))
            wants += [
                (name, made.column)
                for name, made in mapped.mapped()
                if made.column is not None and made.default is None
                and not name.startswith("attributes.")
            ]  # fmt: skip
            for what, columns in wants:
                if not self._has(columns):
                    raise HeaderError(self._told(f"{what} of {mapped.type}", columns))

    def _told_cell(self, columns: Columns, cells: Sequence[str]) -> str:
        return f"column {self._name(columns)!r} = {shown(self._cell(columns, cells))}"

    def _told(self, what: str, columns: Sequence[str]) -> str:
        wanted = " or ".join(repr(name) for name in columns)
        has = ", ".join(self._columns)
        return (
            f"line 1: no column {wanted}, which the map reads for {what}; export it too, or name "
            f"another in the map. The file has: {has:.500}"
        )

    def _has(self, columns: Columns | None) -> bool:
        return columns is None or any(folded(name) in self._places for name in columns)

    def _name(self, columns: Columns) -> str:
        """Return the name that the file has for a column."""
        places = (self._places.get(folded(name)) for name in columns)
        place = next((p for p in places if p is not None), None)
        return columns[0] if place is None else self._columns[place]

    def _cell(self, columns: Columns, cells: Sequence[str]) -> str:
        for name in columns:
            place = self._places.get(folded(name))
            if place is not None:
                return cells[place].strip()
        return ""


def folded(name: str) -> str:
    """Return a column's name as names are compared: without case and outer white space."""
    return name.strip().casefold()
