"""Topic ``crm-updates``: what the CRM knows of a lead, and what became of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.base import Currency, Identifier
from schemas.events import JsonObject, LeadEvent

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class LeadProfile(LeadEvent):
    """Attributes of the lead or its company; each given one replaces the former, null forgets.

    The attribute ``email`` names the lead as well; only its keyed hash travels on.
    """

    type: Literal["lead_profile"]
    attributes: JsonObject


class StageChange(LeadEvent):
    """The lead entered a stage of the journey."""

    type: Literal["stage_change"]
    stage: Name


class Outcome(LeadEvent):
    """How the lead ended: the label that models learn from."""

    type: Literal["outcome"]
    result: Literal["won", "lost"]
    value_minor: int | None = None
    currency: Currency | None = None


class Purchase(LeadEvent):
    """A purchase, in minor units of its currency."""

    type: Literal["purchase"]
    value_minor: int
    currency: Currency
    product: str | None = None


class SalesFeedback(LeadEvent):
    """What sales made of a lead that was handed over."""

    type: Literal["sales_feedback"]
    verdict: Literal["accepted", "rejected"]
    reason: str | None = None


class Consent(LeadEvent):
    """Consent given or withdrawn for one purpose."""

    type: Literal["consent"]
    purpose: Name
    granted: bool


class Erasure(LeadEvent):
    """Forget this lead everywhere."""

    type: Literal["erasure"]


class LeadMerge(LeadEvent):
    """Two leads are one: the history of this lead moves into another."""

    type: Literal["lead_merge"]
    into_lead_id: Identifier


class Satisfaction(LeadEvent):
    """A satisfaction score on a scale from 0 to ``scale_max``."""

    type: Literal["satisfaction"]
    score: Annotated[float, Field(ge=0)]
    scale_max: Annotated[float, Field(gt=0)]
