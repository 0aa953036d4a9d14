"""Every setting, once: its default, its unit and a sentence. Prefix ``LEADSTREAM_``."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from online_models.policy.catalogue import KINDS as POLICY_KINDS
from online_models.text_intents import checked_competitor
from schemas.base import Currency
from stream.collector.consents import parse_purposes
from stream.expected import ExpectedError
from stream.lead.actions import ActionsFileError, Catalogue, parse_catalogue
from stream.lead.actions_by_rule import DEFAULT_ACTIONS, EMAIL_ACTIONS, catalogue_of
from stream.lead.consent import GATES
from stream.lead.erasure import erasure_key
from stream.lead.groups import attribute_name, rules_that_see
from stream.lead.house import (
    OPT_IN_COUNTRIES,
    UNKNOWN_COUNTRY,
    House,
    Labels,
    PolicyMode,
    country_code,
)
from stream.lead.labels import MODEL, TASKS
from stream.lead.point_rules import PointRules, RulesFileError, parse_point_rules
from stream.lead.purchases import product_task
from stream.lead.rule_segments import (
    LEARNED_ID,
    RuleSegments,
    SegmentsFileError,
    parse_rule_segments,
)
from stream.lead.sealing import DEVELOPMENT_KEY, Sealer
from stream.lead.text_reading import ReadsTexts
from stream.reports.report import Terms

SECRETS_DIR = "LEADSTREAM_SECRETS_DIR"
"""Variable that names a directory of files, each named as the variable whose value it holds."""
DEFAULT_RULES = Path(__file__).parent / "lead" / "rules.toml"


def _checked_countries(text: str) -> str:
    for item in _items(text):
        if item not in {"*", UNKNOWN_COUNTRY} and country_code(item) == UNKNOWN_COUNTRY:
            raise ValueError(
                f"{item!r} is no country; give ISO 3166 codes like DE with commas between, "
                "* for everywhere, unknown for leads whose country is not known"
            )
    return text


def _countries(text: str) -> frozenset[str]:
    return frozenset(
        item if item in {"*", UNKNOWN_COUNTRY} else country_code(item) for item in _items(text)
    )


def _attributes(text: str) -> frozenset[str]:
    return frozenset(attribute_name(item) for item in _items(text))


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _checked_tasks(text: str) -> str:
    known = [task for task in TASKS if task != MODEL]
    for item in _items(text):
        if item not in known:
            raise ValueError(
                f"{item!r} is nothing that can be learned beside {MODEL}; known are "
                f"{', '.join(known)}, with commas between"
            )
    return text


def _checked_products(text: str) -> str:
    named: dict[str, str] = {}
    for item in _items(text):
        task = product_task(item)
        if task == product_task(""):
            raise ValueError(f"{item!r} has neither letter (a to z) nor digit to name a model by")
        if len(task) > MAX_MODEL_CHARACTERS:
            raise ValueError(f"{item!r} is too long: its model would be called {task!r}")
        if task in named:
            raise ValueError(f"{item!r} and {named[task]!r} would share the model {task!r}")
        named[task] = item
    if len(named) > MAX_PRODUCT_TASKS:
        raise ValueError(f"{len(named)} products; name the {MAX_PRODUCT_TASKS} that matter most")
    return text


def _checked_competitors(text: str) -> str:
    for item in _items(text):
        checked_competitor(item)
    return text


def _checked_origins(text: str) -> str:
    for item in _items(text):
        if item != "*" and not re.fullmatch(r"https?://[^/\s]+", item):
            raise ValueError(
                f"{item!r} is no origin; give scheme and host, like https://www.example.com, "
                "with commas between, or * for any"
            )
    return text


def _checked_consent_purposes(text: str) -> str:
    parse_purposes(text)
    return text


MAX_PRODUCT_TASKS = 8
MAX_MODEL_CHARACTERS = 64

Seconds = Annotated[float, Field(ge=0)]
Horizon = Annotated[float, Field(ge=60, le=10_368_000)]
"""From a minute to 120 days."""
Score = Annotated[float, Field(ge=0, le=100)]
Countries = Annotated[str, AfterValidator(_checked_countries)]
Tasks = Annotated[str, AfterValidator(_checked_tasks)]
Products = Annotated[str, AfterValidator(_checked_products)]
Competitors = Annotated[str, AfterValidator(_checked_competitors)]
Origins = Annotated[str, AfterValidator(_checked_origins)]
ConsentPurposes = Annotated[str, AfterValidator(_checked_consent_purposes)]
Rate = Annotated[float, Field(gt=0, lt=1)]


ModelKind = Literal[
    "bayesian_logistic",
    "logistic",
    "hashed_logistic",
    "paired_logistic",
    "ad_predictor",
    "linear_svm",
    "naive_bayes",
    "hoeffding_tree",
    "adaptive_forest",
    "neural",
    "ensemble",
]
"""The names in ``online_models.catalogue``, which itself takes a second to import."""


def _checked_kinds(text: str) -> str:
    kinds = get_args(ModelKind)
    for item in _items(text):
        if item not in kinds:
            raise ValueError(f"{item!r} is no kind of model; known are {', '.join(kinds)}")
    return text


ModelKinds = Annotated[str, AfterValidator(_checked_kinds)]


def _checked_policy(text: str) -> str:
    for item in _items(text):
        if item not in POLICIES:
            raise ValueError(f"{item!r} is no policy; known are {', '.join(POLICIES)}")
    return text


RULES = "rules"
ZERO_OR_ONE = "beta_thompson"
"""It learns rewards that are 0 or 1, and those of a house are none."""
POLICIES = (RULES, *(kind for kind in POLICY_KINDS if kind not in {RULES, ZERO_OR_ONE}))
PolicyKind = Annotated[str, Field(min_length=1), AfterValidator(_checked_policy)]
PolicyKinds = Annotated[str, AfterValidator(_checked_policy)]


class TextReaderMissingError(ExpectedError, ImportError):
    """What reads texts is not installed; the message says how to get it."""


class Settings(BaseSettings):
    """The settings of all commands; ``leadstream settings`` prints the effective ones."""

    model_config = SettingsConfigDict(
        env_prefix="LEADSTREAM_",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", description="Kafka's address, HOST:PORT, several with commas."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="The SASL mechanism, where the protocol has SASL."
    )
    kafka_sasl_username: str = Field("", description="The SASL user.")
    kafka_sasl_password: SecretStr = Field(SecretStr(""), description="The SASL password.")
    kafka_ssl_ca_file: Path | None = Field(
        None, description="PEM file of the authorities to trust; the system's when empty."
    )
    kafka_ssl_cert_file: Path | None = Field(
        None, description="PEM file of the client's certificate, where Kafka asks for one."
    )
    kafka_ssl_key_file: Path | None = Field(None, description="PEM file of the client's key.")
    app_id: str = Field(
        "leadstream",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Consumer group and prefix of transactional ids.",
    )
    topic_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="Put in front of every topic's name."
    )
    partitions: int = Field(
        8, ge=1, le=10_000, description="Partitions of topics that are spread over workers."
    )
    replication: int = Field(
        1, ge=1, le=10, description="Replicas of topics that leadstream creates; 3 in production."
    )
    delivery: Literal["exactly_once", "at_least_once"] = Field(
        "exactly_once",
        description="exactly_once needs a Kafka with transactions; the embedded broker has none.",
    )
    clock: Literal["wall", "event"] = Field(
        "wall",
        description="wall when live; event to take the time from replayed events themselves.",
    )
    email_key: SecretStr = Field(
        SecretStr("leadstream-development-key"),
        min_length=8,
        description="The secret that email addresses are hashed with; set your own, keep it.",
    )
    dead_letter_key: SecretStr = Field(
        SecretStr(DEVELOPMENT_KEY.decode()),
        min_length=8,
        description="The secret that dead letters are sealed with; set your own, keep it.",
    )
    dead_letter_old_keys: SecretStr = Field(
        SecretStr(""),
        description="Former LEADSTREAM_DEAD_LETTER_KEYs, with commas: they still open letters.",
    )
    model: ModelKind = Field(
        "bayesian_logistic",
        description="What learns to predict: the champion at the start.",
    )
    challengers: ModelKinds = Field(
        "logistic",
        description="What learns beside it on the same examples, with commas; empty for nothing.",
    )
    on_drift: Literal["raise_learning_rate", "replace", "tell"] = Field(
        "raise_learning_rate",
        description="What is done when the loss has risen for good: learn anew sooner, train a "
        "fresh model that takes over once it is better, or only tell.",
    )
    promotion: Literal["rule", "never"] = Field(
        "rule",
        description="rule: a challenger that predicts better beyond chance takes over by itself.",
    )
    policy: PolicyKind = Field(
        "rules",
        description="What chooses among the actions that are allowed: the champion at the start. "
        "rules takes the first of the catalogue.",
    )
    policy_challengers: PolicyKinds = Field(
        "",
        description="Policies that learn beside it from the same decisions, with commas.",
    )
    policy_mode: PolicyMode = Field(
        "serve",
        description="serve: the champion among policies chooses. shadow: rules choose, triggers "
        "say what the champion would have done. learn: rules choose, policies only learn.",
    )
    exploration_ratio: Rate = Field(
        0.1,
        description="Share of decisions drawn from all that is allowed, so that policies can learn "
        "and be compared, where one learns; and of leads that nurturing is found to harm, those "
        "that it goes on with, so that the finding stays tested, where there is a holdout.",
    )
    holdout_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0,
        description="Share of leads that are left alone, to compare the others with; a lead's "
        "group never changes. Above 0 it is learned whom nurturing drives away, and those are left "
        "alone as well.",
    )
    read_texts: bool = Field(
        False,
        description="Whether route reads what forms, mail answers and call notes say: language, "
        "sentiment, intents. Takes 100 MB a worker, and pip install 'leadstream[language]'.",
    )
    competitors: Competitors = Field(
        "",
        description="Competitors' names, with commas, whose mention in a text is the intent "
        "competitor, where texts are read.",
    )
    reports: bool = Field(
        True,
        description="Whether milestones of leads' journeys are learned from, for reports.",
    )
    currency: Currency = Field(
        "EUR",
        description="Currency of lifetime value, forecasts and returns, ISO 4217; amounts in "
        "others are counted apart, never added.",
    )
    leads_per_day: int = Field(
        0,
        ge=0,
        description="New leads that can be dealt with in a day; the forecast tells days that are "
        "to bring more. 0 for no such bound.",
    )
    rules_file: Path = Field(
        DEFAULT_RULES, description="TOML file of the point rules; the default's copy is a start."
    )
    max_poll_records: int = Field(
        500, ge=1, description="Records taken from Kafka at once, all partitions together."
    )
    fetch_max_wait_ms: int = Field(
        500, ge=1, le=5_000, description="Milliseconds that Kafka may wait for records to send."
    )
    session_timeout_s: Annotated[float, Field(ge=6, le=60)] = Field(
        8.0, description="Seconds of silence after which Kafka gives a worker's partitions away."
    )
    transaction_timeout_s: Annotated[float, Field(ge=1, le=60)] = Field(
        10.0, description="Seconds after which Kafka ends a dead worker's open transaction."
    )
    stall_timeout_s: Annotated[float, Field(ge=1)] = Field(
        60.0,
        description="Seconds without progress after which a worker is not ready; after twice as "
        "long it ends, to be started anew.",
    )
    tick_interval_s: Annotated[float, Field(ge=0.1, le=60)] = Field(
        5.0, description="Seconds between time marks on idle partitions, which timers go by."
    )
    snapshot_interval_s: Annotated[float, Field(ge=0.1)] = Field(
        1.0, description="Least seconds between two published versions of a model."
    )
    checkpoint_interval_s: Annotated[float, Field(ge=0.1)] = Field(
        30.0, description="Seconds between two checkpoints of the learner."
    )
    model_versions_kept: int = Field(
        1_000, ge=2, description="Published versions of a model that are kept to go back to."
    )
    snapshot_key: SecretStr = Field(
        SecretStr("leadstream-development-key"),
        min_length=8,
        description="The secret that models are signed with, the same for all workers.",
    )
    snapshot_limit_bytes: int = Field(
        4_194_304, ge=1_024, description="Bytes of a stored model above which it is refused."
    )
    web_host: str = Field("127.0.0.1", description="Address of metrics, health and leads.")
    web_port: int = Field(
        9108, ge=0, le=65_535, description="Port of metrics and health; 0 takes a free one."
    )
    web_token: SecretStr = Field(
        SecretStr(""),
        description="Who asks a worker about leads has to bring it; needed beyond loopback.",
    )
    console: bool = Field(
        False,
        description="Workers that score serve /console/, a page of leads, triggers and models.",
    )
    collect_host: str = Field(
        "127.0.0.1", description="Address at which `leadstream collect` takes events."
    )
    collect_port: int = Field(
        9109, ge=0, le=65_535, description="Port at which it does; 0 takes a free one."
    )
    write_keys: SecretStr = Field(
        SecretStr(""),
        description="Who sends events over HTTP has to bring one of these; with commas. A web "
        "page's key can be read by all of its visitors: give pages one of their own.",
    )
    collect_origins: Origins = Field(
        "",
        description="Origins of web pages that may send, like https://www.example.com, with "
        "commas; * for any.",
    )
    collect_consent_purposes: ConsentPurposes = Field(
        "Analytics=scoring,Advertising=nurturing",
        description="Which purpose a category of Segment's consent object stands for, as "
        "CATEGORY=PURPOSE with commas between; of several categories of a purpose all have to be "
        "granted. Empty reads none.",
    )
    pixel_key: SecretStr = Field(
        SecretStr(""),
        description="The secret that `leadstream pixel-url` signs with: opens of mails are taken "
        "from pixels so signed.",
    )
    sendgrid_verification_key: SecretStr = Field(
        SecretStr(""),
        description="SendGrid's verification key of its signed event webhook, which then may send "
        "to /v1/webhooks/sendgrid.",
    )
    mailgun_signing_key: SecretStr = Field(
        SecretStr(""),
        description="Mailgun's HTTP webhook signing key; its webhooks then may send to "
        "/v1/webhooks/mailgun.",
    )
    collect_in_flight_bytes: int = Field(
        33_554_432,
        ge=1_048_576,
        description="Bytes of requests over HTTP that may wait for Kafka; more are asked to come "
        "again.",
    )
    collect_timeout_s: Annotated[float, Field(gt=0, le=60)] = Field(
        5.0, description="Seconds that Kafka may take to acknowledge before the sender is told no."
    )
    personalizer_host: str = Field(
        "127.0.0.1", description="Address at which `leadstream personalizer` ranks."
    )
    personalizer_port: int = Field(
        9110, ge=0, le=65_535, description="Port at which it does; 0 takes a free one."
    )
    personalizer_keys: SecretStr = Field(
        SecretStr(""),
        description="Who asks the personalizer has to bring one of these, as "
        "Ocp-Apim-Subscription-Key; with commas.",
    )
    personalizer_epsilon: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="Share of what it ranks that is ranked by chance alone."
    )
    personalizer_reward_wait_s: Annotated[float, Field(ge=5, le=172_800)] = Field(
        600.0, description="Seconds after an event was shown in which its rewards count."
    )
    personalizer_default_reward: Annotated[float, Field(ge=-1, le=1)] = Field(
        0.0, description="Reward of an event that is not rewarded in that time."
    )
    personalizer_reward_aggregation: Literal["earliest", "sum"] = Field(
        "earliest", description="Which rewards of an event count."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severe log lines that are written."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="console for people, json for machines; auto looks for a terminal."
    )
    future_tolerance_s: Seconds = Field(
        300.0, description="Seconds that a sender's clock may be ahead."
    )
    late_grace_s: Seconds = Field(
        604_800.0, description="Seconds that an event may be late; a later one is refused."
    )
    duplicate_window_s: Seconds = Field(
        86_400.0, description="Seconds that a lead's event ids are remembered."
    )
    session_gap_s: Seconds = Field(
        1_800.0, description="Seconds without a page view that end a session."
    )
    scanner_delivery_s: Seconds = Field(
        5.0, description="Seconds after a mail's delivery within which only scanners open or click."
    )
    scanner_links: int = Field(
        3, ge=2, description="Links of one mail that only a scanner follows at once."
    )
    scanner_burst_s: Seconds = Field(
        5.0, description="Seconds within which that many links are followed at once."
    )
    lead_retention_s: Annotated[float, Field(gt=0)] = Field(
        34_560_000.0,
        description="Seconds without an event after which a lead is forgotten; over horizon_s.",
    )
    warm_at: Score = Field(60.0, description="Score at which a lead becomes warm.")
    hot_at: Score = Field(80.0, description="Score at which a lead becomes hot.")
    tier_margin: Score = Field(
        5.0, description="Score points below its threshold at which a tier is left again."
    )
    score_step: Score = Field(
        1.0, description="A score change goes out when the score moved this much; 0 is always."
    )
    base_rate_prior: Rate = Field(
        0.05, description="Share of leads that convert, as believed before learning."
    )
    points_to_double_odds: Annotated[float, Field(gt=0)] = Field(
        20.0, description="Rule points that double the odds of converting, before learning."
    )
    prior_strength: Annotated[float, Field(gt=0)] = Field(
        20.0,
        description="Labels of the rarer kind after which the model weighs as much as the rules.",
    )
    horizon_s: Horizon = Field(
        7_776_000.0, description="Seconds within which p_convert says a lead will convert."
    )
    labels: Labels = Field(
        "fake_negative",
        description="fake_negative: teach silence as a negative ahead of the horizon, and correct "
        "it where the lead converts after all; or wait for each label.",
    )
    fake_negative_s: Seconds = Field(
        2_592_000.0,
        description="Seconds without an outcome that fake_negative takes for a negative at most, "
        "where the horizon is longer; it follows how long conversions take.",
    )
    negatives_share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="Share of negatives that are taught, each weighing its inverse; for high "
        "rates.",
    )
    feedback_weight: Annotated[float, Field(ge=0, le=10)] = Field(
        0.25,
        description="How many scored vectors a verdict of sales weighs as an example; 0 for none.",
    )
    tasks: Tasks = Field(
        "opens_mail,p_purchase",
        description="What is learned beside p_convert, with commas: opens_mail, p_purchase, and "
        "returns_in_day, which takes a fifth more work an event and a tenth more memory a lead.",
    )
    products: Products = Field(
        "",
        description="Products, with commas, of which p_purchase has a model each, for cross-sell.",
    )
    returns_horizon_s: Horizon = Field(
        86_400.0, description="Seconds after a session's last event that returns_in_day is about."
    )
    opens_horizon_s: Horizon = Field(
        259_200.0, description="Seconds after a mail's delivery that opens_mail is about."
    )
    purchase_horizon_s: Horizon = Field(
        2_592_000.0, description="Seconds within which p_purchase says a customer will buy."
    )
    samples_per_lead: int = Field(
        2, ge=1, le=32, description="Scored vectors of a lead that are kept to learn from."
    )
    absence_s: Annotated[float, Field(gt=0)] = Field(
        604_800.0, description="Seconds without activity after which the absence rule fires."
    )
    actions_file: Path | None = Field(
        None,
        description="TOML file with what can be done with leads and what governs it; it takes the "
        "place of the settings of actions, cooldowns and email actions.",
    )
    segments_file: Path | None = Field(
        None,
        description="TOML file with segments that the house defines by rules; without one there "
        "are none but those that are learned.",
    )
    webhooks_file: Path | None = Field(
        None,
        description="TOML file with the endpoints that `leadstream deliver` posts scores and "
        "triggers to.",
    )
    cooldown_high_intent_s: Seconds = Field(
        3_600.0, description="Least seconds between two high_intent triggers of a lead."
    )
    cooldown_tier_rose_s: Seconds = Field(
        86_400.0, description="Least seconds between two tier_rose triggers of a lead."
    )
    cooldown_tier_fell_s: Seconds = Field(
        86_400.0, description="Least seconds between two tier_fell triggers of a lead."
    )
    cooldown_absence_s: Seconds = Field(
        604_800.0, description="Least seconds between two absence triggers of a lead."
    )
    cooldown_urgent_negative_s: Seconds = Field(
        86_400.0, description="Least seconds between two urgent_negative triggers of a lead."
    )
    trigger_ttl_s: Annotated[float, Field(gt=0)] = Field(
        259_200.0, description="Seconds for which a trigger may be acted upon."
    )
    action_high_intent: str = Field("call", description="Action that high_intent asks for.")
    action_tier_rose: str = Field("sales_alert", description="Action that tier_rose asks for.")
    action_tier_fell: str = Field("nurture_email", description="Action that tier_fell asks for.")
    action_absence: str = Field("win_back_email", description="Action that absence asks for.")
    action_urgent_negative: str = Field(
        "call", description="Action that urgent_negative asks for, where texts are read."
    )

    opt_in_scoring: Countries = Field(
        "", description="Countries in which a lead is scored only after it said yes to scoring."
    )
    opt_in_nurturing: Countries = Field(
        ",".join(OPT_IN_COUNTRIES),
        description="Countries in which triggers need a yes to nurturing; ISO 3166 codes with "
        "commas, `*` for everywhere, `unknown` where no country is known; elsewhere silence is a "
        "yes until a no.",
    )
    opt_in_email: Countries = Field(
        "", description="Countries in which actions by email need a yes to email as well."
    )
    email_actions: str = Field(
        ",".join(EMAIL_ACTIONS),
        description="Actions that reach the lead by email, with commas; a no to email holds them "
        "back.",
    )

    group_attributes: str = Field(
        "",
        description="Profile attributes, with commas, by whose values leads are compared for "
        "fairness; values of many leads become labels of metrics, so name none that tells who a "
        "lead is.",
    )
    excluded_attributes: str = Field(
        "",
        description="Profile attributes, with commas, that no model sees: they never become "
        "features.",
    )

    def __init__(self, **values: Any) -> None:
        # Read here and not once on import: the directory is a setting of the environment too.
        folder = os.environ.get(SECRETS_DIR)
        super().__init__(
            _secrets_dir=folder if folder and Path(folder).is_dir() else None, **values
        )

    def development_keys(self) -> list[str]:
        """Return the secrets that still are what the source code says."""
        return [
            name
            for name, field in type(self).model_fields.items()
            if isinstance(field.default, SecretStr)
            and field.default.get_secret_value()
            and getattr(self, name) == field.default
        ]

    @model_validator(mode="before")
    @classmethod
    def _finds_its_secrets(cls, values: Any) -> Any:
        folder = os.environ.get(SECRETS_DIR)
        if folder and not Path(folder).is_dir():
            raise ValueError(f"{SECRETS_DIR} = {folder!r} is no directory: mount it, or unset it")
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> "Settings":
        if self.warm_at >= self.hot_at:
            raise ValueError(
                f"warm_at = {self.warm_at:g} must be below hot_at = {self.hot_at:g}; "
                "lower LEADSTREAM_WARM_AT or raise LEADSTREAM_HOT_AT"
            )
        for name in ("horizon_s", "returns_horizon_s", "opens_horizon_s", "purchase_horizon_s"):
            if self.lead_retention_s < getattr(self, name):
                raise ValueError(
                    f"lead_retention_s = {self.lead_retention_s:g} must not be below {name} = "
                    f"{getattr(self, name):g}, else leads are forgotten before their label is "
                    f"known; raise LEADSTREAM_LEAD_RETENTION_S or lower LEADSTREAM_{name.upper()}"
                )
        if "returns_in_day" in _items(self.tasks) and self.returns_horizon_s <= self.session_gap_s:
            raise ValueError(
                f"returns_horizon_s = {self.returns_horizon_s:g} must be above session_gap_s = "
                f"{self.session_gap_s:g}, which a session ends after; raise "
                "LEADSTREAM_RETURNS_HORIZON_S or lower LEADSTREAM_SESSION_GAP_S"
            )
        return self

    def kinds(self) -> tuple[str, ...]:
        """Return what learns to predict conversions: the champion at the start, challengers."""
        return tuple(dict.fromkeys((self.model, *_items(self.challengers))))

    def policies(self) -> tuple[str, ...]:
        """Return the policies that learn, the champion at the start first; none by the rules."""
        kinds = tuple(dict.fromkeys((self.policy, *_items(self.policy_challengers))))
        return () if kinds == (RULES,) else kinds

    def point_rules(self) -> PointRules:
        """Read the rules file.

        Raises
        ------
        stream.lead.point_rules.RulesFileError
            If it is missing or faulty; the message says line, field and remedy.
        """
        try:
            text = self.rules_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RulesFileError(
                f"{self.rules_file}: cannot be read ({error}); set LEADSTREAM_RULES_FILE to a "
                "TOML file in UTF-8, or unset it for the default rules"
            ) from None
        return parse_point_rules(text, str(self.rules_file))

    def catalogue(self) -> Catalogue:
        """Return what can be done with leads, and what governs it.

        Raises
        ------
        stream.lead.actions.ActionsFileError
            If the file is missing or faulty.
        """
        if self.actions_file is None:
            return catalogue_of(
                {rule: getattr(self, f"action_{rule}") for rule in DEFAULT_ACTIONS},
                _items(self.email_actions),
                {rule: getattr(self, f"cooldown_{rule}_s") for rule in DEFAULT_ACTIONS},
                self.trigger_ttl_s,
            )
        try:
            text = self.actions_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ActionsFileError(
                f"{self.actions_file}: cannot be read ({error}); set LEADSTREAM_ACTIONS_FILE to a "
                "TOML file in UTF-8, or unset it for one action a rule"
            ) from None
        return parse_catalogue(text, str(self.actions_file))

    def rule_segments(self) -> RuleSegments:
        """Return the segments that the house defines by rules.

        Raises
        ------
        stream.lead.rule_segments.SegmentsFileError
            If the file is missing or faulty.
        """
        if self.segments_file is None:
            return RuleSegments()
        try:
            text = self.segments_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SegmentsFileError(
                f"{self.segments_file}: cannot be read ({error}); set LEADSTREAM_SEGMENTS_FILE to "
                "a TOML file in UTF-8, or unset it for none"
            ) from None
        return parse_rule_segments(text, str(self.segments_file))

    def house(self) -> House:
        """Return the rules of the house that decisions go by.

        Raises
        ------
        stream.lead.point_rules.RulesFileError
            If the rules file is missing or faulty, or goes by an attribute that is excluded.
        stream.lead.actions.ActionsFileError
            If the actions file is missing or faulty, or names segments that there are not.
        stream.lead.rule_segments.SegmentsFileError
            If the segments file is missing or faulty.
        """
        points, excluded = self.point_rules(), _attributes(self.excluded_attributes)
        for rule in rules_that_see(points, excluded):
            raise RulesFileError(
                f"{self.rules_file}: rule {rule.name!r} goes by an attribute that "
                "LEADSTREAM_EXCLUDED_ATTRIBUTES keeps out of scores; take out the rule or the "
                "attribute"
            )
        catalogue, segments = self.catalogue(), self.rule_segments()
        for name in sorted(catalogue.segments - segments.names):
            if LEARNED_ID.fullmatch(name):
                continue
            raise ActionsFileError(
                f"{self.actions_file}: an action is for the segment {name!r}, which is neither one "
                "of LEADSTREAM_SEGMENTS_FILE nor the id of a learned one (s1, s2, …); add it there "
                "or rename it here"
            )
        return House(
            points=points,
            warm_at=self.warm_at,
            hot_at=self.hot_at,
            tier_margin=self.tier_margin,
            score_step=self.score_step,
            horizon_s=self.horizon_s,
            samples_per_lead=self.samples_per_lead,
            labels=self.labels,
            fake_negative_s=self.fake_negative_s,
            negatives_share=self.negatives_share,
            feedback_weight=self.feedback_weight,
            tasks=frozenset(_items(self.tasks)),
            products=tuple(_items(self.products)),
            returns_horizon_s=self.returns_horizon_s,
            opens_horizon_s=self.opens_horizon_s,
            purchase_horizon_s=self.purchase_horizon_s,
            late_grace_s=self.late_grace_s,
            duplicate_window_s=self.duplicate_window_s,
            absence_s=self.absence_s,
            catalogue=catalogue,
            segments=segments,
            policy_mode=self.policy_mode,
            holdout_share=self.holdout_share,
            retest_share=self.exploration_ratio,
            exploration_ratio=self.exploration_ratio if self.policies() else 0.0,
            logs_decisions=bool(self.policies()) or self.holdout_share > 0.0,
            logs_milestones=self.reports,
            currency=self.currency,
            base_rate_prior=self.base_rate_prior,
            points_to_double_odds=self.points_to_double_odds,
            prior_strength=self.prior_strength,
            session_gap_s=self.session_gap_s,
            opt_in={p: _countries(getattr(self, f"opt_in_{p}")) for p in GATES},
            erasure_key=erasure_key(self.email_key.get_secret_value().encode()),
            scanner_delivery_s=self.scanner_delivery_s,
            scanner_links=self.scanner_links,
            scanner_burst_s=self.scanner_burst_s,
            retention_s=self.lead_retention_s,
            sealer=self.sealer(),
            group_attributes=_attributes(self.group_attributes),
            excluded_attributes=excluded,
        )

    def text_reader(self) -> ReadsTexts | None:
        """Return what reads texts of leads; None where they are not read.

        Raises
        ------
        TextReaderMissingError
            If its libraries are not installed.
        """
        if not self.read_texts:
            return None
        try:
            # Imported here: its libraries are an extra, and take a second and 100 MB.
            from online_models.text_reader import TextReader  # noqa: PLC0415
        except ImportError as error:
            raise TextReaderMissingError(
                f"LEADSTREAM_READ_TEXTS needs {error.name}: pip install 'leadstream[language]', or "
                "unset it"
            ) from None
        return TextReader(competitors=_items(self.competitors))

    def report_terms(self) -> Terms:
        """Return what reports go by."""
        return Terms(self.currency, self.leads_per_day)

    def senders(self) -> tuple[list[str], list[str]]:
        """Return the write keys of those who send over HTTP, and the origins of their pages."""
        return _items(self.write_keys.get_secret_value()), _items(self.collect_origins)

    def rankers(self) -> list[str]:
        """Return the keys of those who ask the personalizer."""
        return _items(self.personalizer_keys.get_secret_value())

    def sealer(self) -> Sealer:
        """Return what seals and opens dead letters."""
        old_keys = self.dead_letter_old_keys.get_secret_value().split(",")
        return Sealer(
            self.dead_letter_key.get_secret_value().encode(),
            [key.strip().encode() for key in old_keys if key.strip()],
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that give another process what was set here."""
        changed = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if value is None:
                continue  # as if it were not set
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            changed[f"LEADSTREAM_{name.upper()}"] = str(plain)
        return changed

    def topic(self, name: str) -> str:
        """Return a topic's name in Kafka."""
        return f"{self.topic_prefix}{name}"
