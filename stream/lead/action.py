"""One action: what it is, whom it is for, how it can be put, what it costs."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, Field, model_validator

from stream.lead.eligibility import Eligibility
from stream.lead.limits import Amount, AtMost, Budget, Seconds, Window
from stream.lead.toml_files import STRICT

NOTHING = "nothing"
"""The action of leaving a lead alone."""
PLAIN: Literal["plain"] = "plain"
"""The framing of an action that has none."""
EMAIL = "email"
SILENT = frozenset({"web", "sales", "ad", "none"})
"""Channels that do not reach out: the lead comes by itself, or is only talked about."""
CHANNELS = SILENT | {EMAIL, "phone", "sms", "post"}

Rule = Literal[
    "high_intent",
    "tier_rose",
    "tier_fell",
    "absence",
    "churn_risk",
    "stage_age",
    "urgent_negative",
]
RULES: tuple[Rule, ...] = get_args(Rule)
"""The occasions on which an action can be offered."""
ABSENCE, CHURN_RISK = "absence", "churn_risk"
STAGE_AGE, URGENT_NEGATIVE = "stage_age", "urgent_negative"

Framing = Literal["plain", "social_proof", "loss", "scarcity", "reciprocity", "authority"]
"""How an offer is put: plainly; by what others do, what is lost without it, how little is left of
it, what is given first, who recommends it (Kahneman and Tversky 1979; Cialdini 1984)."""

ActionName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Text = Annotated[str, Field(min_length=1, max_length=128)]
Purpose = Annotated[str, Field(min_length=1), AfterValidator(lambda text: text.strip().lower())]

_ANYWHERE = "*"
_FIELDS_OF_NOTHING = frozenset({"name", "channel", "rules", "eligible"})


class Action(BaseModel):
    """One thing that can be done.

    Parameters
    ----------
    name, channel
        What it is called in triggers, and how it reaches the lead.
    rules
        The occasions that offer it.
    contact
        Whether it counts as reaching the lead; by default as its channel does.
    cost_minor
        What doing it once costs, in the catalogue's currency.
    eligible
        The leads that it is for.
    consent
        Purposes that the lead must have agreed to beside nurturing (and email, for that channel).
    cooldown_s, at_most
        The least time between two for one lead; how many within a window.
    excludes
        Other action -> neither goes out within so many seconds of the other.
    framings, texts
        How it can be put, and for each framing: locale -> text or template; ``*`` for the rest.
    budget
        What may be spent on it, all leads together.
    ttl_s
        How long a trigger may be acted upon; by default as governance says.
    """

    model_config = STRICT

    name: ActionName
    channel: ChannelName
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, strict=False)]
    contact: bool | None = None
    cost_minor: Amount = 0
    eligible: Eligibility = Field(default_factory=Eligibility)
    consent: Annotated[tuple[Purpose, ...], Field(strict=False)] = ()
    cooldown_s: Seconds = 0.0
    at_most: AtMost | None = None
    excludes: Mapping[str, Window] = Field(default_factory=dict)
    framings: Annotated[tuple[Framing, ...], Field(min_length=1, strict=False)] = (PLAIN,)
    texts: Mapping[Framing, Mapping[Text, Text]] = Field(default_factory=dict)
    budget: Budget | None = None
    ttl_s: Window | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "Action":
        if self.name == NOTHING:
            if self.channel != "none":
                raise ValueError('nothing reaches nobody: give channel = "none"')
            for field in sorted(self.model_fields_set - _FIELDS_OF_NOTHING):
                raise ValueError(f"nothing is always allowed and free: take out {field}")
        for framing in self.texts:
            if framing not in self.framings:
                raise ValueError(f"texts are of framing {framing!r}, which framings does not name")
        for field in ("rules", "framings"):
            for value, count in Counter(getattr(self, field)).items():
                if count > 1:
                    raise ValueError(f"{field} names {value!r} twice")
        return self

    @cached_property
    def is_contact(self) -> bool:
        """Whether it reaches the lead, and so counts to how often that may be."""
        return self.channel not in SILENT if self.contact is None else self.contact

    @cached_property
    def purposes(self) -> tuple[str, ...]:
        """What the lead must have agreed to beside nurturing."""
        return tuple(dict.fromkeys((*self.consent, *([EMAIL] if self.channel == EMAIL else []))))

    def text(self, framing: Framing | None, locale: str | None) -> str | None:
        """Return the text or template of a framing in a language; None where none is named.

        Examples
        --------
        >>> action = Action.model_validate({"name": "demo", "channel": "email",
        ...     "rules": ["absence"], "texts": {"plain": {"de": "demo_de", "*": "demo_en"}}})
        >>> action.text(None, "de-AT"), action.text(None, "fr")
        ('demo_de', 'demo_en')
        """
        of_framing = self.texts.get(framing or PLAIN, {})
        texts = {name.casefold(): text for name, text in of_framing.items()}
        wanted = (locale or _ANYWHERE).strip().replace("_", "-").casefold()
        for name in (wanted, wanted.split("-", 1)[0], _ANYWHERE):
            if name in texts:
                return texts[name]
        return None


class Candidate(NamedTuple):
    """What a policy chooses among: an action in one framing."""

    name: str
    action: Action
    framing: Framing | None


def candidate(action: Action, framing: Framing) -> Candidate:
    """Return an action in one framing, by the name that policies and triggers know it by."""
    if framing == PLAIN:
        return Candidate(action.name, action, None)
    return Candidate(f"{action.name}:{framing}", action, framing)
