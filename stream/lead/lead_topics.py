"""What a lead's text is about: its topic, by the version in use, and what topics are learned by."""

from collections.abc import Mapping
from typing import Any

from online_models.text_phrases import AUTO_REPLY
from online_models.topic_scorer import FEWEST_WORDS
from stream.lead import kept_texts
from stream.lead.hashing import address_hash
from stream.lead.house import House
from stream.lead.identity import is_named
from stream.lead.milestone_bodies import output as milestone
from stream.lead.outputs import Output, rfc3339
from stream.lead.own_names import names_among
from stream.lead.state import LeadState
from stream.lead.text_reading import TEXT_READING, TOPIC
from stream.lead.topics_in_use import TopicsInUse


def look(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    topics: TopicsInUse | None,
    house: House,
) -> tuple[Mapping[str, Any], list[Output]]:
    """Return an event whose text was read with its topic, and what topics are learned by.

    An automatic reply is about nothing: nobody wrote it to somebody.
    """
    reading = event[TEXT_READING]
    if AUTO_REPLY in reading["intents"]:
        return event, []
    # Readings of an earlier release have no words.
    words = reading.get("words", ())
    if words:
        names = names_among(state.attributes)
        words = [word for word in words if word not in names]
    topic = None if topics is None else topics.scorer.assign(words)
    text = [at_s, reading["language"], reading["sentiment"], reading["intents"], topic, True]
    kept_texts.keep(state, text)
    if topic is not None:
        event = {**event, TEXT_READING: {**reading, TOPIC: topic}}
    if len(words) < FEWEST_WORDS or not house.logs_milestones or not is_named(state.lead_id):
        return event, []
    return event, [_seen(state, words, topic, at_s, house)]


def leave(state: LeadState, at_s: float, house: House) -> list[Output]:
    """Take a lead's texts out of what topics are learned by."""
    if not state.texts or not house.logs_milestones or not is_named(state.lead_id):
        return []
    return [_seen(state, [], None, at_s, house)]


def _seen(
    state: LeadState, words: list[str], topic: str | None, at_s: float, house: House
) -> Output:
    return milestone(
        {
            "type": "text_seen",
            "lead_hash": address_hash(state.lead_id, house.erasure_key),
            "words": words,
            "topic": topic,
            "occurred_at": rfc3339(at_s),
        }
    )
