"""Models as columns: types that keep what was said, and rows that come back as they were."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pyarrow as pa
import pytest
from pydantic import Field

from schemas.base import Message, Timestamp
from stream.warehouse import TABLES
from stream.warehouse_schema import MOMENT, schema_of, table_of


class Part(Message):
    name: str
    share: float | None = None


class Whole(Message):
    at: Timestamp
    value_minor: int
    kind: Literal["one", "two"] | None = None
    parts: tuple[Part, ...] = ()
    shares: dict[str, float] = Field(default_factory=dict)
    secret: str = ""


PART = pa.struct([("name", pa.string()), ("share", pa.float64())])


def test_each_field_gets_a_typed_column_that_may_be_null() -> None:
    schema = schema_of(Whole, left_out={"secret"})
    assert schema.equals(
        pa.schema(
            [
                ("at", MOMENT),
                ("value_minor", pa.int64()),
                ("kind", pa.string()),
                ("parts", pa.list_(PART)),
                ("shares", pa.map_(pa.string(), pa.float64())),
            ]
        )
    )
    assert all(field.nullable for field in schema)


def test_rows_come_back_as_they_were_with_times_in_utc() -> None:
    at = datetime(2026, 3, 1, 1, 30, 0, 123, tzinfo=timezone(timedelta(hours=2)))
    whole = Whole(at=at, value_minor=2**62, parts=(Part(name="a"),), shares={"x": 0.5})
    (row,) = table_of([whole.model_dump()], schema_of(Whole)).to_pylist()
    assert row["at"] == at
    assert row["at"].utcoffset() == timedelta()
    assert row["value_minor"] == 2**62
    assert row["kind"] is None
    assert row["parts"] == [{"name": "a", "share": None}]
    assert row["shares"] == [("x", 0.5)]


def test_a_row_that_does_not_fit_is_left_out_alone() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [Whole(at=at, value_minor=v).model_dump() for v in (1, 2**63, 3)]
    assert table_of(rows, schema_of(Whole)).column("value_minor").to_pylist() == [1, 3]


@pytest.mark.parametrize("kind", [int | str, Any, tuple[int, str], dict[int, str], list[int]])
def test_a_type_without_a_column_is_named(kind: Any) -> None:
    class Odd(Message):
        field: kind

    with pytest.raises(TypeError, match=r"Odd\.field"):
        schema_of(Odd)


def test_every_table_has_columns_without_what_is_sealed_or_anything_goes() -> None:
    for table in TABLES:
        names = table.schema().names
        assert names[-3:] == ["ce_id", "kafka_partition", "kafka_offset"]
        assert len(set(names)) == len(names)
        assert not {"sealed", "context", "day"} & set(names)
        assert table.schema().field(table.moment).type == MOMENT
