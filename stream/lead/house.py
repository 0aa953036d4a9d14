"""The rules of the house: everything a decision depends on that is not the lead or the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from stream.lead import limits
from stream.lead.actions import Catalogue, default_catalogue
from stream.lead.point_rules import PointRules
from stream.lead.rule_segments import RuleSegments
from stream.lead.sealing import DEVELOPMENT_KEY, Sealer

DAY_S = limits.DAY_S

Labels = Literal["wait", "fake_negative"]
"""How labels that come late are dealt with (``stream.lead.labels``)."""

PolicyMode = Literal["serve", "shadow", "learn"]
"""What policies may do: choose, say beside the rules what they would choose, or only learn."""

# Where the law asks for a yes before marketing: the EU, the EEA, the United Kingdom, Switzerland.
OPT_IN_COUNTRIES = (
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR",
    "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE",
    "SI", "SK",
)  # fmt: skip
DEFAULT_OPT_IN: Mapping[str, frozenset[str]] = MappingProxyType(
    {"nurturing": frozenset(OPT_IN_COUNTRIES)}
)
UNKNOWN_COUNTRY = "unknown"
_ALSO_WRITTEN = {"UK": "GB", "EL": "GR"}


def country_code(text: str) -> str:
    """Return a country as ISO 3166 alpha-2, or that it is unknown.

    >>> country_code(" de"), country_code("UK"), country_code("Germany")
    ('DE', 'GB', 'unknown')
    """
    code = text.strip().upper()
    if len(code) != 2 or not code.isalpha():
        return UNKNOWN_COUNTRY
    return _ALSO_WRITTEN.get(code, code)


@dataclass(frozen=True)
class House:
    """How this house scores leads and when it acts; times in seconds, scores from 0 to 100.

    Parameters
    ----------
    points
        The rules that earn points.
    warm_at, hot_at, tier_margin
        A tier is entered at its score and left when the score falls the margin below it.
    score_step
        A score change goes out when the score moved this much since the last one that did.
    horizon_s
        ``p_convert`` is the probability to convert within this time.
    samples_per_lead
        How many of the vectors that a lead was scored with are kept to learn from.
    labels
        ``wait`` for each label, or take silence for a negative after ``fake_negative_s`` and
        correct it where the lead converts after all (``fake_negative``).
    negatives_share
        The share of negatives that are taught, each for so many more.
    feedback_weight
        How many scored vectors a verdict of sales weighs as an example; 0 teaches none.
    tasks
        What is learned beside ``p_convert``, by name (``stream.lead.labels.TASKS``).
    products
        Those that cross-sell has a task for each.
    returns_horizon_s, opens_horizon_s, purchase_horizon_s
        Within which a lead returns after its session's last event, opens a mail after its
        delivery, buys (again) after it was scored.
    late_grace_s
        Events later than this are refused; earlier ones count at their own time.
    duplicate_window_s
        How long a lead's event ids are remembered.
    absence_s
        Silence after which the absence rule fires.
    catalogue
        What can be done with leads, and what governs it.
    segments
        Those that the house defines by rules.
    policy_mode
        ``serve``: the policy in use chooses. ``shadow``: rules choose, and its choice is written
        beside theirs. ``learn``: rules choose.
    holdout_share
        Of leads, those that nothing is done with: the control group.
    retest_share
        Of leads that nurturing is found to harm, those that it goes on with, so that the finding
        stays tested.
    exploration_ratio
        Of decisions by the rules, those that are drawn from all candidates alike.
    logs_decisions
        Whether decisions are kept until what came of them is known, to be learned from.
    logs_milestones
        Whether milestones of journeys are told, for reports.
    currency
        Of lifetime value and forecasts, ISO 4217.
    base_rate_prior
        The share of leads that convert, as believed before anything was learned.
    points_to_double_odds
        Rule points that double the odds of converting, before the model has learned.
    prior_strength
        Labels of the rarer kind after which model and rules weigh the same.
    session_gap_s
        Silence on the website that ends a session.
    opt_in
        Purpose -> countries where it needs a yes; ``*`` for everywhere, ``unknown`` for leads
        whose country is not known.
    erasure_key
        The secret that erased addresses are hashed with.
    scanner_delivery_s
        Opens and clicks no later than this after their mail's delivery are a scanner's.
    scanner_links, scanner_burst_s
        So many links of one mail followed within this time are followed by a scanner.
    retention_s
        Leads of which nothing has been heard for this long are forgotten.
    sealer
        Seals what is refused.
    group_attributes
        Attributes by whose groups leads are compared; in lower case.
    excluded_attributes
        Attributes that never become features; in lower case.
    """

    points: PointRules = field(default_factory=PointRules)
    warm_at: float = 60.0
    hot_at: float = 80.0
    tier_margin: float = 5.0
    score_step: float = 1.0
    horizon_s: float = 90 * DAY_S
    samples_per_lead: int = 2
    labels: Labels = "fake_negative"
    fake_negative_s: float = 30 * DAY_S
    negatives_share: float = 1.0
    feedback_weight: float = 0.25
    tasks: frozenset[str] = frozenset({"opens_mail", "p_purchase"})
    products: tuple[str, ...] = ()
    returns_horizon_s: float = DAY_S
    opens_horizon_s: float = 3 * DAY_S
    purchase_horizon_s: float = 30 * DAY_S
    late_grace_s: float = 7 * DAY_S
    duplicate_window_s: float = DAY_S
    absence_s: float = 7 * DAY_S
    catalogue: Catalogue = field(default_factory=default_catalogue)
    segments: RuleSegments = field(default_factory=RuleSegments)
    policy_mode: PolicyMode = "serve"
    holdout_share: float = 0.0
    retest_share: float = 0.0
    exploration_ratio: float = 0.0
    logs_decisions: bool = False
    logs_milestones: bool = False
    currency: str = "EUR"
    base_rate_prior: float = 0.05
    points_to_double_odds: float = 20.0
    prior_strength: float = 20.0
    session_gap_s: float = 1_800.0
    opt_in: Mapping[str, frozenset[str]] = field(default_factory=lambda: DEFAULT_OPT_IN)
    erasure_key: bytes = field(default=b"", repr=False)
    scanner_delivery_s: float = 5.0
    scanner_links: int = 3
    scanner_burst_s: float = 5.0
    retention_s: float = 400 * DAY_S
    sealer: Sealer = field(default_factory=lambda: Sealer(DEVELOPMENT_KEY), repr=False)
    group_attributes: frozenset[str] = frozenset()
    excluded_attributes: frozenset[str] = frozenset()
