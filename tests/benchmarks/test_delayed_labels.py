"""What it costs that labels come late: the log loss beside an oracle that knows each at once.

Both learn the same vectors of the same simulated leads, and are asked about vectors of other
leads as of the same days: the oracle would otherwise know a lead's next vector by its last, which
is no matter of delay. Days are counted from the first event.
"""

import heapq
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson

from online_models.bayesian_logistic import BayesianLogisticRegression
from online_models.protocols import Features
from schemas import topics
from stream.lead.house import DAY_S, House, Labels
from stream.lead.outputs import Origin, epoch_s
from stream.lead.partition import Partition
from stream.lead.routing import Router
from stream.lead.scoring import Scored, score_one
from stream.offline import LogEntry
from stream.settings import Settings
from stream.simulator.simulation import Simulation

START = datetime(2026, 1, 1, tzinfo=UTC)
START_S = START.timestamp()
EVENTS, VISITORS_PER_DAY = 60_000, 32.0
OUTCOME_KNOWN_S = 45 * DAY_S
"""Before the simulation's end: of later vectors the outcome may come after it."""
LARGEST_RELATIVE_WEIGHT = 10.0


@dataclass(frozen=True)
class Labelled:
    """An example, as it left the fold."""

    occurred_s: float
    labelled_s: float
    x: dict[str, float | str]
    y: bool
    weight: float


class Live:
    """A model that scores with all that it has learned so far; weights are relative."""

    version = "1"

    def __init__(self) -> None:
        self.model = BayesianLogisticRegression()
        self.positives = self.negatives = 0
        self._weight_sum = 0.0

    def learn(self, one: Labelled) -> None:
        self._weight_sum += one.weight
        learned = self.positives + self.negatives + 1
        relative = one.weight * learned / self._weight_sum
        self.model.learn_one(one.x, one.y, min(LARGEST_RELATIVE_WEIGHT, relative))
        self.positives, self.negatives = self.model.positives, self.model.negatives

    def explain_one(self, x: Features) -> tuple[float, dict[str, float], float]:
        p = min(1 - 1e-12, max(1e-12, self.model.predict_proba_one(x)))
        return math.log(p / (1 - p)), {}, 0.0

    def scorer(self, _model: str, _version: str) -> "Live":
        return self


def fold(
    seed: int, house: House, live: Live | None, events: int
) -> Iterator[tuple[float, list[Labelled]]]:
    """Fold a simulation; yield the log's time and what was taught then, to the last horizon."""
    router = Router(b"a key for tests", house.sealer, replayed=True)
    partition = Partition(house, live or Live())
    if live is not None:
        partition.progress.versions["p_convert"] = live.version
    offset = 0

    def apply(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        nonlocal offset
        partition.apply(LogEntry(offset, 0, key, value, headers))
        offset += 1

    simulation = Simulation(
        events=events, seed=seed, start=START, visitors_per_day=VISITORS_PER_DAY
    )
    for number, event in enumerate(simulation):
        waiting = [(event.topic, event.key, event.value)]
        while waiting:
            topic, key, value = waiting.pop()
            origin = Origin(topic, number, offset, event.arrives_at)
            for output in router.route(key, value, origin).outputs:
                if output.topic == topics.LEAD_EVENTS.name:
                    apply(output.key, output.value, output.headers)
            batch = partition.take()
            waiting += [
                (o.topic, o.key, o.value)
                for o in batch.outputs
                if o.topic == topics.LEAD_FORWARDS.name
            ]
            yield event.arrives_at, list(_examples(batch.outputs))
    end_s = partition.now_s + house.horizon_s + DAY_S
    apply(None, orjson.dumps({"type": "tick", "now_s": end_s}), [])
    yield end_s, list(_examples(partition.take().outputs))


def _examples(outputs) -> Iterator[Labelled]:
    for output in outputs:
        if output.topic == topics.TRAINING_EXAMPLES.name and output.key == b"p_convert":
            body = orjson.loads(output.value)
            yield Labelled(
                epoch_s(body["occurred_at"]),
                epoch_s(body["labelled_at"]),
                body["x"],
                body["y"],
                body["weight"],
            )


def labelled(seed: int, house: House, events: int) -> list[Labelled]:
    """Return the examples that waiting for each label teaches, of vectors whose label is known."""
    waiting = replace(house, labels="wait", feedback_weight=0.0)
    taught = list(fold(seed, waiting, None, events))
    until_s = taught[-2][0] - min(house.horizon_s, OUTCOME_KNOWN_S)
    return [one for _, examples in taught for one in examples if one.occurred_s <= until_s]


class Asked:
    """Vectors of other leads, each asked about on its day; sums of weighted log loss."""

    def __init__(self, examples: list[Labelled], house: House) -> None:
        self._house = house
        self._left = [(one.occurred_s, n, one) for n, one in enumerate(examples)]
        heapq.heapify(self._left)
        self.losses: list[tuple[float, float, float]] = []

    def until(self, now_s: float, live: Live) -> None:
        while self._left and self._left[0][0] <= now_s:
            at_s, _, one = heapq.heappop(self._left)
            day = (at_s - START_S) / DAY_S
            scored: Scored = score_one(one.x, {"": float(one.x["points"])}, live, self._house)
            p = scored.p_convert if one.y else 1 - scored.p_convert
            self.losses.append((day, one.weight, -math.log(max(p, 1e-12))))

    def log_loss(self, from_day: float) -> float:
        counted = [(w, loss) for day, w, loss in self.losses if day >= from_day]
        return sum(w * loss for w, loss in counted) / sum(w for w, _ in counted)


def compared(
    seed: int,
    other: int,
    house: House,
    ways: Sequence[Labels] = ("wait", "fake_negative"),
    events: int = EVENTS,
) -> dict[str, Asked]:
    """Return what each way of labelling and the oracle make of another simulation's leads."""
    known, asked = labelled(seed, house, events), labelled(other, house, events)
    oracle, result = Live(), {"oracle": Asked(asked, house)}
    for one in sorted(known, key=lambda one: one.occurred_s):
        result["oracle"].until(one.occurred_s, oracle)
        oracle.learn(one)
    for way in ways:
        live, result[way] = Live(), Asked(asked, house)
        for now_s, examples in fold(seed, replace(house, labels=way), live, events):
            result[way].until(now_s, live)
            for one in examples:
                live.learn(one)
    return result


def told(result: dict[str, Asked], from_days: tuple[float, ...] = (0, 30, 60, 90)) -> str:
    """Return the log losses as rows of a table, and each against the oracle's."""
    rows = []
    for way, asked in result.items():
        losses = [(asked.log_loss(day), result["oracle"].log_loss(day)) for day in from_days]
        cells = [f"{loss:.4f} ({loss / best:.3f})" for loss, best in losses]
        rows.append(" | ".join([f"| {way}", *cells]) + " |")
    return "\n".join(rows)


def test_after_a_warm_up_labels_that_come_late_cost_less_than_two_per_cent():
    house = replace(Settings().house(), horizon_s=7 * DAY_S, feedback_weight=0.0)
    result = compared(1, 2, house, [house.labels], events=20_000)
    print(told(result, (0, 20)))
    assert result[house.labels].log_loss(20) < 1.02 * result["oracle"].log_loss(20)


if __name__ == "__main__":  # python tests/benchmarks/test_delayed_labels.py SEED OTHER_SEED DAYS
    first, second, days = (int(argument) for argument in sys.argv[1:])
    rules = replace(Settings().house(), horizon_s=days * DAY_S, feedback_weight=0.0)
    print(told(compared(first, second, rules)))
