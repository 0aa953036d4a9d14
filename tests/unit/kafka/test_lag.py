"""How far a worker is behind, as metrics show it."""

from faust.types import TP

from stream import metrics
from stream.kafka.lag import observe_lag


def _shown() -> dict[tuple[str, str], float]:
    (family,) = metrics.CONSUMER_LAG_RECORDS.collect()
    return {(s.labels["topic"], s.labels["partition"]): s.value for s in family.samples}


def test_lag_is_shown_by_topic_and_partition_without_the_prefix() -> None:
    observe_lag({TP("eu-lead-events", 0): 7, TP("eu-page-views", 3): 0}, "eu-")

    assert _shown() == {("lead-events", "0"): 7, ("page-views", "3"): 0}


def test_a_partition_that_has_gone_to_another_worker_is_shown_no_more() -> None:
    observe_lag({TP("lead-events", 0): 7, TP("lead-events", 1): 2}, "")
    observe_lag({TP("lead-events", 1): 3}, "")

    assert _shown() == {("lead-events", "1"): 3}
