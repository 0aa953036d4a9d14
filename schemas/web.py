"""Topic ``page-views``: what the tracker on the website sends."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.events import LeadEvent


class PageView(LeadEvent):
    """A page was shown; ``duration_s`` is the time spent on it, when known."""

    type: Literal["page_view"]
    url: str
    title: str | None = None
    referrer: str | None = None
    duration_s: Annotated[float, Field(ge=0)] | None = None
