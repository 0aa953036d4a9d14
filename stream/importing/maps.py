"""The map of an import: which columns of a CSV file become which fields of which events."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from stream.event_files import TOPIC_OF_TYPE
from stream.lead.toml_files import STRICT, TomlFileError, read_toml

ISO = "iso"
"""The date format that is any of ISO 8601."""

DELIMITERS = (",", ";", "\t", "|")
NO_LEAD = frozenset({"cost"})
COMPUTED = frozenset({"type", "event_id", "occurred_at", "lead_id", "anonymous_id"})
"""Fields that an event gets from the map's other parts."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Column = Annotated[str, Field(min_length=1)]
Columns = Annotated[
    tuple[Column, ...], BeforeValidator(_as_list), Field(min_length=1, strict=False)
]
"""A column, or several names of it, of which the first that a file has is read."""


def _is_left_to_fields(name: str) -> str:
    if name in COMPUTED:
        raise ValueError("no field to fill here; type, occurred_at and lead do that")
    return name


FieldName = Annotated[str, AfterValidator(_is_left_to_fields)]


class MapError(TomlFileError):
    """A map cannot be used; the message says line, field and remedy."""


class LeadColumn(BaseModel):
    """Where a row's lead stands: its id, or text with its email address in it."""

    model_config = STRICT

    lead_id: Columns | None = None
    email: Columns | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "LeadColumn":
        if (self.lead_id is None) == (self.email is None):
            raise ValueError("give one of lead_id and email, each as the name of a column")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the column."""
        return self.lead_id or self.email or ()


class MappedField(BaseModel):
    """How a field gets its value.

    Parameters
    ----------
    column
        Where the value is read.
    constant
        The value of every row, instead of a column.
    default
        The value where the cell is empty, or the file has no such column.
    kind
        ``text``, ``number``, ``money`` (in minor units of the event's ``currency``), ``boolean`` or
        ``time``.
    values
        What a cell says -> what the field says; without regard to case.
    others
        What is done with what ``values`` does not know: ``refuse`` the row, ``skip`` this event of
        the row, or ``keep`` it as it stands.
    """

    model_config = STRICT

    column: Columns | None = None
    constant: Any = None
    default: Any = None
    kind: Literal["text", "number", "money", "boolean", "time"] = "text"
    values: Annotated[dict[str, Any], Field(min_length=1)] | None = None
    others: Literal["refuse", "skip", "keep"] = "refuse"

    @model_validator(mode="after")
    def _has_one_source(self) -> "MappedField":
        if (self.column is None) == (self.constant is None):
            raise ValueError("give one of column and constant")
        if self.values is None and self.others != "refuse":
            raise ValueError("others says what to do beside values; add values, or take it out")
        return self


class Condition(BaseModel):
    """Which rows have an event: those whose cell says one of these, without regard to case."""

    model_config = STRICT

    column: Columns
    says: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class MappedEvent(BaseModel):
    """One event that a row becomes.

    Parameters
    ----------
    type
        Of the event, as in the contract.
    occurred_at
        The column that says when it happened.
    only_with
        A column without which a file has no such events, instead of being refused.
    when
        Which rows have it; all, without.
    fields, attributes
        Its fields, and those of its ``attributes``.
    """

    model_config = STRICT

    type: str
    occurred_at: Columns
    only_with: Columns | None = None
    when: Condition | None = None
    fields: dict[FieldName, MappedField] = {}
    attributes: dict[str, MappedField] = {}

    @field_validator("type")
    @classmethod
    def _is_of_the_contract(cls, kind: str) -> str:
        known = sorted(set(TOPIC_OF_TYPE) - NO_LEAD)
        if kind not in known:
            raise ValueError(f"no event of a lead; known are {', '.join(known)}")
        return kind

    @model_validator(mode="after")
    def _counts_money_in_something(self) -> "MappedEvent":
        for name, field in {**self.fields, **self.attributes}.items():
            if field.kind == "money" and "currency" not in self.fields:
                raise ValueError(f"'{name}' is money; add fields.currency, a column or a constant")
        return self

    def mapped(self) -> Iterator[tuple[str, MappedField]]:
        """Yield the path and the making of each field."""
        yield from self.fields.items()
        for name, field in self.attributes.items():
            yield f"attributes.{name}", field


class ImportMap(BaseModel):
    """What a CSV file's columns mean.

    Parameters
    ----------
    lead
        Where the lead of a row stands; the first that has a value counts.
    key
        The column that tells apart rows that are alike otherwise: the deal's id.
    event
        The events of a row.
    delimiter
        Between cells; by default the one that parts the header into what the map knows.
    timezone
        Of times without an offset: an IANA name.
    dates
        How times are written, tried in this order: ``iso``, or as Python's strptime has it. A date
        alone is its first moment.
    decimal
        What stands before the decimals of an amount.
    """

    model_config = STRICT

    lead: Annotated[tuple[LeadColumn, ...], Field(min_length=1, strict=False)]
    key: Columns | None = None
    event: Annotated[tuple[MappedEvent, ...], Field(min_length=1, strict=False)]
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    timezone: str = "UTC"
    dates: Annotated[tuple[str, ...], Field(min_length=1, strict=False)] = (ISO,)
    decimal: Literal[".", ","] = "."

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise ValueError("no time zone; give an IANA name, like Europe/Berlin") from None
        return name

    @field_validator("dates")
    @classmethod
    def _says_a_day(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for text in formats:
            has_day = "%d" in text and any(month in text for month in ("%m", "%b", "%B"))
            if text != ISO and not (has_day and any(year in text for year in ("%Y", "%y"))):
                raise ValueError(f"'{text}' says no day; give iso, or a format like %d.%m.%Y %H:%M")
        return formats

    def known_columns(self) -> Iterator[str]:
        """Yield every name of a column that the map reads."""
        for lead in self.lead:
            yield from lead.columns
        yield from self.key or ()
        for event in self.event:
            yield from event.occurred_at
            yield from event.only_with or ()
            if event.when is not None:
                yield from event.when.column
            for _, field in event.mapped():
                yield from field.column or ()


def parse_map(text: str, file_name: str) -> ImportMap:
    """Read a map.

    Raises
    ------
    MapError
        If it cannot be used, with line, field and remedy.
    """
    return read_toml(text, file_name, ImportMap, MapError, "begin with one of the shipped maps")
