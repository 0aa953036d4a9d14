"""The catalogue of a house that has no file of its own: one action a rule, by its settings."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from pydantic import ValidationError

from stream.lead.actions import ActionsFileError, Catalogue

DEFAULT_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "high_intent": "call",
        "tier_rose": "sales_alert",
        "tier_fell": "nurture_email",
        "absence": "win_back_email",
        "urgent_negative": "call",
    }
)
EMAIL_ACTIONS = ("nurture_email", "win_back_email")
_CHANNELS = {"call": "phone", "sales_alert": "sales"}


def catalogue_of(
    actions: Mapping[str, str],
    email_actions: Collection[str],
    cooldown_s: Mapping[str, float],
    ttl_s: float,
) -> Catalogue:
    """Return the catalogue that settings make.

    Parameters
    ----------
    actions
        Rule -> the action that it asks for.
    email_actions
        Those that reach the lead by email.
    cooldown_s
        Rule -> the least time between two of its triggers for one lead.
    ttl_s
        How long a trigger may be acted upon.

    Raises
    ------
    ActionsFileError
        If the settings name no possible action.

    Examples
    --------
    >>> from stream.lead.actions import default_catalogue
    >>> cooldown_s = default_catalogue().governance.cooldown_s
    >>> catalogue_of(DEFAULT_ACTIONS, EMAIL_ACTIONS, cooldown_s, 259_200.0) == default_catalogue()
    True
    """
    channels = _CHANNELS | dict.fromkeys(email_actions, "email")
    try:
        return Catalogue.model_validate(
            {
                "action": [
                    {
                        "name": name,
                        "channel": channels.get(name, "none"),
                        "rules": [rule for rule, asked_for in actions.items() if asked_for == name],
                    }
                    for name in dict.fromkeys(actions.values())
                ],
                "governance": {"cooldown_s": dict(cooldown_s), "ttl_s": ttl_s},
            }
        )
    except ValidationError as fault:
        first = fault.errors()[0]
        raise ActionsFileError(
            f"actions of the settings, {'.'.join(map(str, first['loc']))} = "
            f"{first['input']!r:.80}: {first['msg']:.500}. Mend the setting, or give a catalogue."
        ) from None
