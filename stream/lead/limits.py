"""What limits a house sets to what is done with its leads: caps, quiet hours, budgets."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, model_validator

from stream.lead.quiet_hours import minute_of_day, time_zone
from stream.lead.toml_files import STRICT

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
LONGEST_S = 1e9
MAX_HISTORY = 32
"""How many of a lead's actions are remembered: no cap can be above it."""

Seconds = Annotated[float, Field(ge=0, le=LONGEST_S)]
Window = Annotated[float, Field(gt=0, le=LONGEST_S)]
Times = Annotated[int, Field(ge=0, le=MAX_HISTORY)]
Amount = Annotated[int, Field(ge=0, le=10**15)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


def _gives_one(model: BaseModel) -> None:
    if not model.model_fields_set:
        raise ValueError(f"give at least one of {', '.join(type(model).model_fields)}")


class Cap(BaseModel):
    """How often a lead is reached at most, within any 24 hours and any seven days."""

    model_config = STRICT

    per_day: Times | None = None
    per_week: Times | None = None

    @model_validator(mode="after")
    def _caps(self) -> "Cap":
        _gives_one(self)
        return self

    @cached_property
    def windows(self) -> tuple[tuple[float, int], ...]:
        """(window in seconds, most times within it), those that are given."""
        given = ((DAY_S, self.per_day), (WEEK_S, self.per_week))
        return tuple((window_s, most) for window_s, most in given if most is not None)


class AtMost(BaseModel):
    """How often one action goes to a lead at most within a window of its own."""

    model_config = STRICT

    times: Times
    within_s: Window


class QuietHours(BaseModel):
    """The hours, by the lead's own clock, in which it is not reached; they may span midnight."""

    model_config = STRICT

    from_: TimeOfDay = Field(alias="from")
    until: TimeOfDay

    @model_validator(mode="after")
    def _is_a_span(self) -> "QuietHours":
        if self.from_ == self.until:
            raise ValueError("from and until must differ")
        return self

    @cached_property
    def _minutes(self) -> tuple[int, int]:
        begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (self.from_, self.until))
        return begin, end

    def hold(self, now_s: float, zone: str) -> bool:
        """Tell whether it is quiet in a time zone.

        Examples
        --------
        >>> night = QuietHours.model_validate({"from": "20:00", "until": "08:00"})
        >>> night.hold(0.0, "UTC"), night.hold(8 * 3600.0, "UTC"), night.hold(0.0, "Asia/Tokyo")
        (True, False, False)
        """
        begin, end = self._minutes
        minute = minute_of_day(now_s, zone)
        return begin <= minute < end if begin < end else minute >= begin or minute < end


class Budget(BaseModel):
    """What may be spent in a day or month, all leads together; see ``stream.lead.budgets``."""

    model_config = STRICT

    times_per_day: Amount | None = None
    cost_minor_per_day: Amount | None = None
    cost_minor_per_month: Amount | None = None

    @model_validator(mode="after")
    def _limits(self) -> "Budget":
        _gives_one(self)
        return self


def _known_zone(name: str) -> str:
    if time_zone(name) is None:
        raise ValueError("no such time zone; give one of the IANA's, like Europe/Berlin or UTC")
    return name


class Governance(BaseModel):
    """The rules of the house that hold whatever was learned.

    Parameters
    ----------
    timezone
        That of leads whose own is not known, and of the days and months of budgets.
    ttl_s
        How long a trigger may be acted upon, where its action says nothing else.
    max_cause_age_s
        An occasion whose cause is older than this is not acted upon any more; None for always.
    cooldown_s
        Rule -> the least time between two of its triggers for one lead.
    most_contacts
        Channel -> how often it reaches a lead; ``all`` for all actions that are contacts.
    quiet_hours
        Channel -> when it reaches no lead; ``all`` for contacts of channels that have none.
    budget
        For all actions together.
    crm_stage_holds_s
        For how long a stage that the CRM named holds against stages of the house.
    """

    model_config = STRICT

    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    ttl_s: Window = 3 * DAY_S
    max_cause_age_s: Window | None = None
    cooldown_s: Mapping[str, Seconds] = Field(default_factory=dict)
    most_contacts: Mapping[str, Cap] = Field(default_factory=dict)
    quiet_hours: Mapping[str, QuietHours] = Field(default_factory=dict)
    budget: Budget | None = None
    crm_stage_holds_s: Seconds = 30 * DAY_S

    def caps_of(self, channel: str, *, is_contact: bool) -> tuple[tuple[str, Cap], ...]:
        """Return the caps that an action counts to, each with what it is a cap of."""
        over = (channel, ALL) if is_contact else (channel,)
        return tuple(
            (name, self.most_contacts[name]) for name in over if name in self.most_contacts
        )

    def capped_for_s(self, channel: str, *, is_contact: bool) -> float:
        """Return for how long an action counts to a cap; 0 for not at all."""
        caps = self.caps_of(channel, is_contact=is_contact)
        return max((window_s for _, cap in caps for window_s, _ in cap.windows), default=0.0)

    def quiet_hours_of(self, channel: str, *, is_contact: bool) -> QuietHours | None:
        """Return the quiet hours that an action keeps."""
        return self.quiet_hours.get(channel) or (self.quiet_hours.get(ALL) if is_contact else None)


ALL = "all"
"""In place of a channel: all of them."""
