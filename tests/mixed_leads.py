"""What happens to several leads, one lead after another or mixed, each lead's own in order."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def flat(found: Iterable[Iterable[T]]) -> list[T]:
    return [one for own in found for one in own]


def interleaved(found: Iterable[Sequence[T]], random: Random) -> list[T]:
    rest, mixed = [list(own[::-1]) for own in found], []
    while rest:
        at = random.randrange(len(rest))
        mixed.append(rest[at].pop())
        if not rest[at]:
            rest[at] = rest[-1]
            rest.pop()
    return mixed
