"""The version of topics that serves, as decisions go by it."""

from collections.abc import Mapping
from typing import NamedTuple

from online_models.topic_scorer import TopicScorer
from stream.lead.text_reading import TOPIC

MODEL = "topics"


class TopicsInUse(NamedTuple):
    """The version of topics that serves: what assigns texts, and what reasons call each topic.

    ``facts`` are by fact (``stream.lead.features.fact_of``), such as ``count:topic:t3``.
    """

    version: str
    scorer: TopicScorer
    facts: Mapping[str, str]


def in_use(version: str, scorer: TopicScorer) -> TopicsInUse:
    """Return a version as decisions go by it."""
    facts = {f"count:{TOPIC}:{topic}": said(name) for topic, name in scorer.names.items()}
    return TopicsInUse(version, scorer, facts)


def said(name: str) -> str:
    """Return a topic's name as a reason says it.

    >>> said("price, licence")
    'wrote about: price, licence'
    """
    return f"wrote about: {name}"
