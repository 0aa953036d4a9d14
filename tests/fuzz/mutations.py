"""JSON-aware mutations: valid structure with one thing wrong, and bytes that are not text at all.

An input is a sequence of records, each a byte that selects what it is for and then JSON.
Records are set apart by a byte that no JSON has.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

SEPARATOR = b"\x1e"

_NUMBERS = [
    b"0", b"-0", b"-0.0", b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"1e308",
    b"-1e308", b"5e-324", b"1e-400", b"9007199254740993", b"9223372036854775807",
    b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
    b"-9223372036854775809",
    b"1" * 300, b"9" * 5_000, b"0." + b"0" * 5_000 + b"1", b"1E5", b"01", b"+1", b".5", b"0x10",
    b"253402300800", b"-62135596801", b"1e12",
]  # fmt: skip
_TEXTS = [
    b'""', b'" "', b'"\\u0000"', b'"\x00"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\ud83d\\ude00"',
    b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe9"', b'"\\u0040"',
    b'"null"', b'"undefined"', b'"anon:v"', b'"email:x"', b'"\\u0000partition"', b'"a@b.co"',
    b'"' + b"a@b.co " * 400 + b'"', b'"' + b"x" * 128 + b'"', b'"' + b"x" * 129 + b'"',
    b'"' + b"y" * 5_000 + b'"', b'"' + b"\\u00e9" * 300 + b'"', b'"won"', b'"L"', b'"M"', b'"v"',
    b'"0"', b'"7"', b'"type"', b'"\xef\xbb\xbfx"', b'"http://["', b'"//a/pricing"', b'"EUR"',
]  # fmt: skip
_TIMES = [
    b'"0001-01-01T00:00:00+23:59"', b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59-23:59"',
    b'"9999-12-31T23:59:60Z"', b'"1969-12-31T23:59:59.999999999Z"', b'"2026-01-30T00:00:00+23:59"',
    b'"2026-02-30T00:00:00Z"', b'"2026-01-31t00:00:00z"', b'"2026-01-31 00:00:00-23:59"',
    b'"2026-02-02T02:40:00.' + b"1" * 300 + b'Z"', b'"2026-02-02T02:40:00"', b'"2026-02-02"',
    b'"20260202T024000Z"', b'"2026-W06-1T00:00:00Z"', b'"2026-02-02T02:40:00+24:00"', b'"now"',
    b'"2026-02-02T02:40:00Z"', b'"2026-02-02T01:40:00Z"', b'"2026-02-03T02:45:00Z"',
]  # fmt: skip
_OTHERS = [
    b"null", b"true", b"false", b"[]", b"{}", b"[null]", b'{"":null}', b"[[],{}]",
    b"[" * 30 + b"]" * 30, b"[" * 201 + b"]" * 201, b'{"a":' * 260 + b"1" + b"}" * 260,
    b"[" * 3_000 + b"]" * 3_000, b'{"a":1,"a":2}', b'{"email":"a@b.co"}', b"tru", b"'x'", b"",
    b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(200)) + b"}",
    b"[" + b",".join([b"1e15"] * 300) + b"]",
]  # fmt: skip
NASTIES = [*_NUMBERS, *_TEXTS, *_TIMES, *_OTHERS]

_HUGE = [
    lambda: b'"' + b"z" * 1_000_001 + b'"',
    lambda: b"[" * 100_000 + b"]" * 100_000,
    lambda: b"9" * 300_000,
    lambda: b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(50_000)) + b"}",
    lambda: b'{"' + b"k" * 600_000 + b'":1}',
    lambda: b'"' + b"a@b.co " * 100_000 + b'"',
    lambda: b"[" + b",".join([b"1e15"] * 150_000) + b"]",
]
_HUGE_EVERY = 4_000
MAX_KEPT_BYTES = 30_000
"""Of larger inputs few are mutated again: they would take the time of a hundred small ones."""


class _Object(list[Any]):
    """A JSON object as its pairs, so that a name can stand there twice."""


class _Raw(bytes):
    """Bytes that stand in the place of a value, whatever they are."""


def mutate(
    data: bytes, rng: Random, seeds: Sequence[bytes], blind: Callable[[bytes], bytes]
) -> bytes:
    """Return a neighbour of an input.

    Parameters
    ----------
    seeds
        Valid inputs, to start over from and to take records out of.
    blind
        A mutation that knows nothing of JSON.
    """
    if not data or len(data) > MAX_KEPT_BYTES or rng.random() < 0.05:
        data = rng.choice(seeds)
    records = data.split(SEPARATOR)
    if rng.random() < 0.15:
        return blind(data)
    if rng.random() < 0.25:
        _shuffle(records, rng, seeds)
    else:
        place = rng.randrange(len(records))
        records[place] = _changed(records[place], rng, blind, _names(tuple(seeds)))
    if rng.random() < 0.05:
        return _encoded(SEPARATOR.join(records), rng)
    return SEPARATOR.join(records)


def _shuffle(records: list[bytes], rng: Random, seeds: Sequence[bytes]) -> None:
    """Double, drop, reorder, add or redirect records."""
    place = rng.randrange(len(records))
    match rng.randrange(5):
        case 0 if len(records) < 8:
            records.insert(place, rng.choice(records))
        case 1 if len(records) > 1:
            del records[place]
        case 2:
            records.reverse()
        case 3 if len(records) < 8:
            records.insert(place, rng.choice(rng.choice(seeds).split(SEPARATOR)))
        case _:
            records[place] = bytes([rng.randrange(256)]) + records[place][1:]


def _changed(
    record: bytes, rng: Random, blind: Callable[[bytes], bytes], names: Sequence[str]
) -> bytes:
    try:
        tree = json.loads(record[1:], object_pairs_hook=_Object)
        holder = [tree]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _change(holder, rng, names)
        return record[:1] + _written(holder[0])
    except (ValueError, RecursionError):  # not JSON, or too deep for Python's own parser
        return record[:1] + blind(record[1:])


@cache
def _names(seeds: tuple[bytes, ...]) -> tuple[str, ...]:
    """Return the names of all fields: what one type of message has is a stranger in another."""
    names = {"", "\x00", "email", "email_hash", "k" * 200}
    for seed in seeds:
        for record in seed.split(SEPARATOR):
            try:
                json.loads(
                    record[1:], object_pairs_hook=lambda pairs: names.update(k for k, _ in pairs)
                )
            except ValueError:
                continue
    return tuple(sorted(names))


def _change(holder: list[Any], rng: Random, names: Sequence[str]) -> None:
    """Change one place of a tree: a value, a name, or whether it is there at all."""
    places: list[tuple[list[Any], int]] = []
    _collect(holder, places, 0)
    where, index = rng.choice(places)
    is_pair = isinstance(where, _Object)
    choice = rng.randrange(13)
    if choice < 7:
        value = _nasty(rng)
        where[index] = (where[index][0], value) if is_pair else value
    elif choice == 7 and where is not holder:
        del where[index]
    elif choice == 8 and where is not holder:
        where.insert(rng.randrange(len(where) + 1), where[index])
    elif choice == 9 and is_pair:
        where[index] = (rng.choice([*(pair[0] for pair in where), *names]), where[index][1])
    elif choice == 11 and is_pair:
        where.insert(index, (rng.choice(names), _nasty(rng)))
    elif choice == 10:
        other, at = rng.choice(places)
        # Written, since a value that is put into itself would have no end.
        value = _Raw(_written(other[at][1] if isinstance(other, _Object) else other[at]))
        where[index] = (where[index][0], value) if is_pair else value
    else:
        value = where[index][1] if is_pair else where[index]
        value = [value] if rng.random() < 0.5 else _Object([("a", value)])
        where[index] = (where[index][0], value) if is_pair else value


def _collect(items: list[Any], places: list[tuple[list[Any], int]], depth: int) -> None:
    for index, item in enumerate(items[:100]):
        places.append((items, index))
        value = item[1] if isinstance(items, _Object) else item
        if isinstance(value, list) and depth < 8:
            _collect(value, places, depth + 1)


def _nasty(rng: Random) -> _Raw:
    if rng.randrange(_HUGE_EVERY) == 0:
        return _Raw(rng.choice(_HUGE)())
    return _Raw(rng.choice(rng.choice((_NUMBERS, _TEXTS, _TIMES, _OTHERS))))


def _written(value: Any) -> bytes:
    if isinstance(value, _Raw):
        return bytes(value)
    if isinstance(value, _Object):
        return b"{" + b",".join(_text(k) + b":" + _written(v) for k, v in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_written, value)) + b"]"
    return _text(value)


def _text(value: Any) -> bytes:
    # Unescaped surrogates become bytes that are not UTF-8, as careless senders write them.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _encoded(data: bytes, rng: Random) -> bytes:
    match rng.randrange(6):
        case 0:
            return data.decode("latin-1").encode("utf-16")
        case 1:
            return data[:1] + b"\xef\xbb\xbf" + data[1:]
        case 2:
            return data[: rng.randrange(len(data) + 1)]
        case 3:
            return data.replace(b'"', b"\xc0\xa2")
        case 4:
            return data.replace(b"e", b"\xe9", 1)
        case _:
            return data.replace(b" ", b"\x00") + b"\x00"
