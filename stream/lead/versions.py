"""The names of versions: the kind of model or policy, and the offset up to which it has learned."""

import re

VERSION = re.compile(r"[a-z][a-z0-9_]{0,63}-\d{1,18}", re.ASCII)


def version_of(kind: str, offset: int) -> str:
    """Return the name of a version.

    >>> version_of("logistic", 1200)
    'logistic-1200'
    """
    return f"{kind}-{offset}"


def kind_of(version: str) -> str:
    """Return which kind of model or policy a version is of.

    >>> kind_of("logistic-1200")
    'logistic'
    """
    return version.rpartition("-")[0]


def offset_of(version: str) -> int:
    """Return the offset up to which a version has learned.

    >>> offset_of("logistic-1200")
    1200
    """
    return int(version.rpartition("-")[2])
