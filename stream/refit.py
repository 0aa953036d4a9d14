"""Rule points and tiers fitted anew to what became of leads: a proposal, and its application."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from online_models.scorecard import Scorecard, refit_points
from online_models.tier_thresholds import Threshold, refit_threshold
from stream.event_files import topic_of
from stream.followed_leads import FollowedLead, FollowedLeads, Occasion
from stream.lead.house import DAY_S, House
from stream.lead.point_rules import PointRules, parse_point_rules
from stream.lead.scoring import expit, logit
from stream.lead.text_reading import ReadsTexts
from stream.refit_text import refit_text
from stream.rules_file import (
    diff_of,
    replace_rules,
    sha256_of,
    with_points,
    with_points_parsed,
)

HORIZON_S = 30 * DAY_S
HOT_LIFT, WARM_LIFT = 3.0, 1.5
"""How many times as often as all leads those of a tier should win."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A lead at one of its scores, at random, and whether it won within the horizon after it."""

    lead: FollowedLead
    occasion: Occasion
    won: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """New points and thresholds, and the evidence.

    Attributes
    ----------
    rules_sha256, rules_text
        The rules file that the proposal was made for, and what it is to be.
    rules_diff
        The change, as a unified diff; empty where none is proposed.
    settings
        Setting -> (now, proposed), those that change. They stand in the environment, so they
        are not written anywhere.
    """

    scorecard: Scorecard
    hot: Threshold
    warm: Threshold
    leads: int
    too_recent: int
    horizon_s: float
    rules_sha256: str
    rules_text: str
    rules_diff: str
    settings: dict[str, tuple[float, float]]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to change."""
        return not self.rules_diff and not self.settings

    def to_json(self) -> dict[str, Any]:
        """Return the proposal as plain JSON, with its text."""
        return asdict(self) | {
            "is_empty": self.is_empty,
            "settings": {
                name: {"present": now, "proposed": then}
                for name, (now, then) in self.settings.items()
            },
            "text": self.text(),
        }

    def text(self) -> str:
        """Return the proposal in words, with the diff."""
        return refit_text(self)


def refit(
    lines: Iterable[bytes],
    house: House,
    email_key: bytes,
    received_s: float,
    rules_text: str,
    rules_name: str = "rules.toml",
    horizon_s: float = HORIZON_S,
    seed: int = 0,
    reader: ReadsTexts | None = None,
) -> Proposal:
    """Propose points and thresholds by a log: events of the contract, in the order of arrival.

    Each named lead counts once, by one of its scores at random, with the points that its ledger
    held then; a lead that did not win within the horizon counts as one that does not. Thresholds
    are chosen for the scores that the proposed points would have given. A proposal that was
    applied must not be followed by another from the same log, whose outcomes would count twice.

    Parameters
    ----------
    lines
        The log.
    house, email_key, received_s
        As of ``OfflineStream``; ``house.points`` are the rules of ``rules_text``.
    rules_text, rules_name
        The rules file.
    horizon_s
        Within which winning counts. Leads scored later than this before the log's end are left
        out, whatever is known of them: those that won early would be too many.
    seed
        Of the choice among a lead's scores.
    reader
        As of ``OfflineStream``.

    Raises
    ------
    stream.lead.point_rules.RulesFileError
        If the rules file is not valid, or its numbers cannot be changed in place.
    """
    rules = parse_point_rules(rules_text, rules_name)
    leads = FollowedLeads(house, email_key, received_s, reader=reader)
    leads.take_in((topic_of(line), line) for line in lines)
    rows = labelled(leads, horizon_s, seed)
    return propose(rows, len(leads.by_id) - len(rows), house, rules, rules_text, rules_name,
                   horizon_s)  # fmt: skip


def propose(
    rows: list[Labelled],
    too_recent: int,
    house: House,
    rules: PointRules,
    rules_text: str,
    rules_name: str,
    horizon_s: float,
) -> Proposal:
    """Propose points and thresholds by leads whose outcome is known."""
    won = [row.won for row in rows]
    scorecard = refit_points(
        _units(rows, rules),
        won,
        [rule.name for rule in rules.rule],
        [rule.points for rule in rules.rule],
        house.points_to_double_odds,
    )
    changes = {rule.name: rule.proposed for rule in scorecard.rules if not rule.kept}
    text = with_points(rules_text, changes) if changes else rules_text
    changed = with_points_parsed(rules, changes)
    scores = [rescored(row.occasion, rules, changed, house) for row in rows]
    hot = refit_threshold(scores, won, house.hot_at, HOT_LIFT)
    warm = refit_threshold(scores, won, house.warm_at, WARM_LIFT, below=hot.proposed)
    if warm.proposed >= hot.proposed:
        warm = Threshold(
            warm.present, warm.present, warm.target, warm.now, warm.now,
            "nothing is left between it and the hot tier",
        )  # fmt: skip
    settings = {
        name: (threshold.present, threshold.proposed)
        for name, threshold in (("warm_at", warm), ("hot_at", hot))
        if threshold.proposed != threshold.present
    }
    if warm.proposed >= hot.proposed:
        settings = {}  # lowering the one alone would leave no room for the other
    return Proposal(
        scorecard, hot, warm, len(rows), too_recent, horizon_s, sha256_of(rules_text), text,
        diff_of(rules_text, text, rules_name), settings,
    )  # fmt: skip


def apply_proposal(proposal: Proposal, path: Path) -> bool:
    """Write the proposed points into the rules file; return whether there was anything to write.

    Raises
    ------
    stream.rules_file.RulesChangedError
        If the file changed since the proposal was made.
    """
    if not proposal.rules_diff:
        return False
    replace_rules(path, proposal.rules_sha256, proposal.rules_text)
    return True


def labelled(leads: FollowedLeads, horizon_s: float, seed: int) -> list[Labelled]:
    """Return each lead once, at one of its scores that the log goes on long enough after."""
    random = Random(seed)  # noqa: S311 - a sample, no secret
    rows = []
    for lead in leads.by_id.values():
        known = [one for one in lead.occasions if one.at_s + horizon_s <= leads.end_s]
        if known:
            occasion = random.choice(known)
            rows.append(Labelled(lead, occasion, lead.won_within(occasion.at_s, horizon_s)))
    return rows


def rescored(occasion: Occasion, rules: PointRules, changed: PointRules, house: House) -> float:
    """Return the score that other points would have given."""
    scored = occasion.scored
    earned = {name: p for name, p in occasion.rule_points.items() if name != "range"}
    before = math.fsum(occasion.rule_points.values())
    after = math.fsum(
        points * changed.by_name[name].points / rules.by_name[name].points if points else 0.0
        for name, points in earned.items()
    )
    after = min(max(after, changed.min_points), changed.max_points)
    if after == before or not 0.0 < scored.score < 100.0:
        return scored.score
    per_point = math.log(2.0) / house.points_to_double_odds
    moved = (1.0 - scored.model_weight) * per_point * (after - before)
    return round(100.0 * expit(logit(scored.score / 100.0) + moved), 2)


def _units(rows: list[Labelled], rules: PointRules) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how far each rule applied to each lead: 1 for once, less after some decay."""
    units = np.zeros((len(rows), len(rules.rule)))
    for n, row in enumerate(rows):
        for j, rule in enumerate(rules.rule):
            if rule.points:
                units[n, j] = row.occasion.rule_points.get(rule.name, 0.0) / rule.points
    return units
