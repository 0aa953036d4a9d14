"""What a refit proposes, in words for those who wrote the rules."""

from typing import TYPE_CHECKING

from online_models.scorecard import RefittedRule
from online_models.tier_thresholds import Threshold

if TYPE_CHECKING:
    from stream.refit import Proposal

DAY_S = 86_400.0
ENVIRONMENT = "LEADSTREAM_"


def refit_text(proposal: "Proposal") -> str:
    """Return a proposal as text: evidence by rule and tier, then the diff."""
    card = proposal.scorecard
    parts = [
        f"{card.leads:,} leads whose outcome within {proposal.horizon_s / DAY_S:.0f} days is "
        f"known, {card.won:,} of them won; {proposal.too_recent:,} more are too recent.",
        "",
        "RULES: points now -> proposed (95 % interval); leads it applied to, of them won",
        *(_rule(rule) for rule in card.rules),
        *([f"  No points change: {card.refused}."] if card.refused else []),
        "",
        "TIERS",
        _tier("hot", proposal.hot),
        _tier("warm", proposal.warm),
        "",
    ]
    if proposal.is_empty:
        return "\n".join([*parts, "Nothing is to change."])
    if proposal.rules_diff:
        parts.append(proposal.rules_diff)
    if proposal.settings:
        parts += ["--- settings", "+++ settings"]
        for name, (now, then) in proposal.settings.items():
            setting = f"{ENVIRONMENT}{name.upper()}"
            parts += [f"-{setting}={now:g}", f"+{setting}={then:g}"]
    parts += ["", "Once applied, do not fit to this log again: its outcomes would count twice."]
    return "\n".join(parts)


def _rule(rule: RefittedRule) -> str:
    interval = (
        "" if rule.low is None or rule.high is None else f" ({rule.low:+.0f} to {rule.high:+.0f})"
    )
    change = f"{rule.present:+g} stays" if rule.kept else f"{rule.present:+g} -> {rule.proposed:+g}"
    line = f"  {rule.name:<24} {change}{interval}; {rule.leads:,} leads, {rule.won:,} won"
    return f"{line}: {rule.kept}" if rule.kept else line


def _tier(name: str, threshold: Threshold) -> str:
    now, then = threshold.now, threshold.then
    share = (
        f"{100 * now.precision:.1f} % of {now.leads:,} leads won "
        f"({100 * now.low:.1f} to {100 * now.high:.1f}), promised are "
        f"{100 * threshold.target:.1f} %"
    )
    if threshold.proposed == threshold.present:
        return f"  {name} from {threshold.present:g} on stays: {threshold.reason}. {share}."
    return (
        f"  {name} from {threshold.present:g} -> {threshold.proposed:g} on: {threshold.reason}. "
        f"{share}; then {100 * then.precision:.1f} % of {then.leads:,}."
    )
