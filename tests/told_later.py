"""Metrics that a worker does not show from the start, and why."""

from stream.metrics import REGISTRY

_GROUPS = (
    "leadstream_group_",
    "leadstream_fairness_",
    "leadstream_collect_requests",
    "leadstream_personalizer_",
    "leadstream_webhook_",
)
WHERE_SOMETHING_IS_WRONG = {
    "leadstream_milestones_refused",
    "leadstream_batch_retries",
    "leadstream_machine_events",
    "leadstream_snapshots_refused",
}
"""Metrics without samples while all goes well and only people act."""
WHERE_THERE_IS_MORE_TO_TELL = {
    "leadstream_forecast_next_day",
    "leadstream_inflow_below_usual",
    "leadstream_mean_reward",
    "leadstream_policy_advantage_reward",
    "leadstream_transitions_learned",
    "leadstream_deal_value_error_minor",
    "leadstream_drift_alerts",
    "leadstream_promotions",
    "leadstream_qini_ratio",
    "leadstream_sales_agreement_ratio",
    "leadstream_segment_changes",
    "leadstream_topic_texts",
    "leadstream_uplift_ratio",
    *(f.name for f in REGISTRY.collect() if f.name.startswith(_GROUPS)),
}
"""Metrics without samples until there are thousands of examples, verdicts, groups, policies or a
control group; and those of a collector or a deliverer, which are other processes."""
