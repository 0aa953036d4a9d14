"""The state of what River keeps compiled, and of generators: bytes, checked before use."""

import base64
import math
import struct
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from river.drift.adwin import AdaptiveWindowing

from online_models.formats import ModelFormatError

_HEAD = struct.Struct("<diQddddddiiiiQ")
_ROW = struct.Struct("<QQ")
_LENGTH = struct.Struct("<Q")
_TAIL = struct.Struct("<diQii")
MOST_ROWS = 48
MOST_BUCKETS = 100
LARGEST_TOTAL = 1e15
WORDS = 624
"""Of 32 bits, that Python's generator (the Mersenne twister) goes on from."""
_TWISTER = struct.Struct(f"<{WORDS}IH")
_TWISTER_VERSION = 3


class Compiled(NamedTuple):
    """A type whose state is bytes: how to get them, and a new one from them."""

    kind: type
    to_bytes: Callable[[Any], bytes]
    from_bytes: Callable[[bytes], Any]


def to_text(compiled: Compiled, value: Any) -> str:
    """Return the state as base64."""
    return base64.b64encode(compiled.to_bytes(value)).decode()


def from_text(compiled: Compiled, encoded: Any) -> Any:
    """Return what has this state.

    Raises
    ------
    ModelFormatError
        If the bytes are not such a state: the compiled code would abort, or never return.
    """
    try:
        if not isinstance(encoded, str):
            raise ModelFormatError(f"{compiled.kind.__name__} is not written as text")
        return compiled.from_bytes(base64.b64decode(encoded, validate=True))
    except (struct.error, ValueError, OverflowError) as error:
        raise ModelFormatError(f"the state of {compiled.kind.__name__} is broken") from error


def _window_of(state: bytes) -> AdaptiveWindowing:
    """Return ADWIN's window (river 0.26, ``rust_src/adwin.rs``: bincode, little-endian).

    Row ``i`` holds up to ``max_buckets`` sums of ``2 ** i`` values each; together they are as wide
    as the window says, or looking for a cut would read past the last of them.
    """
    delta, clock, max_buckets, shortest, grace, *sums, n, most, tick, cuts, n_rows = (
        _HEAD.unpack_from(state)
    )
    _require(n_rows <= MOST_ROWS and 1 <= max_buckets <= MOST_BUCKETS)
    _require(min(n, most, tick, cuts) >= 0 and n_rows >= 1)
    offset, width, used = _HEAD.size, 0, 0
    for row in range(n_rows):
        size, used = _ROW.unpack_from(state, offset)
        _require(size == max_buckets and 0 <= used <= max_buckets)
        offset += _ROW.size
        for _ in ("totals", "variances"):
            (length,) = _LENGTH.unpack_from(state, offset)
            _require(length == max_buckets + 1)
            offset += _LENGTH.size
            sums += struct.unpack_from(f"<{length}d", state, offset)
            offset += 8 * length
        width += used << row
    _require(used > 0 or n_rows == 1)
    _require(all(math.isfinite(s) and abs(s) <= LARGEST_TOTAL for s in sums))
    _require(width == sums[2])
    arguments = _TAIL.unpack_from(state, offset)
    _require(offset + _TAIL.size == len(state))
    _require(arguments == (delta, clock, max_buckets, shortest, grace))
    _require(1e-100 <= delta <= 1 and clock >= 1 and shortest >= 1 and grace >= 1)
    window = AdaptiveWindowing(*arguments)
    window.__setstate__(state)
    return window


def _words_of(generator: Random) -> bytes:
    _, words, _ = generator.getstate()  # what `gauss` keeps back is not: trees draw no such numbers
    return _TWISTER.pack(*words)


def _generator_of(state: bytes) -> Random:
    words = _TWISTER.unpack(state)
    _require(words[-1] <= WORDS and any(words[:-1]))
    generator = Random(0)  # noqa: S311 - the bootstrap's, not a secret's
    generator.setstate((_TWISTER_VERSION, words, None))
    return generator


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError


def _all() -> Iterator[Compiled]:
    yield Compiled(AdaptiveWindowing, lambda window: bytes(window.__getstate__()), _window_of)
    yield Compiled(Random, _words_of, _generator_of)


COMPILED = {f"{c.kind.__module__}.{c.kind.__qualname__}": c for c in _all()}
