"""What is told of each thing that was looked at."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["ok", "warn", "fail"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Parameters
    ----------
    check
        What was looked at.
    level
        ``ok``; ``warn`` for what works and may bite; ``fail`` for what a worker stumbles over.
    value
        What was found.
    remedy
        What to do; empty where nothing is to be done.
    """

    check: str
    level: Level
    value: str
    remedy: str = ""


def ok(check: str, value: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(check, "ok", value)


def warn(check: str, value: str, remedy: str) -> Finding:
    """Return a finding that may bite."""
    return Finding(check, "warn", value, remedy)


def fail(check: str, value: str, remedy: str) -> Finding:
    """Return a finding that has to be mended."""
    return Finding(check, "fail", value, remedy)


def counted(findings: Iterable[Finding]) -> dict[Level, int]:
    """Return how many findings there are of each level.

    >>> counted([ok("kafka", "3 brokers"), fail("topic costs", "missing", "create it")])
    {'ok': 1, 'warn': 0, 'fail': 1}
    """
    found = Counter(finding.level for finding in findings)
    return {level: found[level] for level in LEVELS}
