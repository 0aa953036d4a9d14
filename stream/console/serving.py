"""The console of a worker: its parts put together."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from stream import metrics
from stream.console.audience import Audience
from stream.console.board import Board
from stream.console.feed import ConsoleFeed
from stream.console.pages import Console
from stream.console.rows import models_view
from stream.model_decisions import decided, write_records
from stream.models import SnapshotStore
from stream.report_sources import report_from_kafka
from stream.reports.report import Report
from stream.settings import Settings

MEASURED = {
    "auc": metrics.AUC_RATIO,
    "log_loss": metrics.LOG_LOSS,
    "calibration_error": metrics.CALIBRATION_ERROR,
    "contestant_log_loss": metrics.CONTESTANT_LOG_LOSS,
    "challenger_advantage": metrics.CHALLENGER_ADVANTAGE,
    "drift_alerts": metrics.DRIFT_ALERTS,
    "promotions": metrics.PROMOTIONS,
}


class ServedConsole:
    """Follows the outputs, and serves the page.

    Parameters
    ----------
    store
        The versions of the models, kept in step by somebody else.
    health
        Returns what the health line says.
    """

    def __init__(
        self, settings: Settings, store: SnapshotStore, health: Callable[[], dict[str, Any]]
    ) -> None:
        self._settings = settings
        self._store = store
        board, audience = Board(settings.house().erasure_key), Audience()
        self._feed = ConsoleFeed(settings, board, audience)
        self.pages = Console(
            board,
            audience,
            lambda: models_view(store, measured()),
            self._report,
            self._decide,
            health,
            may_decide=bool(settings.web_token.get_secret_value()),
        )

    def start(self) -> None:
        """Follow the outputs."""
        self._feed.start()

    async def stop(self) -> None:
        """Follow them no longer."""
        await self._feed.stop()

    async def _report(self, name: str) -> Report:
        # On a loop of its own: reading takes seconds in which events would wait here.
        return await asyncio.to_thread(asyncio.run, report_from_kafka(self._settings, name))

    async def _decide(self, decision: str, model: str, chosen: str | None) -> str:
        interval_s = self._settings.checkpoint_interval_s
        records, said = decided(self._store, decision, model, chosen, interval_s)
        await write_records(self._settings, records)
        return said


def measured() -> dict[str, list[tuple[Mapping[str, str], float]]]:
    """Return what this process has measured of its models: metric -> series, labels and value."""
    return {
        name: [
            (sample.labels, sample.value)
            for family in metric.collect()
            for sample in family.samples
            if not sample.name.endswith("_created")
        ]
        for name, metric in MEASURED.items()
    }
