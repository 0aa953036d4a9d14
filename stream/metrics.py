"""Every metric, once: name with prefix and base unit, labels, and a sentence.

No lead ids, no personal data and nothing unbounded in labels.
"""

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from online_models.fairness import MEASURES, Fairness

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)  # start, memory and CPU, under everybody's names; on Linux

_LATENCY_BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip

EVENTS = Counter(
    "leadstream_events",
    "Events by role, type and what became of them.",
    ("role", "type", "outcome"),
    registry=REGISTRY,
)
DEAD_LETTERS = Counter(
    "leadstream_dead_letters",
    "Events refused, by role and reason code.",
    ("role", "reason"),
    registry=REGISTRY,
)
SEGMENT_CHANGES = Counter(
    "leadstream_segment_changes",
    "Leads that came into another segment, by how segments came about (learned, rule).",
    ("kind",),
    registry=REGISTRY,
)
COLLECT_REQUESTS = Counter(
    "leadstream_collect_requests",
    "Requests to the collector, by endpoint and HTTP status.",
    ("endpoint", "status"),
    registry=REGISTRY,
)
COLLECT_SECONDS = Histogram(
    "leadstream_collect_seconds",
    "Time that the collector took to answer, Kafka's acknowledgement included.",
    buckets=_LATENCY_BUCKETS_S,
    registry=REGISTRY,
)
COLLECT_IN_FLIGHT_BYTES = Gauge(
    "leadstream_collect_in_flight_bytes",
    "Bytes of requests to the collector that wait for Kafka's acknowledgement.",
    registry=REGISTRY,
)
PERSONALIZER_REQUESTS = Counter(
    "leadstream_personalizer_requests",
    "Requests to the personalizer, by endpoint and HTTP status.",
    ("endpoint", "status"),
    registry=REGISTRY,
)
PERSONALIZER_SECONDS = Histogram(
    "leadstream_personalizer_seconds",
    "Time that the personalizer took to answer, Kafka's acknowledgement included.",
    buckets=_LATENCY_BUCKETS_S,
    registry=REGISTRY,
)
PERSONALIZER_OUTCOMES = Counter(
    "leadstream_personalizer_outcomes",
    "What became of ranked events (rewarded, not_rewarded, not_shown), and of rewards that do not "
    "count (reward_repeated, reward_of_no_event).",
    ("outcome",),
    registry=REGISTRY,
)
PERSONALIZER_PENDING = Gauge(
    "leadstream_personalizer_pending",
    "Ranked events whose rewards the personalizer waits for.",
    registry=REGISTRY,
)
WEBHOOK_ATTEMPTS = Counter(
    "leadstream_webhook_attempts",
    "Attempts to deliver, by endpoint and outcome (delivered, no_answer, status_410, 5xx, …).",
    ("endpoint", "outcome"),
    registry=REGISTRY,
)
WEBHOOK_SECONDS = Histogram(
    "leadstream_webhook_seconds",
    "Time that an endpoint took to answer, or that it was waited for.",
    ("endpoint",),
    buckets=_LATENCY_BUCKETS_S,
    registry=REGISTRY,
)
WEBHOOK_WAITING = Gauge(
    "leadstream_webhook_waiting",
    "Messages that this process has read and the endpoint has not taken yet.",
    ("endpoint",),
    registry=REGISTRY,
)
WEBHOOK_OLDEST_WAITING_SECONDS = Gauge(
    "leadstream_webhook_oldest_waiting_seconds",
    "How long the oldest message that the endpoint has not taken has been in Kafka.",
    ("endpoint",),
    registry=REGISTRY,
)
WEBHOOK_DISABLED = Gauge(
    "leadstream_webhook_disabled",
    "1 while the endpoint is disabled: it has answered 410 and was not re-enabled.",
    ("endpoint",),
    registry=REGISTRY,
)
SCORE_CHANGES = Counter(
    "leadstream_score_changes",
    "Score changes sent, by the tier after the change.",
    ("tier",),
    registry=REGISTRY,
)
TRIGGERS = Counter(
    "leadstream_triggers", "Nurture triggers sent, by rule.", ("rule",), registry=REGISTRY
)
TRIGGERS_SUPPRESSED = Counter(
    "leadstream_triggers_suppressed",
    "Nurture triggers held back, by rule and reason.",
    ("rule", "reason"),
    registry=REGISTRY,
)
MACHINE_EVENTS = Counter(
    "leadstream_machine_events",
    "Events that mail scanners and crawlers made, by type and how they were recognised.",
    ("type", "reason"),
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "leadstream_batch_seconds",
    "Time from taking a batch to its commit.",
    ("role",),
    buckets=_LATENCY_BUCKETS_S,
    registry=REGISTRY,
)
BATCH_EVENTS = Histogram(
    "leadstream_batch_events",
    "Records in a batch.",
    ("role",),
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
    registry=REGISTRY,
)
EVENT_SECONDS = Histogram(
    "leadstream_event_seconds",
    "Time from a record's arrival in its topic until what it led to was sent, by role.",
    ("role",),
    buckets=_LATENCY_BUCKETS_S,
    registry=REGISTRY,
)
EVENT_TIME_LAG_SECONDS = Gauge(
    "leadstream_event_time_lag_seconds",
    "How far the log's time of a partition is behind the clock.",
    ("partition",),
    registry=REGISTRY,
)
CONSUMER_LAG_RECORDS = Gauge(
    "leadstream_consumer_lag_records",
    "Committed records of a partition that its worker had not fetched when it last looked.",
    ("topic", "partition"),
    registry=REGISTRY,
)
LEADS = Gauge(
    "leadstream_leads",
    "Leads whose state is held, by partition.",
    ("partition",),
    registry=REGISTRY,
)
STATE_OVERFLOWS = Counter(
    "leadstream_state_overflows",
    "Times that something did not fit into a lead's bounded state.",
    registry=REGISTRY,
)
RESTORE_SECONDS = Gauge(
    "leadstream_restore_seconds",
    "Time that the last restore of a partition's states took.",
    ("partition",),
    registry=REGISTRY,
)
RETRIES = Counter(
    "leadstream_batch_retries",
    "Batches that were taken back and done again, by role.",
    ("role",),
    registry=REGISTRY,
)
STALLED = Gauge(
    "leadstream_stalled_parts",
    "Parts of the process that have not got on for longer than allowed; it ends if they stay so.",
    registry=REGISTRY,
)
SNAPSHOT_AGE_SECONDS = Gauge(
    "leadstream_snapshot_age_seconds",
    "Time since the newest version of a model that this process has came in.",
    ("model",),
    registry=REGISTRY,
)
SNAPSHOTS_REFUSED = Counter(
    "leadstream_snapshots_refused",
    "Records of models that were refused, checkpoints too, by model and reason.",
    ("model", "reason"),
    registry=REGISTRY,
)
MODEL_VERSION = Gauge(
    "leadstream_model_version",
    "Examples behind the version that scores come from.",
    ("model",),
    registry=REGISTRY,
)
EXAMPLES_LEARNED = Counter(
    "leadstream_examples_learned",
    "Training examples learned, by model and label.",
    ("model", "label"),
    registry=REGISTRY,
)
LOG_LOSS = Gauge(
    "leadstream_log_loss_nats",
    "Log loss over the newest 1,000 labels, of predictions made before them.",
    ("model",),
    registry=REGISTRY,
)
AUC_RATIO = Gauge(
    "leadstream_auc_ratio",
    "Area under the ROC curve over the newest 1,000 labels, of predictions made before them.",
    ("model",),
    registry=REGISTRY,
)
CALIBRATION_ERROR = Gauge(
    "leadstream_calibration_error_ratio",
    "Expected calibration error over the newest 1,000 labels; some .03 of it are chance.",
    ("model",),
    registry=REGISTRY,
)
CONTESTANT_LOG_LOSS = Gauge(
    "leadstream_contestant_log_loss_nats",
    "Log loss of champion and challengers over the newest 1,000 labels, each just before it.",
    ("model", "kind"),
    registry=REGISTRY,
)
CHALLENGER_ADVANTAGE = Gauge(
    "leadstream_challenger_advantage_nats",
    "How much less a challenger loses an example than the champion, since the challenge began.",
    ("model", "kind"),
    registry=REGISTRY,
)
TRANSITIONS_LEARNED = Counter(
    "leadstream_transitions_learned",
    "Decisions whose reward became known, of leads acted upon (treated) and left alone (holdout).",
    ("model", "group"),
    registry=REGISTRY,
)
MEAN_REWARD = Gauge(
    "leadstream_mean_reward",
    "Mean reward of the newest decisions, of leads acted upon and left alone; what a policy in "
    "shadow would have earned.",
    ("model", "group"),
    registry=REGISTRY,
)
MILESTONES_REFUSED = Counter(
    "leadstream_milestones_refused_total",
    "Milestones that contradict what a report knows, or are out of range: passed over.",
    ("report",),
    registry=REGISTRY,
)
INFLOW_BELOW_USUAL = Gauge(
    "leadstream_inflow_below_usual",
    "1 while far fewer page views, or fills of a form, come in than usual at this hour.",
    ("series",),
    registry=REGISTRY,
)
TOPIC_TEXTS = Gauge(
    "leadstream_topic_texts",
    "Texts of each topic that leads write about, of the newest 2,000; `leadstream report topics` "
    "has the topics' names.",
    ("topic",),
    registry=REGISTRY,
)
DEALS_LEARNED = Gauge(
    "leadstream_deals_learned",
    "Won deals that values of deals were learned from; foretold from 20 on.",
    registry=REGISTRY,
)
DEAL_VALUE_ERROR = Gauge(
    "leadstream_deal_value_error_minor",
    "Mean absolute error of the newest deals' values in minor units, each before it was learned: "
    "by deal_value as foretold of the lead, by mean as the deals before were worth in the mean.",
    ("by",),
    registry=REGISTRY,
)
FORECAST_NEXT_DAY = Gauge(
    "leadstream_forecast_next_day",
    "New leads, deals and revenue (minor units) that the next day is to bring; bound is mean, "
    "lower or upper, of the 90 % interval.",
    ("series", "bound"),
    registry=REGISTRY,
)
POLICY_ADVANTAGE = Gauge(
    "leadstream_policy_advantage_reward",
    "By how much a challenger would have earned more a decision than the champion, at least.",
    ("model", "kind"),
    registry=REGISTRY,
)
QINI_RATIO = Gauge(
    "leadstream_qini_ratio",
    "How well predicted uplift ranks the newest 10,000 leads, each before its label was learned: "
    "Qini coefficient, 0 for chance; good models reach a few hundredths.",
    ("model",),
    registry=REGISTRY,
)
UPLIFT_RATIO = Gauge(
    "leadstream_uplift_ratio",
    "By how much the share that converts is larger among nurtured leads than among held-out ones: "
    "of the newest 10,000, of the third of them that was predicted to gain most, and of the third "
    "that was predicted to gain least.",
    ("model", "group"),
    registry=REGISTRY,
)
DRIFT_ALERTS = Counter(
    "leadstream_drift_alerts",
    "Times that loss, score or a feature of the champion was found to have changed for good.",
    ("model", "what", "detector"),
    registry=REGISTRY,
)
PROMOTIONS = Counter(
    "leadstream_promotions",
    "Times that a challenger became the champion by the rule.",
    ("model", "kind"),
    registry=REGISTRY,
)
GROUP_SELECTION_RATIO = Gauge(
    "leadstream_group_selection_ratio",
    "Share of a group that was hot when scored; groups are values of "
    "LEADSTREAM_GROUP_ATTRIBUTES, the ten largest by name.",
    ("model", "attribute", "group"),
    registry=REGISTRY,
)
GROUP_TRUE_POSITIVE_RATIO = Gauge(
    "leadstream_group_true_positive_ratio",
    "Share of a group's won leads that was hot when scored.",
    ("model", "attribute", "group"),
    registry=REGISTRY,
)
GROUP_CALIBRATION_GAP_RATIO = Gauge(
    "leadstream_group_calibration_gap_ratio",
    "Mean of a group's predictions less the share of it that won.",
    ("model", "attribute", "group"),
    registry=REGISTRY,
)
FAIRNESS_GAP_RATIO = Gauge(
    "leadstream_fairness_gap_ratio",
    "Largest gap of two groups that is more than noise, 0 where none is: of calibration and true "
    "positives the difference, of selection what the less selected lacks of the other's share.",
    ("model", "attribute", "measure"),
    registry=REGISTRY,
)
_GROUP_GAUGES = {
    "selection": GROUP_SELECTION_RATIO,
    "true_positive": GROUP_TRUE_POSITIVE_RATIO,
    "calibration": GROUP_CALIBRATION_GAP_RATIO,
}


def observe_fairness(found: Mapping[tuple[str, str], Fairness]) -> None:
    """Show how groups compare, by model and attribute; what was shown before is taken down.

    No more than the largest groups have a name in it (``online_models.fairness.named_groups``).
    """
    for gauge in (*_GROUP_GAUGES.values(), FAIRNESS_GAP_RATIO):
        gauge.clear()
    for (model, attribute), fairness in found.items():
        for measure in MEASURES:
            for group, figure in fairness.figures[measure].items():
                _GROUP_GAUGES[measure].labels(model, attribute, group).set(figure.value)
            gap = fairness.gaps.get(measure)
            size = gap.size if gap is not None and gap.is_certain else 0.0
            FAIRNESS_GAP_RATIO.labels(model, attribute, measure).set(size)


SALES_AGREEMENT_RATIO = Gauge(
    "leadstream_sales_agreement_ratio",
    "Share of pairs of an accepted and a rejected lead whose scores before the verdict were in "
    "that order, over the newest 1,000 verdicts of sales; 0.5 is chance.",
    ("model",),
    registry=REGISTRY,
)


def observe_batch(role: str, arrived_ms: Sequence[int], elapsed_s: float, now_s: float) -> None:
    """Count a batch that is done.

    Parameters
    ----------
    arrived_ms
        When each of its records arrived in its topic, epoch milliseconds.
    elapsed_s
        How long the batch took.
    now_s
        The clock, epoch seconds.
    """
    BATCH_SECONDS.labels(role).observe(elapsed_s)
    BATCH_EVENTS.labels(role).observe(len(arrived_ms))
    latency = EVENT_SECONDS.labels(role)
    for at_ms in arrived_ms:
        latency.observe(max(0.0, now_s - at_ms / 1000.0))
