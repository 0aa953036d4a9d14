"""New points in a rules file: its comments and layout stay, only numbers change."""

import difflib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stream.expected import ExpectedError
from stream.lead.point_rules import PointRules, RulesFileError, parse_point_rules

_HEAD = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_TABLE = re.compile(r"\s*\[")


class RulesChangedError(ExpectedError, ValueError):
    """The rules file is not what a proposal was made for; the message says what to do."""


def sha256_of(text: str) -> str:
    """Return the hash that tells whether a file is still the same."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_rules(path: Path) -> str:
    """Return a rules file as it is, line ends and all, so that its hash is that of the file.

    Raises
    ------
    RulesFileError
        If it cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RulesFileError(
            f"{path}: cannot be read ({error}); give a TOML file in UTF-8"
        ) from None


def with_points(text: str, points: Mapping[str, float]) -> str:
    r"""Return a rules file with new points for some rules.

    ``max_points`` moves along, so that a rule still counts as many times as before.

    Parameters
    ----------
    text
        A valid rules file.
    points
        Rule -> its new points.

    Raises
    ------
    RulesFileError
        If a number does not stand on a line of its own in its rule.

    Examples
    --------
    >>> print(with_points('''[[rule]]
    ... name = "demo"
    ... points = 40  # by guess
    ... event = "form_fill"
    ... max_points = 80''', {"demo": 55}))
    [[rule]]
    name = "demo"
    points = 55  # by guess
    event = "form_fill"
    max_points = 110
    """
    rules = parse_point_rules(text)
    wanted = with_points_parsed(rules, points)
    lines = text.split("\n")
    heads = [n for n, line in enumerate(lines) if _HEAD.match(line)]
    for number, (old, new) in enumerate(zip(rules.rule, wanted.rule, strict=True)):
        if old == new or number >= len(heads):
            continue
        for field in ("points", "max_points"):
            value = getattr(new, field)
            if value != getattr(old, field):
                _replace(lines, heads[number], field, value)
    changed = "\n".join(lines)
    # Whatever else the file may hold, this must be what comes out.
    if parse_point_rules(changed) != wanted:
        raise RulesFileError(
            "the points cannot be changed in place; write each rule as a [[rule]] with points and "
            "max_points on lines of their own"
        )
    return changed


def with_points_parsed(rules: PointRules, points: Mapping[str, float]) -> PointRules:
    """Return rules with new points for some; ``max_points`` moves along."""
    changed = []
    for rule in rules.rule:
        if rule.name in points and rule.points:
            value = float(points[rule.name])
            most = rule.max_points
            if most is not None:
                most = max(1.0, float(round(most * abs(value / rule.points))))
            changed.append(rule.model_copy(update={"points": value, "max_points": most}))
        else:
            changed.append(rule)
    return PointRules(
        schema_version=rules.schema_version,
        min_points=rules.min_points,
        max_points=rules.max_points,
        rule=tuple(changed),
    )


def diff_of(before: str, after: str, name: str) -> str:
    """Return the unified diff of two texts; empty where they are equal."""
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), name, name
        )
    )


def replace_rules(path: Path, expected_sha256: str, text: str) -> None:
    """Write a rules file whole or not at all, unless it changed since it was read.

    Parameters
    ----------
    path
        The file; of a link, what it points to.
    expected_sha256
        What the file must still be.
    text
        What it is to be.

    Raises
    ------
    RulesChangedError
        If the file is not there or not the same any more.
    RulesFileError
        If the new text is not a valid rules file.
    """
    parse_point_rules(text, str(path))
    path = path.resolve()
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        raise RulesChangedError(f"{path} is not there any more; make a new proposal") from None
    if hashlib.sha256(found).hexdigest() != expected_sha256:
        raise RulesChangedError(
            f"{path} changed since the proposal was made; make a new one: leadstream refit LOG"
        )
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _replace(lines: list[str], head: int, field: str, value: float) -> None:
    """Replace a number in the rule that begins at a line; the rest of its line stays."""
    number = re.compile(rf"^(\s*{field}\s*=\s*)[^\s#]+(.*)$", re.DOTALL)
    for n in range(head + 1, len(lines)):
        if _TABLE.match(lines[n]) and "=" not in lines[n]:
            return
        found = number.match(lines[n])
        if found:
            lines[n] = f"{found[1]}{value:g}{found[2]}"
            return
