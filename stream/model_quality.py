"""How well models do, as the learner sees it, and what it tells Prometheus of that."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import structlog

from online_models.drift import Alert
from online_models.fairness import GroupQuality
from online_models.metrics import RollingQuality
from schemas.learning import TrainingExample
from stream import metrics
from stream.gauges import remove, show
from stream.lead.contest import Contest
from stream.lead.house import House
from stream.lead.learner import Learned, Learner
from stream.lead.scoring import score_of
from stream.models import P_CONVERT

log = structlog.get_logger(__name__)

OF_MODELS = (metrics.AUC_RATIO, metrics.LOG_LOSS, metrics.CALIBRATION_ERROR)
OF_CONTESTANTS = (metrics.CONTESTANT_LOG_LOSS, metrics.CHALLENGER_ADVANTAGE)


class ModelQuality:
    """Figures over the newest examples: of what was served, of each contestant, of groups.

    Parameters
    ----------
    house
        The rules of the house: which attributes make groups, and who is hot.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._served: dict[str, RollingQuality] = defaultdict(RollingQuality)
        self._contestants: dict[tuple[str, str], RollingQuality] = defaultdict(RollingQuality)
        self._agreement = RollingQuality()
        self._groups = {
            attribute: GroupQuality(rows_per_lead=house.samples_per_lead)
            for attribute in sorted(house.group_attributes)
        }

    def add(
        self, contest: Contest[Learner], example: TrainingExample, learned: Mapping[str, Learned]
    ) -> None:
        """Take in an example and what came of it, by kind."""
        champion = learned.get(contest.champion)
        if champion is None:
            return
        name, y = contest.name, example.y
        metrics.EXAMPLES_LEARNED.labels(name, "positive" if y else "negative").inc()
        for alert in champion.alerts:
            _tell(name, alert)
        if example.source == "feedback":
            self._agreement.add(y, example.p_convert)
            return
        self._served[name].add(y, example.p_convert)
        for kind, of in learned.items():
            self._contestants[name, kind].add(y, of.p)
        if name == P_CONVERT and self._groups:
            self._compare_groups(contest, example)

    def publish(self, contests: Iterable[Contest[Learner]]) -> None:
        """Set the gauges."""
        for contest in contests:
            self._publish(contest)
        show(metrics.SALES_AGREEMENT_RATIO, self._agreement.auc(), P_CONVERT)
        metrics.observe_fairness(
            {(P_CONVERT, attribute): groups.report() for attribute, groups in self._groups.items()}
        )

    def withdraw(self, contests: Iterable[Contest[Learner]]) -> None:
        """Take the gauges back: somebody else learns now."""
        metrics.observe_fairness({})
        remove(metrics.SALES_AGREEMENT_RATIO, P_CONVERT)
        for contest in contests:
            for gauge in OF_MODELS:
                remove(gauge, contest.name)
            for kind in contest.contestants:
                for gauge in OF_CONTESTANTS:
                    remove(gauge, contest.name, kind)

    def _publish(self, contest: Contest[Learner]) -> None:
        name, served = contest.name, self._served[contest.name]
        show(metrics.AUC_RATIO, served.auc(), name)
        show(metrics.LOG_LOSS, served.log_loss(), name)
        show(metrics.CALIBRATION_ERROR, served.calibration_error(), name)
        for kind, contestant in contest.contestants.items():
            show(metrics.CONTESTANT_LOG_LOSS, self._contestants[name, kind].log_loss(), name, kind)
            if kind != contest.champion:
                advantage = contestant.challenge.advantage
                show(metrics.CHALLENGER_ADVANTAGE, advantage, name, kind)

    def _compare_groups(self, contest: Contest[Learner], example: TrainingExample) -> None:
        model = contest.learner.model
        score = score_of(example.p_convert, model.positives, model.negatives, self._house)
        for attribute, groups in self._groups.items():
            group = example.groups.get(attribute)
            if group is not None:
                groups.add(group, example.y, example.p_convert, score >= self._house.hot_at)


def _tell(name: str, alert: Alert) -> None:
    what = alert.what.partition(":")[0]  # features are named after what leads said
    metrics.DRIFT_ALERTS.labels(name, what, alert.detector).inc()
    log.warning("drift", model=name, what=what, detector=alert.detector)
