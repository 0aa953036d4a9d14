"""Topic ``costs``: what marketing spent; of no single lead."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from schemas.base import Currency
from schemas.events import Event


class Cost(Event):
    """Money spent on a channel or campaign in a period (ISO 8601: a day, month or interval)."""

    type: Literal["cost"]
    amount_minor: int
    currency: Currency
    channel: str | None = None
    campaign: str | None = None
    period: Annotated[str, StringConstraints(min_length=1, max_length=64)]
