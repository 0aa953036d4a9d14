"""Topic ``lead-activities``: anything else that a lead does or that is done with it."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from schemas.events import JsonObject, LeadEvent


class Activity(LeadEvent):
    """A named activity: a webinar attended, a call, a chat, product use."""

    type: Literal["activity"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    properties: JsonObject | None = None
