"""What a stored topic model must look like."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats

Word = Annotated[str, Field(min_length=1, max_length=100)]
Times = Annotated[int, Field(ge=1, le=10**12)]
Mark = Annotated[int, Field(ge=0, lt=2**48)]
# JSON has no tuples: lists are taken for them.
StoredWord = Annotated[
    tuple[Word, formats.Count, Annotated[list[Mark], Field(min_length=1, max_length=100)]],
    Field(strict=False),
]


@with_config(formats.STRICT)
class TopicState(TypedDict):
    """The counts of one topic."""

    topic_id: formats.Count
    texts: Times
    words: dict[Word, Times]


@with_config(formats.STRICT)
class SeenState(TypedDict):
    """Of each word when it was seen last and marks of texts that had it."""

    texts: formats.Count
    words: list[StoredWord]


@with_config(formats.STRICT)
class TopicModelState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    next_id: formats.Count
    topics: list[TopicState]
    seen: SeenState


STATE: TypeAdapter[Any] = TypeAdapter(TopicModelState)
