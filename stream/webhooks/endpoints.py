"""The endpoints of the house: who is sent which messages, read from one TOML file."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from schemas.scores import Tier
from stream.lead.toml_files import STRICT, TomlFileError, read_toml, refuse_same_names
from stream.webhooks.destinations import check_url

Kind = Literal["nurture_triggered", "score_changed", "segment_changed"]
Names = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
MAX_ENDPOINTS = 64
NOTHING = "nothing"
"""The action that asks for nothing to be done."""

_FILTERS: Mapping[str, frozenset[Kind]] = {
    "tiers": frozenset({"nurture_triggered", "score_changed"}),
    "tier_changed": frozenset({"score_changed"}),
    "rules": frozenset({"nurture_triggered"}),
    "actions": frozenset({"nurture_triggered"}),
    "segments": frozenset({"segment_changed"}),
}
"""Test -> the messages that it can be made of."""


class WebhooksFileError(TomlFileError):
    """The webhooks file cannot be used; the message says line, field and remedy."""


class Endpoint(BaseModel):
    """Where messages are sent, and which.

    Tests (``tiers`` to ``segments``) hold back messages that have the field and do not meet them.

    Parameters
    ----------
    name
        Of the endpoint, in metrics, logs and ids of dead letters, and of its consumer group. Under
        a new name it begins anew, with what comes from then on.
    private_network
        It may have a loopback or private address, there over plain HTTP too.
    url
        Where its messages are posted; https, and outside of private networks.
    secret_env, secret_file
        The variable or the file that holds the secret (``whsec_…``) that it is signed with; while
        it is changed, the new and the old one.
    messages
        Types of messages.
    tiers
        Of the lead, as the message says it.
    tier_changed
        Of score changes only those with another tier than before.
    rules, actions
        Of triggers. The action ``nothing`` goes out only where it is named here.
    segments
        That leads came into, by id.
    order
        ``none``, or ``lead``: a message waits until those of its lead that stood before it in
        its topic were taken or given up.
    timeout_s
        Seconds that the endpoint has to answer.
    in_flight
        Messages that each process sends it at once.
    """

    model_config = STRICT

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    private_network: bool = False
    url: str
    secret_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    secret_file: Annotated[str, Field(min_length=1)] | None = None
    messages: Annotated[tuple[Kind, ...], Field(min_length=1, strict=False)]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, strict=False)] | None = None
    tier_changed: Literal[True] | None = None
    rules: Names | None = None
    actions: Names | None = None
    segments: Names | None = None
    order: Literal["none", "lead"] = "none"
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 20.0
    in_flight: Annotated[int, Field(ge=1, le=256)] = 8

    @field_validator("secret_env")
    @classmethod
    def _is_no_setting(cls, name: str | None) -> str | None:
        if name is not None and name.startswith("LEADSTREAM_"):
            raise ValueError("LEADSTREAM_ is for settings; give the variable another name")
        return name

    @field_validator("url")
    @classmethod
    def _can_be_sent_to(cls, url: str, given: ValidationInfo) -> str:
        check_url(url, private_network=given.data.get("private_network", False))
        return url

    @field_validator(*_FILTERS)
    @classmethod
    def _tests_what_is_sent(cls, value: object, given: ValidationInfo) -> object:
        kinds = _FILTERS[str(given.field_name)]
        if value is not None and not kinds.intersection(given.data.get("messages", kinds)):
            raise ValueError(
                f"it is a test of {' and '.join(sorted(kinds))}, which is not among the messages; "
                "add it there, or take the test out"
            )
        return value

    @model_validator(mode="after")
    def _has_one_secret(self) -> "Endpoint":
        if (self.secret_env is None) == (self.secret_file is None):
            raise ValueError(f"{self.name!r}: give one of secret_env and secret_file")
        return self

    def takes(self, event: Mapping[str, Any]) -> bool:
        """Tell whether a message is sent to this endpoint.

        Examples
        --------
        >>> crm = Endpoint(
        ...     name="crm", url="https://a.example/", secret_env="S", tiers=("hot",),
        ...     messages=("nurture_triggered", "score_changed"),
        ... )
        >>> crm.takes({"type": "score_changed", "tier": "hot", "previous_tier": "hot"})
        True
        >>> crm.takes({"type": "nurture_triggered", "tier": "hot", "action": "nothing"})
        False
        """
        kind = event.get("type")
        if kind not in self.messages:
            return False
        if self.tiers is not None and "tier" in event and event["tier"] not in self.tiers:
            return False
        if kind == "score_changed":
            return not self.tier_changed or event["tier"] != event["previous_tier"]
        if kind == "segment_changed":
            return self.segments is None or event["segment"] in self.segments
        if self.rules is not None and event["rule"] not in self.rules:
            return False
        action = event["action"]
        return action != NOTHING if self.actions is None else action in self.actions


class Webhooks(BaseModel):
    """All endpoints of the house."""

    model_config = STRICT

    schema_version: Literal[1] = 1
    webhook: Annotated[tuple[Endpoint, ...], Field(max_length=MAX_ENDPOINTS, strict=False)] = ()

    @model_validator(mode="after")
    def _has_names_of_their_own(self) -> "Webhooks":
        refuse_same_names("webhooks", (endpoint.name for endpoint in self.webhook))
        return self


def parse_webhooks(text: str, file_name: str = "webhooks.toml") -> Webhooks:
    r"""Read the endpoints from TOML.

    Raises
    ------
    WebhooksFileError
        With file, line, field and remedy, for anything that is not a valid set of endpoints.

    Examples
    --------
    >>> parse_webhooks('[[webhook]]\nname = "crm"\nurl = "https://a.example/"\nmessages = []')
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    stream.webhooks.endpoints.WebhooksFileError: webhooks.toml, line 4: messages: Tuple should ...
    """
    return read_toml(text, file_name, Webhooks, WebhooksFileError, "take the webhook out")
