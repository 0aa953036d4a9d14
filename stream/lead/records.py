"""What the fold takes and gives: records of the log, models by version, batches of outcomes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from online_models.policy.protocol import Acting
from online_models.protocols import Scorer
from online_models.segment_scorer import SegmentScorer
from online_models.served_deal_value import PredictsDealValue
from online_models.served_lifetime_value import PredictsLifetimeValue
from online_models.topic_scorer import TopicScorer
from online_models.uplift_effect import PredictsUplift
from stream.lead.decide import Decision
from stream.lead.outputs import Output


class Record(Protocol):
    """A record of the log, as Kafka clients hand it over."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Iterable[tuple[str, bytes]]: ...  # noqa: D102


class Models(Protocol):
    """Where the fold finds the versions that its log names."""

    def scorer(self, model: str, version: str) -> Scorer | None:
        """Return a version, or None if it is not to be had any more."""
        ...

    def acting(self, version: str) -> Acting | None:
        """Return a version of the policy, or None if it is not to be had any more."""
        ...

    def uplift(self, version: str) -> PredictsUplift | None:
        """Return a version of what predicts uplift, or None if it is not to be had any more."""
        ...

    def lifetime_value(self, version: str) -> PredictsLifetimeValue | None:
        """Return a version of what predicts lifetime value, or None if it is not to be had."""
        ...

    def deal_value(self, version: str) -> PredictsDealValue | None:
        """Return a version of what predicts a lead's deal, or None if it is not to be had."""
        ...

    def segments(self, version: str) -> SegmentScorer | None:
        """Return a version of what assigns leads to segments, or None if it is not to be had."""
        ...

    def topics(self, version: str) -> TopicScorer | None:
        """Return a version of what assigns texts to topics, or None if it is not to be had."""
        ...


@dataclass(slots=True)
class Batch:
    """What a batch of records led to: outputs to send, states to log, counts for metrics.

    ``erased`` holds the hashes of erased addresses.
    """

    outputs: list[Output] = field(default_factory=list)
    touched: dict[str, None] = field(default_factory=dict)
    erased: dict[str, None] = field(default_factory=dict)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    suppressed: Counter[tuple[str, str]] = field(default_factory=Counter)
    machines: Counter[tuple[str, str]] = field(default_factory=Counter)
    scored: list[tuple[str, float]] = field(default_factory=list)
    overflows: int = 0

    def add(self, address: str, kind: str, decision: Decision) -> None:
        """Take over a decision's outputs and counts."""
        self.outputs += decision.outputs
        self.events[kind, decision.outcome] += 1
        for verdict in decision.verdicts:
            if verdict.suppressed is not None:
                self.suppressed[verdict.rule, verdict.suppressed] += 1
        self.machines.update(decision.machines)
        if decision.scored is not None:
            self.scored.append((address, decision.scored.p_convert))
