"""The same events through the same decisions without Kafka, and how good the scores were."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from online_models.reservoir import Reservoir
from schemas import topics
from stream.evaluated_fairness import EvaluatedFairness
from stream.evaluated_models import Alone, Scores
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.labels import WON
from stream.lead.outputs import rfc3339
from stream.lead.text_reading import ReadsTexts
from stream.lead.tiers import tier_of
from stream.offline import CHAMPION, OfflineStream
from stream.quality import ScoredLead, quality
from stream.scored_rows import ScoredRow, Watch

VECTORS_KEPT = 1_000
"""Of all that were scored, a uniform sample of so many is explained at the end."""

SERVED, RULES = "as served", "rules"
"""What goes out, champion and rules together; and the rules alone: named beside kinds of models."""


class Evaluation:
    """Events scored before their leads' outcomes are known, by models, by rules and by the blend.

    Every prediction was made before its label: a lead's outcome reaches the models only when its
    event arrives. Predictions after a lead's first outcome are left out, and so are leads without
    one, which are counted.

    Parameters
    ----------
    house, email_key, received_s, kinds
        As of ``OfflineStream``.
    watch
        Is shown each score that counts; what became of its lead is in ``won`` in the end.
    reader
        As of ``OfflineStream``.

    Attributes
    ----------
    won
        Lead -> whether it has won, None while that is not known; in the order of first scores.
    first_at_s
        When each lead's first event occurred, epoch seconds.
    """

    def __init__(
        self,
        house: House,
        email_key: bytes,
        received_s: float,
        kinds: Sequence[str] = (CHAMPION,),
        watch: Watch | None = None,
        reader: ReadsTexts | None = None,
    ) -> None:
        self.stream = OfflineStream(house, email_key, received_s, kinds, self._see, reader=reader)
        self.won: dict[str, bool | None] = {}
        self.first_at_s: dict[str, float] = {}
        self._house = house
        self._watch = watch
        self._fairness = EvaluatedFairness(house)
        self._served, self._by_rules = Scores(), Scores()
        self._seen: list[tuple[ScoredRow, list[Alone]]] = []
        self._vectors: Reservoir[Features] = Reservoir(VECTORS_KEPT)
        self._events = 0
        self._elapsed_s = 0.0

    def take_in(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Take in events, topic and value of each, in the order of arrival."""
        started_s = time.perf_counter()
        for topic, value in lines:
            self._events += 1
            self.stream.feed(topic, value)
            for row, by_models in self._seen:
                self._settle(row, by_models)
            self._seen.clear()
        self._elapsed_s += time.perf_counter() - started_s

    def leads(self) -> dict[str, list[ScoredLead]]:
        """Return what was scored, by the blend as it went out, each model, and the rules alone."""
        models = {kind: model.scores for kind, model in self.stream.models.items()}
        ways = {SERVED: self._served, **models, RULES: self._by_rules}
        return {name: scores.leads(self.won) for name, scores in ways.items()}

    def report(self) -> dict[str, Any]:
        """Return counts, speeds, and what ``stream.quality`` makes of the scores.

        What stands on top is of the scores as they went out; ``models`` has the same of each model
        without the rules, with what ``EvaluatedModel.figures`` says, and of the rules alone.
        ``tasks``: what is learned beside ``p_convert``, each example predicted before its label.
        ``fairness`` is there where attributes are declared for it.
        """
        stream, leads = self.stream, self.leads()
        decided = [lead.won for lead in leads[SERVED] if lead.won is not None and lead.p]
        first_at_s = min(self.first_at_s.values(), default=None)
        models: dict[str, Any] = {
            kind: {**quality(leads[kind]), **model.figures(self._vectors.rows)}
            for kind, model in stream.models.items()
        }
        fairness = {"fairness": self._fairness.report(self.won)} if self._fairness.is_asked else {}
        return {
            "events": self._events,
            "leads": len(self.won),
            "decided": len(decided),
            "undecided": len(self.won) - len(decided),
            "positives": sum(decided),
            "first_event_at": None if first_at_s is None else rfc3339(first_at_s),
            "last_event_at": None if first_at_s is None else rfc3339(stream.partition.now_s),
            "dead_letters": stream.outputs[topics.DEAD_LETTERS.name],
            "dead_letters_by_reason": dict(stream.reasons.most_common()),
            "first_dead_letters": stream.refused,
            "examples_learned": stream.champion.examples,
            **quality(leads[SERVED]),
            "models": {**models, RULES: quality(leads[RULES])},
            "tasks": stream.tasks.report(),
            **fairness,
            "events_per_s": round(self._events / self._elapsed_s, 1) if self._elapsed_s else None,
        }

    def _see(self, row: ScoredRow) -> None:
        """Have the models score what was scored just now, before they learn of it."""
        if self.won.setdefault(row.lead, None) is None:
            self.first_at_s.setdefault(row.lead, row.first_at_s)
            champion = self.stream.champion
            self._seen.append(
                (
                    row,
                    [
                        model.alone_of_served(row) if model is champion else model.alone(row)
                        for model in self.stream.models.values()
                    ],
                )
            )

    def _settle(self, row: ScoredRow, by_models: list[Alone]) -> None:
        lead = row.lead
        if self.won[lead] is not None:
            return
        state = self.stream.partition.leads.get(lead)
        if state is not None and state.outcome is not None:
            # This very event was the outcome: what was scored with it knows the label.
            self.won[lead] = state.outcome == WON
            return
        self._served.add(lead, row.p, row.tier)
        for model, scored in zip(self.stream.models.values(), by_models, strict=True):
            model.scores.add(lead, scored.p_convert, model.tier(scored, lead))
        tier = tier_of(row.by_rules.score, self._by_rules.former_tier(lead), self._house)
        self._by_rules.add(lead, row.by_rules.p_convert, tier)
        self._vectors.add(row.x)
        if self._fairness.is_asked:
            self._fairness.add(row, state)
        if self._watch is not None:
            self._watch(row)


def evaluate(
    lines: Iterable[tuple[str, bytes]],
    house: House,
    email_key: bytes,
    received_s: float,
    kinds: Sequence[str] = (CHAMPION,),
) -> dict[str, Any]:
    """Score every event before its lead's outcome is known, and compare; see ``Evaluation``."""
    evaluation = Evaluation(house, email_key, received_s, kinds)
    evaluation.take_in(lines)
    return evaluation.report()
