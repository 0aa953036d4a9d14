"""The rules of the house: everything a decision depends on that is not the lead or the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from stream.lead.point_rules import PointRules
from stream.lead.sealing import DEVELOPMENT_KEY, Sealer

DAY_S = 86_400.0

DEFAULT_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "high_intent": "call",
        "tier_rose": "sales_alert",
        "tier_fell": "nurture_email",
        "absence": "win_back_email",
    }
)


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
    late_grace_s
        Events later than this are refused; earlier ones count at their own time.
    duplicate_window_s
        How long a lead's event ids are remembered.
    absence_s
        Silence after which the absence rule fires.
    cooldown_s
        Rule -> the least time between two of its triggers for one lead.
    trigger_ttl_s
        How long a trigger may be acted upon.
    actions
        Rule -> the action that it asks for.
    base_rate_prior
        The share of leads that convert, as believed before anything was learned.
    points_to_double_odds
        Rule points that double the odds of converting, before the model has learned.
    prior_strength
        Labels of the rarer kind after which model and rules weigh the same.
    session_gap_s
        Silence on the website that ends a session.
    scanner_delivery_s
        Opens and clicks no later than this after their mail's delivery are a scanner's.
    scanner_links, scanner_burst_s
        So many links of one mail followed within this time are followed by a scanner.
    retention_s
        Leads of which nothing has been heard for this long are forgotten.
    sealer
        Seals what is refused.
    """

    points: PointRules = field(default_factory=PointRules)
    warm_at: float = 60.0
    hot_at: float = 80.0
    tier_margin: float = 5.0
    score_step: float = 1.0
    horizon_s: float = 90 * DAY_S
    samples_per_lead: int = 2
    late_grace_s: float = 7 * DAY_S
    duplicate_window_s: float = DAY_S
    absence_s: float = 7 * DAY_S
    cooldown_s: Mapping[str, float] = field(
        default_factory=lambda: {
            "high_intent": 3_600.0,
            "tier_rose": DAY_S,
            "tier_fell": DAY_S,
            "absence": 7 * DAY_S,
        }
    )
    trigger_ttl_s: float = 3 * DAY_S
    actions: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ACTIONS)
    base_rate_prior: float = 0.05
    points_to_double_odds: float = 20.0
    prior_strength: float = 20.0
    session_gap_s: float = 1_800.0
    scanner_delivery_s: float = 5.0
    scanner_links: int = 3
    scanner_burst_s: float = 5.0
    retention_s: float = 400 * DAY_S
    sealer: Sealer = field(default_factory=lambda: Sealer(DEVELOPMENT_KEY), repr=False)
