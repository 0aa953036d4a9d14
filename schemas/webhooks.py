"""Topics ``webhook-deliveries`` and ``webhook-endpoints``: what waits, and who is not asked."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Json, Message, Timestamp


class WebhookDelivery(Message):
    """A message that an endpoint has not taken yet, and when it is tried again.

    ``topic``, ``partition`` and ``offset`` say where the message stands; ``event`` is the message,
    ``headers`` its CloudEvents attributes, and ``webhook_id`` its ``ce_id``. ``received_at`` is
    when it was put there, or was sent again by hand. ``failure`` says why it was not taken.
    """

    type: Literal["webhook_delivery"] = "webhook_delivery"
    endpoint: str
    webhook_id: str
    lead_id: str
    topic: str
    partition: int
    offset: int
    attempts: Annotated[int, Field(ge=0)]
    received_at: Timestamp
    next_attempt_at: Timestamp
    failure: str | None
    headers: dict[str, str]
    event: Json


class WebhookDisabled(Message):
    """An endpoint has said that it is gone (HTTP 410): nothing is sent to it until re-enabled."""

    type: Literal["webhook_disabled"] = "webhook_disabled"
    endpoint: str
    disabled_at: Timestamp
