"""Messages as columns of Apache Arrow: the schema of a model, and rows in it."""

import types
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel

MOMENT = pa.timestamp("us", tz="UTC")
_PLAIN = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    datetime: MOMENT,
    AwareDatetime: MOMENT,
}


def schema_of(model: type[BaseModel], left_out: Collection[str] = ()) -> pa.Schema:
    """Return the columns of a model, in the order of its fields; each may be null.

    Models are structs, tuples lists, mappings maps; times are UTC in microseconds, integers have 64
    bits.

    Parameters
    ----------
    left_out
        Fields that get no column.

    Raises
    ------
    TypeError
        If a field is of a type that has no column, as a union of several.

    Examples
    --------
    >>> from schemas.triggers import Candidate
    >>> schema_of(Candidate)
    action: string
    probability: double
    """
    return pa.schema(
        [
            (name, _type_of(field.annotation, f"{model.__name__}.{name}"))
            for name, field in model.model_fields.items()
            if name not in left_out
        ]
    )


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return rows as a table, without those that do not fit: a number beyond 64 bits."""
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (ArithmeticError, ValueError):
        fitting = [row for row in rows if _fits(row, schema)]
        return pa.Table.from_pylist(fitting, schema=schema)


def _fits(row: Mapping[str, Any], schema: pa.Schema) -> bool:
    try:
        pa.Table.from_pylist([row], schema=schema)
    except (ArithmeticError, ValueError):
        return False
    return True


def _type_of(kind: Any, where: str) -> pa.DataType:
    """Return the type of a column; ``where`` names the field if there is none."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return pa.struct(list(schema_of(kind)))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type_of(arguments[0], where)
    if origin is Literal and all(isinstance(value, str) for value in arguments):
        return pa.string()
    if origin in (Union, types.UnionType):
        named = [one for one in arguments if one is not type(None)]
        if len(named) == 1:
            return _type_of(named[0], where)
    if origin is tuple and arguments[1:] == (...,):
        return pa.list_(_type_of(arguments[0], where))
    if origin is dict and arguments[0] is str:
        return pa.map_(pa.string(), _type_of(arguments[1], where))
    raise TypeError(f"{where} is {kind}, which has no column; leave it out, or give it a type here")
