"""Variables that look like settings and are none."""

import difflib
from collections.abc import Iterable

from stream.settings import SECRETS_DIR, Settings

_KNOWN = frozenset({SECRETS_DIR, *(f"LEADSTREAM_{name.upper()}" for name in Settings.model_fields)})


def unknown_settings(environment: Iterable[str]) -> list[str]:
    """Return the variables that look like settings and are none.

    >>> unknown_settings(["LEADSTREAM_HOTAT", "LEADSTREAM_HOT_AT", "PATH"])
    ['LEADSTREAM_HOTAT']
    """
    return sorted(v for v in environment if v.startswith("LEADSTREAM_") and v not in _KNOWN)


def complaints(environment: Iterable[str]) -> list[str]:
    """Return what to say of each of them.

    >>> complaints(["LEADSTREAM_HOTAT"])
    ['LEADSTREAM_HOTAT is no setting; did you mean LEADSTREAM_HOT_AT?']
    """
    said = []
    for name in unknown_settings(environment):
        near = difflib.get_close_matches(name, _KNOWN, n=1)
        hint = f"did you mean {near[0]}?" if near else "`leadstream settings` lists all"
        said.append(f"{name} is no setting; {hint}")
    return said
