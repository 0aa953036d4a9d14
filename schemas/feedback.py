"""Topic ``nurture-feedback``: what the automation platform did with a trigger."""

from typing import Literal

from schemas.base import Identifier
from schemas.events import LeadEvent


class ActionResult(LeadEvent):
    """A trigger was carried out, held back or failed."""

    type: Literal["action_result"]
    trigger_id: Identifier
    status: Literal["delivered", "suppressed", "failed"]
    reason: str | None = None
