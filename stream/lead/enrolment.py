"""A lead's part in the comparison of treated leads with held-out ones."""

from dataclasses import dataclass
from typing import Any

from stream.lead.samples import Sample

TASK = "uplift"
"""What is learned from the comparison, by the name that examples and versions go by."""


@dataclass(slots=True)
class Enrolment:
    """Which arm a lead is in since its first decision, and that decision's vector.

    The vector stays until its label is known (``stream.lead.labels``); after that, and where it
    may not be learned from, there is none. A lead is enrolled once.
    """

    is_treated: bool
    samples: list[Sample]
    sampled_of: int

    @classmethod
    def of(cls, *, is_treated: bool, sample: Sample | None) -> "Enrolment":
        """Enrol a lead, with a vector to learn from or without."""
        samples = [] if sample is None else [sample]
        return cls(is_treated, samples, len(samples))

    def drop(self) -> None:
        """Let go of the vector; the lead stays enrolled, so that no other takes its place."""
        self.samples, self.sampled_of = [], 0

    def to_json(self) -> list[Any]:
        """Return it as plain JSON."""
        return [self.is_treated, [sample.row() for sample in self.samples]]

    @classmethod
    def from_json(cls, document: list[Any]) -> "Enrolment":
        """Rebuild it from ``to_json``."""
        is_treated, rows = document
        return cls(is_treated, [Sample(*row) for row in rows], len(rows))
