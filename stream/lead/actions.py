"""The action catalogue: all that can be done with leads, and what governs it; one TOML file.

A policy chooses among candidates: an action in one framing, named ``action`` (plain) or
``action:framing``. ``nothing`` is a candidate as well, where the catalogue offers it.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from stream.lead.action import (
    CHANNELS,
    NOTHING,
    PLAIN,
    RULES,
    STAGE_AGE,
    Action,
    Candidate,
    ChannelName,
    candidate,
)
from stream.lead.journey import Stage, check_stages
from stream.lead.limits import ALL, Governance
from stream.lead.reward_rules import RewardRules
from stream.lead.toml_files import STRICT, TomlFileError, read_toml, refuse_same_names

if TYPE_CHECKING:  # a state knows the house, and the house knows this
    from stream.lead.state import LeadState

DEFAULT_CATALOGUE = Path(__file__).parent / "actions.toml"
MAX_ACTIONS = 64
REQUIRED_RULES = ("high_intent", "tier_rose", "tier_fell", "absence")
"""Rules that fire in every house, so that each needs an action."""


class ActionsFileError(TomlFileError):
    """The action catalogue cannot be used; the message says line, field and remedy."""


class Catalogue(BaseModel):
    """All actions of the house and what governs them; stages, where the house has its own.

    ``channels`` are those that the house has beside ``CHANNELS``; each reaches the lead.
    """

    model_config = STRICT

    schema_version: Literal[1] = 1
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    channels: Annotated[tuple[ChannelName, ...], Field(max_length=16, strict=False)] = ()
    action: Annotated[tuple[Action, ...], Field(max_length=MAX_ACTIONS, strict=False)] = ()
    stage: Annotated[tuple[Stage, ...], Field(max_length=32, strict=False)] = ()
    governance: Governance = Field(default_factory=Governance)
    reward: RewardRules = Field(default_factory=RewardRules)

    @model_validator(mode="after")
    def _fits_together(self) -> "Catalogue":
        refuse_same_names("actions", (a.name for a in self.action))
        for action in self.action:
            self._check_names(action)
        for rule in (*REQUIRED_RULES, *([STAGE_AGE] if any(s.after_s for s in self.stage) else [])):
            if not self.offered(rule):
                raise ValueError(
                    f"no action is offered on rule {rule!r}: add it to the rules of one"
                    f" ({NOTHING} is one as well)"
                )
        for rule in self.governance.cooldown_s:
            if rule not in RULES:
                raise ValueError(f"{rule!r} in cooldown_s is no rule; known: {', '.join(RULES)}")
        for channel in (*self.governance.most_contacts, *self.governance.quiet_hours):
            if channel != ALL:
                self._check_channel(channel)
        check_stages(self.stage)
        return self

    def _check_names(self, action: Action) -> None:
        self._check_channel(action.channel)
        for other in action.excludes:
            if other == action.name:
                raise ValueError(f"action {other!r} excludes itself; give it a cooldown_s")
            if other == NOTHING or other not in self.by_name:
                raise ValueError(
                    f"{other!r}, which {action.name} excludes, is no action that is done; known: "
                    f"{', '.join(name for name in self.by_name if name != NOTHING)}"
                )

    def _check_channel(self, channel: str) -> None:
        if channel not in CHANNELS and channel not in self.channels:
            raise ValueError(
                f"{channel!r} is no channel; known: {', '.join(sorted(CHANNELS))}; "
                "name others in channels"
            )

    @cached_property
    def by_name(self) -> Mapping[str, Action]:
        """The actions by name."""
        return {action.name: action for action in self.action}

    def offered(self, rule: str) -> Sequence[Candidate]:
        """Return what can be done on an occasion, for whomever, in the file's order."""
        return self._offered.get(rule, ())

    @cached_property
    def _offered(self) -> Mapping[str, Sequence[Candidate]]:
        every = [(action, framing) for action in self.action for framing in action.framings]
        return {
            rule: tuple(candidate(*one) for one in every if rule in one[0].rules) for rule in RULES
        }

    @cached_property
    def apart_s(self) -> Mapping[str, Mapping[str, float]]:
        """Action -> those that it excludes or that exclude it, and for how long."""
        apart: dict[str, dict[str, float]] = {action.name: {} for action in self.action}
        for action in self.action:
            for other, within_s in action.excludes.items():
                for one, two in ((action.name, other), (other, action.name)):
                    apart[one][two] = max(within_s, apart[one].get(two, 0.0))
        return apart

    @cached_property
    def counts_for_s(self) -> Mapping[str, float]:
        """Action -> for how long one that was done counts to some limit; 0 for not at all."""
        spans = {}
        for action in self.action:
            capped_s = self.governance.capped_for_s(action.channel, is_contact=action.is_contact)
            own_s = 0.0 if action.at_most is None else action.at_most.within_s
            apart_s = self.apart_s[action.name].values()
            spans[action.name] = max(capped_s, own_s, action.cooldown_s, *apart_s)
        return spans | ({NOTHING: 0.0} if NOTHING in spans else {})

    @cached_property
    def nothing(self) -> Candidate:
        """The candidate of leaving a lead alone, as the catalogue has it or not."""
        free = {"name": NOTHING, "channel": "none", "rules": RULES}
        return candidate(self.by_name.get(NOTHING) or Action.model_validate(free), PLAIN)

    @cached_property
    def rewards(self) -> RewardRules:
        """What rewards are, by the stages of the house where no others are named."""
        if self.reward.stages:
            return self.reward
        names = tuple(stage.name for stage in self.stage)
        return RewardRules.model_validate({**self.reward.model_dump(), "stages": names})

    @cached_property
    def has_budgets(self) -> bool:
        """Whether anything is limited for all leads together."""
        return self.governance.budget is not None or any(a.budget for a in self.action)

    @cached_property
    def segments(self) -> frozenset[str]:
        """The segments that actions are for, or not for."""
        eligible = [action.eligible for action in self.action]
        named = [*(e.segments for e in eligible), *(e.not_segments for e in eligible)]
        return frozenset(name for names in named for name in names or ())

    @cached_property
    def for_closed(self) -> bool:
        """Whether anything is done with leads that were won or lost."""
        return any(set(a.eligible.outcomes) != {"open"} for a in self.action)

    def ttl_s(self, action: Action) -> float:
        """Return how long a trigger for an action may be acted upon."""
        return self.governance.ttl_s if action.ttl_s is None else action.ttl_s


def candidates(
    state: "LeadState", rule: str, score: float, catalogue: Catalogue
) -> list[Candidate]:
    """Return what can be done with a lead on an occasion, in the file's order.

    Parameters
    ----------
    state
        The lead; its tier as of now.
    rule
        The occasion.
    score
        As of now, 0 to 100.
    """
    tests: dict[str, bool] = {}
    eligible = []
    for one in catalogue.offered(rule):
        name = one.action.name
        if name not in tests:
            tests[name] = one.action.eligible.holds(state, score, state.tier)
        if tests[name]:
            eligible.append(one)
    return eligible


def parse_catalogue(text: str, file_name: str = "actions.toml") -> Catalogue:
    r"""Read the catalogue from TOML.

    Raises
    ------
    ActionsFileError
        With file, line, field and remedy, for anything that is not a valid catalogue.

    Examples
    --------
    >>> catalogue = parse_catalogue('''
    ... [[action]]
    ... name = "demo_invite"
    ... channel = "email"
    ... rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
    ... framings = ["plain", "social_proof"]
    ... ''')
    >>> [candidate.name for candidate in catalogue.offered("absence")]
    ['demo_invite', 'demo_invite:social_proof']
    >>> parse_catalogue('[[action]]\nname = "call"\nchannel = "phone"\nrules = ["absense"]')
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    stream.lead.actions.ActionsFileError: actions.toml, line 4: rules.0 = 'absense': ...
    """
    return read_toml(text, file_name, Catalogue, ActionsFileError, "run with the default catalogue")


@lru_cache(1)
def default_catalogue() -> Catalogue:
    """Return the catalogue of a house that has none of its own: one action a rule.

    >>> [candidate.name for candidate in default_catalogue().offered("absence")]
    ['win_back_email']
    """
    return parse_catalogue(DEFAULT_CATALOGUE.read_text(encoding="utf-8"))
