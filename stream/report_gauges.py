"""What reports tell Prometheus: what is to come or has stopped, topics of texts, deals' errors."""

from collections.abc import Iterable

from stream import metrics
from stream.gauges import remove
from stream.reports.deal_value import FORECASTERS, DealValueReport
from stream.reports.forecast import SERIES, ForecastReport
from stream.reports.learner import ReportLearner
from stream.reports.topics import TopicsReport

BOUNDS = ("mean", "lower", "upper")


class ReportGauges:
    """The gauges of all reports."""

    def __init__(self) -> None:
        self._watched: set[str] = set()
        self._topics: set[str] = set()

    def publish(self, reports: Iterable[ReportLearner]) -> None:
        """Set the gauges."""
        for learner in reports:
            report = learner.report
            if isinstance(report, TopicsReport):
                self._publish_topics(report)
            if isinstance(report, DealValueReport):
                metrics.DEALS_LEARNED.set(report.deals)
                for by, error_minor in report.errors_minor().items():
                    metrics.DEAL_VALUE_ERROR.labels(by).set(error_minor)
            if not isinstance(report, ForecastReport):
                continue
            for name, stands in report.standing.items():
                metrics.INFLOW_BELOW_USUAL.labels(name).set(stands)
                self._watched.add(name)
            for name, day in report.next_day().items():
                for bound in BOUNDS:
                    value = getattr(day, bound)
                    metrics.FORECAST_NEXT_DAY.labels(name, bound).set(value)

    def _publish_topics(self, report: TopicsReport) -> None:
        texts = report.texts_by_topic()
        for topic in self._topics - texts.keys():
            remove(metrics.TOPIC_TEXTS, topic)
        for topic, count in texts.items():
            metrics.TOPIC_TEXTS.labels(topic).set(count)
        self._topics = set(texts)

    def withdraw(self) -> None:
        """Take the gauges back: somebody else learns now."""
        for name in self._watched:
            remove(metrics.INFLOW_BELOW_USUAL, name)
        for name in SERIES:
            for bound in BOUNDS:
                remove(metrics.FORECAST_NEXT_DAY, name, bound)
        for topic in self._topics:
            remove(metrics.TOPIC_TEXTS, topic)
        metrics.DEALS_LEARNED.set(0)
        for by in FORECASTERS:
            remove(metrics.DEAL_VALUE_ERROR, by)
        self._watched.clear()
        self._topics.clear()
