"""Topic ``email-events``: what the mail platform reports of its mails."""

from typing import Literal

from schemas.events import LeadEvent


class _EmailEvent(LeadEvent):
    campaign_id: str | None = None
    message_id: str | None = None
    url: str | None = None
    text: str | None = None


class EmailDelivered(_EmailEvent):
    """A mail was taken in by the lead's mail system; who opens it at once is no person."""

    type: Literal["email_delivered"]


class EmailOpen(_EmailEvent):
    """A mail was opened."""

    type: Literal["email_open"]


class EmailClick(_EmailEvent):
    """A link in a mail was followed; ``url`` says which."""

    type: Literal["email_click"]


class EmailReply(_EmailEvent):
    """A mail was answered; ``text`` is the answer."""

    type: Literal["email_reply"]


class EmailBounce(_EmailEvent):
    """A mail could not be delivered."""

    type: Literal["email_bounce"]


class EmailUnsubscribe(_EmailEvent):
    """The lead wants no more mails."""

    type: Literal["email_unsubscribe"]
