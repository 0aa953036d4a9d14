"""What was read from a lead's text, as it stands on the event: ``route`` reads, ``score`` counts.

The log holds the reading, so that its fold asks no reader, and says the same in every replay.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from online_models.text_phrases import AUTO_REPLY
from stream.lead.own_names import names_in

if TYPE_CHECKING:  # its libraries are an extra, and a second to import
    from online_models.text_reader import TextReading

TEXT_READING = "text_reading"
"""Field of an event in the log; what a sender calls so is dropped."""
TOPIC = "topic"
"""Field of a reading that the fold adds, and what the kinds of events of a topic begin with."""

NEGATIVE_SENTIMENT, POSITIVE_SENTIMENT = -0.3, 0.4
"""A text counts as negative up to here, as positive from here on.

Of 4,200 tweets that twenty people rated each (Hutto and Gilbert 2014), people rated 73 % of those
up to -.3 at -1 or less, and it finds 86 % of all that they did; from .4 on 72 % at 1 or more, and
92 %. At .3 it would be 69 %: what is polite reads as pleased.
"""


class ReadsTexts(Protocol):
    """Says what a text says; the same of the same text."""

    def predict_one(self, text: str) -> "TextReading":
        """Return what a text says."""
        ...


def read(event: Mapping[str, Any], reader: ReadsTexts) -> dict[str, Any] | None:
    """Return what an event's text says; None where it has none.

    Read are what a form and a mail's answer say, and notes of an activity, such as a call, which
    stand in its property ``text``. Of the text itself the result has the words that tell what it
    is about, none of which its form gives as a name or an address.
    """
    holder: Any = event
    match event["type"]:
        case "form_fill" | "email_reply":
            pass
        case "activity":
            holder = event.get("properties")
        case _:
            return None
    text = holder.get("text") if holder else None
    if not isinstance(text, str) or not text.strip():
        return None
    said = reader.predict_one(text)
    names = names_in(event)
    return {
        "language": said.language,
        "sentiment": said.sentiment,
        "intents": sorted(said.intents),
        "is_urgent_negative": said.is_urgent_negative,
        "words": [word for word in said.words if word not in names],
    }


def kinds_read(reading: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds that an event counts as for what its text says.

    An automatic reply is nothing else: nobody meant how it sounds.

    Examples
    --------
    >>> kinds_read({"intents": ["complaint", "urgency"], "sentiment": -0.7})
    ('text:complaint', 'text:urgency', 'text:negative')
    >>> kinds_read({"intents": ["auto_reply"], "sentiment": 0.6})
    ('text:auto_reply',)
    >>> kinds_read({"intents": ["price"], "sentiment": None, "topic": "t3"})
    ('topic:t3', 'text:price')
    """
    intents, sentiment = reading["intents"], reading["sentiment"]
    kinds = tuple(f"text:{intent}" for intent in intents)
    if (topic := reading.get(TOPIC)) is not None:
        kinds = (f"{TOPIC}:{topic}", *kinds)
    if sentiment is None or AUTO_REPLY in intents:
        return kinds
    if sentiment <= NEGATIVE_SENTIMENT:
        return (*kinds, "text:negative")
    return (*kinds, "text:positive") if sentiment >= POSITIVE_SENTIMENT else kinds
