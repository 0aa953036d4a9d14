"""What is compared in an evaluation: models without rules, rules without a model, and the blend."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median
from typing import Any, NamedTuple

from online_models.catalogue import build_scorer
from online_models.protocols import Scorer
from schemas.learning import TrainingExample
from stream.lead.features import Features, fact_of
from stream.lead.house import House
from stream.lead.learner import Learner
from stream.lead.scoring import Scored, expit, reasons_of, score_of, score_one
from stream.lead.tiers import tier_of
from stream.quality import ScoredLead
from stream.scored_rows import ScoredRow

SNAPSHOT_EVERY_EXAMPLES = 20
MAIN_FACTS = 12

_NO_RULES = 1e-9
"""A prior strength at which a model has all the weight from the first label of each kind on."""


@dataclass(slots=True)
class Scores:
    """The scores that leads were given by one way to score, in their order."""

    p: dict[str, list[float]] = field(default_factory=dict)
    tiers: dict[str, list[str]] = field(default_factory=dict)

    def add(self, lead: str, p: float, tier: str) -> None:
        """Note a score."""
        self.p.setdefault(lead, []).append(p)
        self.tiers.setdefault(lead, []).append(tier)

    def former_tier(self, lead: str) -> str | None:
        """Return the tier that a lead has had so far, if any."""
        tiers = self.tiers.get(lead)
        return tiers[-1] if tiers else None

    def leads(self, won: dict[str, bool | None]) -> list[ScoredLead]:
        """Return them by lead, with what became of each; leads in the order of ``won``."""
        return [
            ScoredLead(outcome, self.p.get(lead, []), self.tiers.get(lead, []))
            for lead, outcome in won.items()
        ]


class Alone(NamedTuple):
    """What a model says of a lead without the rules."""

    p_convert: float
    score: float


class EvaluatedModel:
    """A model on its own: it learns every example, and scores without the rules.

    Until it has learned a won and a lost lead, it says the base rate that the house believes in.

    Parameters
    ----------
    learner
        What learns.
    house
        The rules of the house, for the tiers.
    """

    def __init__(self, learner: Learner, house: House) -> None:
        self.learner = learner
        self.scorer: Scorer | None = None
        self.scores = Scores()
        self.examples = 0
        self.learning_s = 0.0
        self._house = replace(house, prior_strength=_NO_RULES)

    def learn(self, example: TrainingExample, offset: int) -> bool:
        """Learn an example; tell whether a version is due, as each so many examples."""
        started_s = time.perf_counter()
        self.learner.learn(example, offset)
        self.learning_s += time.perf_counter() - started_s
        self.examples += 1
        return self.examples % SNAPSHOT_EVERY_EXAMPLES == 0

    def publish(self) -> None:
        """Predict with what has been learned so far, from now on."""
        learner = self.learner
        snapshot = learner.model.snapshot()
        self.scorer = build_scorer(learner.name, learner.version, snapshot, fact_of)

    def score(self, x: Features) -> Scored:
        """Score a vector as the version published last does."""
        return score_one(x, {}, self.scorer, self._house)

    def alone(self, row: ScoredRow) -> Alone:
        """Return what the version published last makes of a vector that was scored."""
        scored = self.score(row.x)
        return Alone(scored.p_convert, scored.score)

    def alone_of_served(self, row: ScoredRow) -> Alone:
        """Return the same of the version that served, from the blend: the rules taken out again."""
        weight = row.scored.model_weight
        if not weight or self.scorer is None:
            return self.alone(row)
        rules = (1.0 - weight) * row.by_rules.log_odds
        p = expit((row.scored.log_odds - rules) / weight)
        return Alone(p, score_of(p, self.scorer.positives, self.scorer.negatives, self._house))

    def tier(self, alone: Alone, lead: str) -> str:
        """Return the tier that this score brings a lead to."""
        return tier_of(alone.score, self.scores.former_tier(lead), self._house)

    def figures(self, vectors: Sequence[Features]) -> dict[str, Any]:
        """Return what it has learned, how fast it is, and what its scores rest on.

        Parameters
        ----------
        vectors
            To explain, as the version published last does.

        Returns
        -------
        dict
            ``examples_learned``; ``examples_per_s`` that it learns; the median
            ``predict_with_reasons_us`` of a score with its reasons; ``main_facts``: fact -> by
            how much it moves the log-odds of a lead from those of the average one, in the mean,
            the largest first. What is the same for all leads moves none.
        """
        took_us: list[float] = []
        told: dict[str, list[float]] = {}
        for row, x in enumerate(vectors):
            started_s = time.perf_counter()
            scored = self.score(x)
            reasons_of(scored)
            took_us.append(1e6 * (time.perf_counter() - started_s))
            for name, contribution in scored.contributions.items():
                of_fact = told.setdefault(name.partition("=")[0], [0.0] * len(vectors))
                of_fact[row] += contribution
        moves = {fact: _mean_move(contributions) for fact, contributions in told.items()}
        largest = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
        return {
            "examples_learned": self.examples,
            "examples_per_s": (
                round(self.examples / self.learning_s, 1) if self.learning_s else None
            ),
            "predict_with_reasons_us": round(median(took_us), 1) if took_us else None,
            "main_facts": {fact: round(moved, 4) for fact, moved in largest[:MAIN_FACTS] if moved},
        }


def _mean_move(contributions: Sequence[float]) -> float:
    average = fmean(contributions)
    return fmean(abs(c - average) for c in contributions)
