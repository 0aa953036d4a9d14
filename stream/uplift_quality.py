"""How well uplift is predicted, as the learner sees it, and what it tells Prometheus of that."""

from collections import deque
from collections.abc import Mapping

from online_models.qini import qini_coefficient, uplift_at
from online_models.uplift_parts import LEAST
from schemas.learning import TrainingExample
from stream import metrics
from stream.gauges import remove, show
from stream.lead.contest import Contest
from stream.lead.learner import Learned
from stream.lead.uplift_learner import UpliftLearner

WINDOW = 10_000
"""Labels that are looked at, the newest: control groups are small, and conversions few."""
THIRD = 1.0 / 3.0
GROUPS = ("all", "first_third", "last_third")


class UpliftQuality:
    """The newest leads of either arm, with the effects predicted just before their labels.

    As with ``p_convert``, a lead that converts after it was taken for one that does not counts
    once more.
    """

    def __init__(self) -> None:
        self._rows: deque[tuple[bool, bool, float]] = deque(maxlen=WINDOW)

    def add(
        self,
        contest: Contest[UpliftLearner],
        example: TrainingExample,
        learned: Mapping[str, Learned],
    ) -> None:
        """Take in an example, and what had been predicted of it."""
        champion = learned.get(contest.champion)
        if champion is None:
            return
        label = "positive" if example.y else "negative"
        metrics.EXAMPLES_LEARNED.labels(contest.name, label).inc()
        self._rows.append((example.y, bool(example.is_treated), champion.p))

    def publish(self, contest: Contest[UpliftLearner]) -> None:
        """Set the gauges, once either arm has leads enough to be compared."""
        treated = sum(is_treated for _, is_treated, _ in self._rows)
        if min(treated, len(self._rows) - treated) < LEAST:
            return
        y, is_treated, effect = (list(column) for column in zip(*self._rows, strict=True))
        show(metrics.QINI_RATIO, qini_coefficient(y, is_treated, effect), contest.name)
        found = (
            uplift_at(1.0, y, is_treated, effect),
            uplift_at(THIRD, y, is_treated, effect),
            uplift_at(THIRD, y, is_treated, [-one for one in effect]),
        )
        for group, difference in zip(GROUPS, found, strict=True):
            show(metrics.UPLIFT_RATIO, difference, contest.name, group)

    def withdraw(self, contest: Contest[UpliftLearner]) -> None:
        """Take the gauges back: somebody else learns now."""
        remove(metrics.QINI_RATIO, contest.name)
        for group in GROUPS:
            remove(metrics.UPLIFT_RATIO, contest.name, group)
