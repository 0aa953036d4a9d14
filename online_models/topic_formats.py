"""What stored topics must look like."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats

MOST_WORDS = 32
"""Different words of a text that are looked at."""

LONGEST_WORD = 100
"""Characters of a word."""

Word = Annotated[str, Field(min_length=1, max_length=LONGEST_WORD)]
TopicId = Annotated[str, Field(pattern=r"^t[1-9][0-9]{0,11}$")]
Name = Annotated[str, Field(min_length=1, max_length=400)]
Times = Annotated[int, Field(ge=1, le=10**12)]
Words = Annotated[list[Word], Field(min_length=1, max_length=MOST_WORDS)]
# JSON has no tuples: lists are taken for them.
StoredText = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=128)], TopicId | None, Words],
    Field(strict=False),
]


@with_config(formats.STRICT)
class ServedTopic(TypedDict):
    """A topic as it serves: its name, its texts, and of its common words how many have each."""

    topic: TopicId
    name: Name
    texts: Times
    words: dict[Word, Times]


@with_config(formats.STRICT)
class TopicsSnapshot(TypedDict):
    """What assigning texts needs; ``former`` are names of topics that are no more."""

    schema: int
    library: str
    topics: list[ServedTopic]
    former: dict[TopicId, Name]


@with_config(formats.STRICT)
class TopicsCheckpoint(TypedDict):
    """The whole state: the newest texts as lead, topic and words, oldest first."""

    schema: int
    library: str
    next_id: Annotated[int, Field(ge=1, le=10**12)]
    texts: list[StoredText]
    since: formats.Count
    snapshot: TopicsSnapshot


SNAPSHOT: TypeAdapter[Any] = TypeAdapter(TopicsSnapshot)
CHECKPOINT: TypeAdapter[Any] = TypeAdapter(TopicsCheckpoint)


def number_of(topic_id: str) -> int:
    """Return the number of a topic: they are given one after the other."""
    return int(topic_id[1:])
