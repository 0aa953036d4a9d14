"""What is learned beside ``p_convert`` in an evaluation: opens, returns, purchases."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from online_models import metrics
from online_models.catalogue import build_model
from schemas.learning import TrainingExample
from stream.evaluated_models import SNAPSHOT_EVERY_EXAMPLES
from stream.lead.house import House
from stream.lead.labels import MODEL, tasks_of
from stream.lead.learner import Learner
from stream.models import SnapshotStore

DIGITS = 4


@dataclass(slots=True)
class _Task:
    learner: Learner
    y: list[bool] = field(default_factory=list)
    p: list[float] = field(default_factory=list)


class EvaluatedTasks:
    """A model a task: each learns its examples, and serves as the log would say it.

    Parameters
    ----------
    house
        Says which tasks there are.
    kind
        What learns.
    store, versions
        Where versions are published, and which of them are in use.
    """

    def __init__(
        self, house: House, kind: str, store: SnapshotStore, versions: MutableMapping[str, str]
    ) -> None:
        self._tasks = {
            name: _Task(Learner(name, kind, build_model))
            for name in tasks_of(house)
            if name != MODEL
        }
        self._store = store
        self._versions = versions

    def learn(self, example: TrainingExample, offset: int) -> None:
        """Learn an example, and publish each so many."""
        task = self._tasks.get(example.model)
        if task is None:
            return
        task.y.append(example.y)
        task.p.append(example.p_convert)
        task.learner.learn(example, offset)
        if len(task.y) % SNAPSHOT_EVERY_EXAMPLES == 0:
            self._publish(task.learner)

    def report(self) -> dict[str, Any]:
        """Return how many examples each task had, and how well they were predicted before."""
        return {
            name: {
                "examples": len(task.y),
                "positives": sum(task.y),
                "auc": _figure(metrics.auc, task),
                "log_loss": _figure(metrics.log_loss, task),
                "calibration_error": _figure(metrics.calibration_error, task),
            }
            for name, task in self._tasks.items()
        }

    def _publish(self, learner: Learner) -> None:
        former = self._versions.get(learner.name)
        record = learner.snapshot()
        self._store.put(record.key.decode(), record.value)
        self._versions[learner.name] = learner.version
        if former is not None:
            self._store.put(f"{learner.name}/{former}", None)


def _figure(metric: metrics.Metric, task: _Task) -> float | None:
    value = metric(task.y, task.p)
    return None if value is None else round(value, DIGITS)
