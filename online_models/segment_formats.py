"""What stored segments and what scorers need of them must look like."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.segment_inputs import LONGEST_WORD

SegmentId = Annotated[str, Field(pattern=r"^s[1-9][0-9]{0,11}$")]
Word = Annotated[str, Field(min_length=1, max_length=LONGEST_WORD)]
Name = Annotated[str, Field(min_length=1, max_length=5 * LONGEST_WORD)]
PerClass = Annotated[list[formats.Weight], Field(min_length=1, max_length=64)]
Deviation = Annotated[float, Field(gt=0.0, le=formats.LARGEST)]
Lead = Annotated[str, Field(min_length=1, max_length=LONGEST_WORD)]


@with_config(formats.STRICT)
class InputsState(TypedDict):
    """Which features segments are made of."""

    mixes: Annotated[list[Word], Field(min_length=1)]
    categories: list[Word]
    numbers: list[Word]
    fewest_events: Annotated[int, Field(ge=1, le=10**6)]


@with_config(formats.STRICT)
class RowState(TypedDict):
    """One lead of the sample."""

    lead: Lead
    words: dict[Word, Annotated[float, Field(gt=0.0, le=1e3)]]
    numbers: dict[Word, formats.Weight]


@with_config(formats.STRICT)
class MixtureState(TypedDict):
    """Classes and all leads together."""

    words: list[Word]
    blocks: list[list[formats.Count]]
    numbers: list[Word]
    log_weights: PerClass
    log_shares: list[list[formats.Weight]]
    means: list[list[formats.Weight]]
    deviations: list[list[Deviation]]
    overall_shares: list[Annotated[float, Field(gt=0.0, le=1.0)]]
    overall_means: list[formats.Weight]
    overall_deviations: list[Deviation]
    events: list[formats.NotNegative]


@with_config(formats.STRICT)
class TallyState(TypedDict):
    """Of one segment, how many leads there are and what became of leads."""

    leads: formats.Count
    converted: formats.Count
    not_converted: formats.Count


@with_config(formats.STRICT)
class SegmentsState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    inputs: InputsState
    learned: formats.Count
    learned_at_fit: formats.Count
    learned_at_search: formats.Count
    issued: formats.Count
    segment_ids: list[SegmentId]
    heirs: dict[SegmentId, SegmentId]
    tallies: dict[SegmentId, TallyState]
    mixture: MixtureState | None
    rows: list[RowState]


@with_config(formats.STRICT)
class SegmentsSnapshot(TypedDict):
    """What assigning needs: of each word and number, what it adds for each segment."""

    schema: int
    library: str
    inputs: InputsState
    names: dict[SegmentId, Name]
    heirs: dict[SegmentId, SegmentId]
    log_weights: list[formats.Weight]
    words: dict[Word, PerClass]
    numbers: dict[Word, list[Annotated[list[formats.Weight], Field(min_length=3, max_length=3)]]]


STATE: TypeAdapter[Any] = TypeAdapter(SegmentsState)
SNAPSHOT: TypeAdapter[Any] = TypeAdapter(SegmentsSnapshot)
