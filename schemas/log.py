"""Topics ``lead-events`` and ``lead-forwards``: the log that lead states are folded from.

Beside the input events, which travel as they were sent, these records stand in the log.
"""

from typing import Literal

from schemas.base import Message
from schemas.events import JsonObject


class Link(Message):
    """The state under this record's key belongs to the lead ``to_lead_id`` from now on."""

    type: Literal["link"] = "link"
    event_id: str
    occurred_at: str
    to_lead_id: str


class LeadMoved(Message):
    """The history of a lead, on its way to the lead that it now belongs to.

    ``path`` lists the addresses it has passed, which ends chains that turn in a circle.
    """

    type: Literal["lead_moved"] = "lead_moved"
    event_id: str
    occurred_at: str
    to_lead_id: str
    path: tuple[str, ...]
    state: JsonObject


class Forwarded(Message):
    """An event that found only a forwarding address, on its way to the lead itself."""

    type: Literal["forwarded"] = "forwarded"
    to_lead_id: str
    path: tuple[str, ...]
    event: JsonObject


class Tick(Message):
    """The partition's owner says what time it is, so that timers go on while nothing happens."""

    type: Literal["tick"] = "tick"
    now_s: float


class UseModel(Message):
    """From here on the partition's scores come from this version of this model."""

    type: Literal["use_model"] = "use_model"
    model: str
    version: str


class LeadLeft(Message):
    """The lead under this record's key lives in another partition from now on."""

    type: Literal["lead_left"] = "lead_left"


class LeadAdopted(Message):
    """The lead under this record's key lives in this partition from now on, as it was."""

    type: Literal["lead_adopted"] = "lead_adopted"
    state: JsonObject
