"""TOML files of the house: read strictly; a fault is told with its line, field and remedy."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from stream.expected import ExpectedError

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
"""What the models of such files are made with."""

Location = tuple[int | str, ...]
_ModelT = TypeVar("_ModelT", bound=BaseModel)


class TomlFileError(ExpectedError, ValueError):
    """A file of the house cannot be used; the message says line, field and remedy."""


def refuse_same_names(what: str, names: Iterable[str]) -> None:
    """Refuse entries of a file that are named alike; the message finds its line by the name.

    Raises
    ------
    ValueError
        With the first name that stands more than once.

    Examples
    --------
    >>> refuse_same_names("rules", ["a", "b", "b"])
    Traceback (most recent call last):
    ...
    ValueError: two rules are named 'b'; rename one
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"two {what} are named {name!r}; rename one")


def read_toml(
    text: str, file_name: str, model: type[_ModelT], error: type[TomlFileError], otherwise: str
) -> _ModelT:
    """Read a document of a model from TOML.

    Parameters
    ----------
    text, file_name
        The file.
    model
        What it must be; strict, so that nothing is guessed.
    error
        What is raised for anything else.
    otherwise
        What can be done instead of mending the line: ``run with the default rules``.

    Raises
    ------
    TomlFileError
        The ``error`` given, with file, line, field and remedy.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as fault:  # numbers of thousands of digits, deep nesting
        raise error(f"{file_name}: not TOML: {fault!s:.200}. Mend the line.") from None
    try:
        return model.model_validate(document)
    except ValidationError as fault:
        first = fault.errors()[0]
        loc = first["loc"]
        line = _line_of(text, loc) if loc else _last_line_with(text, first["msg"], model)
        value, given = first["input"], ""
        # Python writes no integer of thousands of digits.
        if isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 2**64):
            given = f" = {value!r:.80}"
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"there is no such field; known here: {', '.join(_known(model, loc))}"
        raise error(
            f"{file_name}, line {line}: {_field(loc):.128}{given}: {message:.500}. "
            f"Mend the line, or {otherwise}."
        ) from None


def _field(loc: Location) -> str:
    # pydantic calls a mapping's key "[key]", after the key itself.
    inner = loc[2:] if len(loc) > 1 and isinstance(loc[1], int) else loc
    names = [str(part) for part in inner if part not in {"is", "[key]"}]
    return ".".join(names) or ".".join(map(str, loc)) or "file"


def _known(model: type[BaseModel], loc: Location) -> list[str]:
    """Return the fields of the part of a document that a location's last step is in."""
    for part in loc[:-1]:
        for name, field in model.model_fields.items():
            if part == (field.alias or name):
                model = next(_models_in(field.annotation), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _line_of(text: str, loc: Location) -> int:
    """Find the line of a field: TOML's parser keeps none, so look in its table."""
    lines = ["" if line.lstrip().startswith("#") else line for line in text.splitlines()] or [""]
    first, last = _table(lines, loc)
    for name in reversed([part for part in loc if isinstance(part, str) and part != "[key]"]):
        word = re.compile(rf"(^|[\s.{{,\[\"']){re.escape(name)}[\"']?\s*[.=\]]")
        for i in range(first, last):
            if word.search(lines[i]):
                return i + 1
    return first + 1


def _table(lines: list[str], loc: Location) -> tuple[int, int]:
    """Return where the table that a location is in begins and ends; else the whole file."""
    kind = re.escape(str(loc[0]))
    if len(loc) > 1 and isinstance(loc[1], int):  # the n-th [[kind]], with [kind.parts] of it
        head, number = re.compile(rf"\s*\[\[\s*{kind}\s*\]\]"), loc[1]
    else:
        head, number = re.compile(rf"\s*\[\s*{kind}\s*[.\]]"), 0
    heads = [i for i, line in enumerate(lines) if head.match(line)]
    if number >= len(heads):
        return 0, len(lines)
    inside = re.compile(rf"\s*\[\s*{kind}\s*[.\]]")
    any_head = re.compile(r"\s*\[\[?\s*\w[\w.\-\s\"']*\]\]?\s*(#.*)?$")
    ends = (
        i
        for i in range(heads[number] + 1, len(lines))
        if any_head.match(lines[i]) and not inside.match(lines[i])
    )
    return heads[number], next(ends, len(lines))


def _last_line_with(text: str, message: str, model: type[BaseModel]) -> int:
    """Find the line of a fault between several fields: the last that has the word at fault."""
    name = re.search(r"'([^'\s]+)'", message)
    if name:
        word = re.compile(rf"[\"']{re.escape(name[1])}[\"']|(^|[\s.{{,]){re.escape(name[1])}\s*=")
    else:
        told = [field for field in model.model_fields if re.search(rf"\b{field}\b", message)]
        word = re.compile(rf"^\s*({'|'.join(told)})\s*=" if told else r"(?!)")
    hits = [i for i, line in enumerate(text.splitlines(), start=1) if word.search(line)]
    return hits[-1] if hits else 1
