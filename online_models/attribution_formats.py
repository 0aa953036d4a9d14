"""What a stored attribution model must look like."""

from collections.abc import Callable, Collection, Mapping, Sized
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.attribution_credit import Sums
from online_models.formats import Count, ModelFormatError

CHECKPOINT_SCHEMA = 2
LIBRARY = "leadstream attribution"

LARGEST_JOURNEYS = 10**12
LARGEST_VALUE_MINOR = 10**15
MOST_TOUCHES = 1_000
"""So many in a journey that every sum is a 64-bit integer, as JSON libraries ask."""
MOST_TRANSITIONS = 2**20
LONGEST_NAME = 200

Key = Annotated[int, Field(ge=0, le=MOST_TRANSITIONS * MOST_TOUCHES)]
Sum = Annotated[int, Field(ge=0, le=LARGEST_VALUE_MINOR * MOST_TOUCHES)]
Value = Annotated[int, Field(ge=0, le=LARGEST_VALUE_MINOR)]
# JSON has no tuples: lists are taken for them.
StoredSums = list[Annotated[tuple[Key, Sum, Sum], Field(strict=False)]]
Decayed = list[Annotated[tuple[Key, formats.NotNegative, formats.NotNegative], Field(strict=False)]]
Positive = Annotated[int, Field(ge=1, le=LARGEST_VALUE_MINOR * MOST_TOUCHES)]
StoredCounts = list[Annotated[tuple[Key, Positive], Field(strict=False)]]


@with_config(formats.STRICT)
class AttributionState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    parameters: dict[str, formats.Weight]
    channels: list[Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]]
    conversions: Count
    nulls: Count
    value_minor: Value
    truncated: Count
    first: StoredSums
    last: StoredSums
    touches: StoredSums
    decayed: Decayed
    sets: StoredSums
    chain_order: Annotated[int, Field(ge=1, le=3)]
    converted_steps: StoredCounts
    null_steps: StoredCounts
    last_state_value: StoredCounts


_STATE: TypeAdapter[Any] = TypeAdapter(AttributionState)


def checked_state(state: Any) -> AttributionState:
    """Return a checkpoint as its types have it.

    Raises
    ------
    ModelFormatError
        If it is of another schema or library, or not all that it must be.
    """
    if isinstance(state, Mapping):
        formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
    checked: AttributionState = formats.validated(_STATE, state, "checkpoint")
    return checked


def stored_sums(sums: Sums) -> list[list[int]]:
    """Return sums for a checkpoint."""
    return [[key, *both] for key, both in sums.items()]


def stored_counts(counts: Mapping[int, int]) -> list[list[int]]:
    """Return counts for a checkpoint."""
    return [list(row) for row in counts.items()]


class Keys(NamedTuple):
    """Which keys a checkpoint may have: numbers in a base, whose digits are channels.

    ``channels`` is the highest channel's number. All methods raise a ``ModelFormatError`` if a key
    cannot be, or comes twice.
    """

    base: int
    channels: int

    def sums(self, rows: Collection[tuple[int, int, int]], most: int) -> Sums:
        """Return sums by ``length * base + channel``, of lengths from 1 to ``most``."""
        sums = {key: [conversions, value_minor] for key, conversions, value_minor in rows}
        _check_keys(
            rows,
            sums,
            lambda key: 0 < key // self.base <= most and 0 < key % self.base <= self.channels,
        )
        return sums

    def decayed(self, rows: Collection[tuple[int, float, float]]) -> dict[int, list[float]]:
        """Return floats by channel."""
        floats = {key: [conversions, value_minor] for key, conversions, value_minor in rows}
        _check_keys(rows, floats, lambda key: 0 < key <= self.channels)
        return floats

    def counts(self, rows: Collection[tuple[int, int]], digits: int) -> dict[int, int]:
        """Return counts by keys of so many digits."""
        counts = dict(rows)
        _check_keys(rows, counts, lambda key: self._is_number(key, digits))
        return counts

    def _is_number(self, key: int, digits: int) -> bool:
        for _ in range(digits):
            key, channel = divmod(key, self.base)
            if channel > self.channels:
                return False
        return key == 0


def _check_keys(rows: Sized, keys: Collection[int], is_key: Callable[[int], bool]) -> None:
    if len(keys) < len(rows) or not all(map(is_key, keys)):
        raise ModelFormatError("checkpoint is broken: a key cannot be, or comes twice")
