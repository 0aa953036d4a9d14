"""What every message shares: a frozen base, identifiers, timestamps and money."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

# Also published in the JSON Schemas; \d would take the digits of any script in Python.
_RFC3339_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-5][0-9])$"
)
_RFC3339 = re.compile(_RFC3339_PATTERN)
_MAX_TIMESTAMP_CHARACTERS = 64  # the pattern knows no end of decimals


def parse_timestamp(value: Any) -> datetime:
    """Return an RFC 3339 date and time with its offset; raise ValueError for anything else."""
    if isinstance(value, datetime):
        return value
    if (
        not isinstance(value, str)
        or len(value) > _MAX_TIMESTAMP_CHARACTERS
        or not _RFC3339.fullmatch(value)
    ):
        raise ValueError(
            "give an RFC 3339 date and time with an offset, like 2026-03-01T09:30:00Z "
            "or 2026-03-01T10:30:00+01:00"
        )
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        # Python's own message repeats the value, which is the sender's.
        raise ValueError("there is no such date or time; give one of the calendar") from None


Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(parse_timestamp),
    Field(strict=False),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _RFC3339_PATTERN}),
]
"""An RFC 3339 date and time with its offset from UTC."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""1..128 characters, compared as they are: no trimming, no case folding."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code; amounts beside it are integer minor units."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]

Json = Any
"""Any JSON value; the contract looks no further."""


class Message(BaseModel):
    """A message that crosses a topic: frozen, unknown top-level fields ignored.

    Values are taken as JSON types them: an integer serves as a float, but a string
    never as a number. Numbers are finite, since JSON has no others.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


def fault_of(error: ValidationError) -> str:
    """Return the first fault of a message, its field and what is wrong, without the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "the record"
    return f"{field:.128}: {first['msg']:.256}"
