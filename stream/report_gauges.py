"""What reports tell Prometheus: what is to come tomorrow, and what has stopped coming."""

from collections.abc import Iterable

from stream import metrics
from stream.gauges import remove
from stream.reports.forecast import SERIES, ForecastReport
from stream.reports.learner import ReportLearner

BOUNDS = ("mean", "lower", "upper")


class ReportGauges:
    """The gauges of all reports."""

    def __init__(self) -> None:
        self._watched: set[str] = set()

    def publish(self, reports: Iterable[ReportLearner]) -> None:
        """Set the gauges."""
        for learner in reports:
            report = learner.report
            if not isinstance(report, ForecastReport):
                continue
            for name, stands in report.standing.items():
                metrics.INFLOW_BELOW_USUAL.labels(name).set(stands)
                self._watched.add(name)
            for name, day in report.next_day().items():
                for bound in BOUNDS:
                    value = getattr(day, bound)
                    metrics.FORECAST_NEXT_DAY.labels(name, bound).set(value)

    def withdraw(self) -> None:
        """Take the gauges back: somebody else learns now."""
        for name in self._watched:
            remove(metrics.INFLOW_BELOW_USUAL, name)
        for name in SERIES:
            for bound in BOUNDS:
                remove(metrics.FORECAST_NEXT_DAY, name, bound)
        self._watched.clear()
