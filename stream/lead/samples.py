"""Scored vectors that wait for their label: a bounded, uniform sample, and what it stands for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from stream.lead.hashing import unit_interval


@dataclass(slots=True)
class Sample:
    """A vector that the lead was scored with, kept until its label is known.

    ``p_convert`` is what was predicted with it, whatever its task predicts. ``is_assumed`` says
    that it has been taught as a negative ahead of its horizon.
    """

    at_s: float
    p_convert: float
    x: dict[str, float | str]
    is_assumed: bool = False
    _json: orjson.Fragment | None = field(default=None, compare=False, repr=False)

    def json(self) -> orjson.Fragment:
        """Return it as JSON, written once: it is stored many times and hardly ever changes."""
        if self._json is None:
            self._json = orjson.Fragment(orjson.dumps(self.row()))
        return self._json

    def row(self) -> list[object]:
        """Return it as plain JSON, which ``Sample(*row)`` reads."""
        row: list[object] = [self.at_s, self.p_convert, self.x]
        return [*row, True] if self.is_assumed else row

    def assume(self) -> None:
        """Note that it has been taught as a negative."""
        self.is_assumed, self._json = True, None


@dataclass(slots=True)
class OpenVector:
    """A vector of a short horizon.

    ``mail`` is the one that it waits for, 0 for none. ``positive_s`` is when its label can be told
    to be positive, None as long as nothing says so.
    """

    sample: Sample
    mail: int = 0
    positive_s: float | None = None


class Sampled(Protocol):
    """What holds a sample, and of how many vectors it is one."""

    samples: list[Sample]
    sampled_of: int


def keep(sampled: Sampled, sample: Sample, most: int, *seed: str) -> None:
    """Take a vector into a uniform sample of bounded size.

    Reservoir sampling (Vitter 1985, algorithm R). Its randomness is seeded, and goes on with how
    many vectors came before, so that a replay keeps the same ones.
    """
    sampled.sampled_of += 1
    if len(sampled.samples) < most:
        sampled.samples.append(sample)
        return
    slot = int(unit_interval(*seed, sampled.sampled_of) * sampled.sampled_of)
    if slot < most:
        sampled.samples[slot] = sample


def weight_of(sampled: Sampled) -> float:
    """Return how many scored vectors each kept one stands for."""
    return sampled.sampled_of / len(sampled.samples) if sampled.samples else 1.0


def take(sampled: Sampled, is_due: Callable[[Sample], bool]) -> tuple[list[Sample], float]:
    """Take out the vectors whose label is known; return them, and what each stands for."""
    taken = [sample for sample in sampled.samples if is_due(sample)]
    if not taken:
        return [], 1.0
    weight = weight_of(sampled)
    sampled.samples = [sample for sample in sampled.samples if not is_due(sample)]
    sampled.sampled_of = round(weight * len(sampled.samples))  # what is left stands for the rest
    return taken, weight


def drop_since(sampled: Sampled, since_s: float, steps: int) -> None:
    """Forget the vectors since some time, in which there is what has been taken back."""
    sampled.samples = [sample for sample in sampled.samples if sample.at_s < since_s]
    sampled.sampled_of = max(len(sampled.samples), sampled.sampled_of - steps)
