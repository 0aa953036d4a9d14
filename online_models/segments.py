"""Segments of leads, found online: ids that last, telling names, size and conversion."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, Self

import numpy as np

from online_models import formats
from online_models.protocols import Features
from online_models.segment_formats import STATE, SegmentsState
from online_models.segment_inputs import LONGEST_WORD, SegmentInputs, SegmentRow
from online_models.segment_mixture import (
    LONG_STEPS,
    Array,
    Fit,
    Mixture,
    criterion_of,
    design_of,
    fit_mixture,
    log_joint,
    search,
    vocabulary_of,
)
from online_models.segment_register import SegmentRegister, number_of
from online_models.segment_sample import RecentLeads
from online_models.segment_scorer import LIBRARY, SegmentScorer, inputs_from
from online_models.segment_storage import inputs_state, mixture_from, mixture_state, snapshot_of

CHECKPOINT_SCHEMA = 1
FEWEST_LEADS = 100
"""Leads of whom enough is known, until there are segments."""
FIT_EVERY = 100
"""Vectors learned between two fits that move segments."""
FEWEST_TO_SEARCH = 200
MOST_TO_SEARCH = 4_000
"""Vectors learned between two searches: as many as at the last one, within these bounds."""
BETTER_BY = 10.0
"""Other segments replace those there are if their criterion is less by more than this: very strong
evidence (Kass and Raftery 1995)."""


class Segment(NamedTuple):
    """One segment: ``leads`` are those in it now, outcomes those of leads that were in it."""

    segment_id: str
    name: str
    leads: int
    converted: int
    not_converted: int

    @property
    def conversion_ratio(self) -> float | None:
        """Share of the outcomes that are conversions; None without outcomes."""
        outcomes = self.converted + self.not_converted
        return self.converted / outcomes if outcomes else None


class LeadSegments:
    """Latent classes of recent leads, learned one vector at a time within bounded memory.

    A bounded sample holds the newest vector of recent leads. Whose a vector is must be known: many
    of one lead would make a class of their own. Every 500 vectors, classes are fitted
    to it, beginning with those there are: they move, and keep their ids. More rarely, classes are
    searched for anew, with several restarts and as many as the Bayesian information criterion
    asks for, and replace those there are if that is very strongly better. Then a class
    keeps the id of the one with which it shares more than half of the sampled leads of either; a
    class that shares so much with none gets an id that was never used: so when a segment is split,
    the part with more than half of it keeps its id. An id that is gone stands for the segment that
    took most of its leads, which takes its size and outcomes over.

    Between fits segments do not move. A fit to 2,000 leads takes some hundredths of a second, a
    search one or two: `fit` may be called where that holds nobody up once `is_fit_due`; else what
    comes next calls it, with the same result.

    Parameters
    ----------
    inputs
        Which features segments are made of.
    most_leads
        Leads in the sample, 100 or more; one takes some 450 bytes stored.
    seed
        Of all chance.

    Raises
    ------
    ValueError
        If the sample is too small.

    Examples
    --------
    >>> segments = LeadSegments()
    >>> segments.learn_one({"count:page_view": 0.7}, "a lead")  # one page: not enough is known
    False
    """

    def __init__(
        self, inputs: SegmentInputs | None = None, most_leads: int = 2_000, seed: int = 0
    ) -> None:
        if most_leads < FEWEST_LEADS:
            raise ValueError(f"most_leads is {most_leads!r}: it must be {FEWEST_LEADS} or more")
        self.inputs = inputs or SegmentInputs()
        self._most_leads = most_leads
        self._seed = seed
        self._sample = RecentLeads(most_leads, seed)
        self._learned = 0
        self._learned_at_fit = 0
        self._learned_at_search = 0
        self._mixture: Mixture | None = None
        self._register = SegmentRegister()
        self._serve()

    @property
    def leads_in_sample(self) -> int:
        """How many leads segments are made of."""
        return len(self._sample)

    @property
    def is_fit_due(self) -> bool:
        """Whether a fit or a search is due, by how many vectors were learned."""
        if len(self._sample) < FEWEST_LEADS:
            return False
        return self._is_search_due or self._learned - self._learned_at_fit >= FIT_EVERY

    def learn_one(self, x: Features, lead: str) -> bool:
        """Learn a lead's vector; tell whether it says enough to learn from.

        Parameters
        ----------
        x
            The lead's features.
        lead
            An id: this vector takes the place of the lead's former one.

        Raises
        ------
        ValueError
            If a feature is no finite number, or the id is empty or longer than 200 characters.
            Nothing is changed then.
        """
        if not 0 < len(lead) <= LONGEST_WORD:
            raise ValueError(f"lead is {lead!r:.40}: give an id of 1 to 200 characters")
        row = self.inputs.row_of(x)
        if row is None:
            return False
        self.fit()
        self._sample.add(row, lead, self._learned)
        self._learned += 1
        return True

    def fit(self) -> None:
        """Fit classes to the sample, or search for others, if that is due."""
        if not self.is_fit_due:
            return
        is_search_due = self._is_search_due
        self._learned_at_fit = self._learned
        rows = self._sample.rows
        design = design_of(rows, vocabulary_of(rows, self.inputs))
        former = self._mixture
        kept: Fit | None = None
        if former is not None:
            parts = _parts(log_joint(design_of(rows, former.vocabulary), former))
            mixture, _, likelihood = fit_mixture(design, parts, LONG_STEPS)
            kept = Fit(mixture, criterion_of(mixture, likelihood, len(rows)))
            self._mixture = mixture
        if is_search_due:
            self._learned_at_search = self._learned
            found = search(design, [self._seed, self._learned])
            if kept is None or found.criterion < kept.criterion - BETTER_BY:
                former_classes = None if kept is None else log_joint(design, kept.mixture)
                self._register.succeed(former_classes, log_joint(design, found.mixture))
                self._mixture = found.mixture
        self._serve()

    def move_one(self, former: str | None, segment: str | None) -> None:
        """Count a lead in another segment; None for one that was in none, or is to be in none.

        A segment that nobody knows, any more or at all, is none.
        """
        self.fit()
        known = (None if s is None else self._register.present(s) for s in (former, segment))
        self._register.move(*known)

    def learn_outcome(self, segment: str, converted: bool) -> None:
        """Learn what became of a lead, by the segment that it had when it counts."""
        self.fit()
        present = self._register.present(segment)
        if present is None:
            return
        if converted:
            self._register.tallies[present].converted += 1
        else:
            self._register.tallies[present].not_converted += 1

    def forget_one(self, lead: str) -> None:
        """Take a lead out of the sample: the next fit is without it."""
        self.fit()
        self._sample.remove(lead)

    def assign(self, x: Features, former: str | None = None) -> str | None:
        """Return the segment of a lead; see `SegmentScorer.assign`."""
        self.fit()
        return self._scorer.assign(x, former)

    def segments(self) -> list[Segment]:
        """Return all segments, in the order of their ids."""
        self.fit()
        names = self._scorer.names
        return [
            Segment(segment, names[segment], **asdict(self._register.tallies[segment]))
            for segment in sorted(self._register.ids, key=number_of)
        ]

    def snapshot(self) -> dict[str, Any]:
        """Return what `SegmentScorer` needs, as plain JSON: a few kilobytes."""
        return self._snapshot

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON: some 600 kB with 2,000 leads."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "inputs": inputs_state(self.inputs),
            "learned": self._learned,
            "learned_at_fit": self._learned_at_fit,
            "learned_at_search": self._learned_at_search,
            **self._register.checkpoint(),
            "mixture": None if self._mixture is None else mixture_state(self._mixture),
            "rows": [
                {"lead": lead, "words": dict(row.words), "numbers": dict(row.numbers)}
                for lead, row in self._sample
            ],
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], **parameters: Any) -> Self:
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or other inputs, broken, or has more leads than
            may be.
        """
        if isinstance(checkpoint, Mapping):
            formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        state: SegmentsState = formats.validated(STATE, checkpoint, "checkpoint")
        model = cls(**parameters)
        if inputs_from(state["inputs"]) != model.inputs:
            raise formats.ModelFormatError(
                "checkpoint is of segments that are made of other features: they are learned anew"
            )
        model._learned = state["learned"]
        model._learned_at_fit = state["learned_at_fit"]
        model._learned_at_search = state["learned_at_search"]
        model._register = SegmentRegister.restore(state)
        if (state["mixture"] is None) != (not model._register.ids):
            raise formats.ModelFormatError("checkpoint is broken: segment_ids without a mixture")
        if state["mixture"] is not None:
            model._mixture = mixture_from(state["mixture"], len(model._register.ids))
        model._sample.restore(
            (row["lead"], SegmentRow(row["words"], row["numbers"])) for row in state["rows"]
        )
        model._serve()
        return model

    @property
    def _is_search_due(self) -> bool:
        pause = max(FEWEST_TO_SEARCH, min(MOST_TO_SEARCH, self._learned_at_search))
        return self._mixture is None or self._learned - self._learned_at_search >= pause

    def _serve(self) -> None:
        register = self._register
        self._snapshot = snapshot_of(self._mixture, self.inputs, register.ids, register.heirs)
        self._scorer = SegmentScorer(self._snapshot)


def _parts(joint: Array) -> Array:
    parts = np.exp(joint - joint.max(axis=1, keepdims=True))
    shares: Array = parts / parts.sum(axis=1, keepdims=True)
    return shares
