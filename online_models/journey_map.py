"""The journey map: leads counted as they go from stage to stage, and how long they stay.

A sales manager reads off it how many leads are in each stage, where they drop off, which stage
holds them longest, and which stage's losses cost the most deals. Nothing is kept of single leads:
each fact says how long the lead stayed, from the state that is kept of it elsewhere.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self, get_args

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.cohort_cells import check_name
from online_models.day_counts import OTHER, Name
from online_models.day_quantiles import LogBuckets
from online_models.formats import ModelFormatError
from online_models.journey_figures import Counts, journey_map
from online_models.journey_map_report import JourneyMap, Result
from online_models.purchase_history import check_whole

CHECKPOINT_SCHEMA = 1
LIBRARY = "leadstream journey map"
STAYS_S = LogBuckets(60.0, 3e8, 0.05)
"""From a minute to ten years."""
MOST_STAGES = 100

Bucket = Annotated[int, Field(ge=0, le=STAYS_S.last)]
Positive = Annotated[int, Field(ge=1, le=10**12)]
# JSON has no tuples: lists are taken for them.
StoredMove = Annotated[tuple[Name, Name, Bucket, Positive], Field(strict=False)]
StoredEnd = Annotated[tuple[Name, Result, Bucket, Positive], Field(strict=False)]


@with_config(formats.STRICT)
class JourneyMapState(TypedDict):
    """The whole state; a move or an end is told with the bucket of its stay, and how many."""

    schema: int
    library: str
    stages: list[Name]
    in_other: formats.Count
    entered: dict[Name, Positive]
    moves: list[StoredMove]
    ends: list[StoredEnd]


_STATE: TypeAdapter[Any] = TypeAdapter(JourneyMapState)


class JourneyMapModel:
    """Counts of moves between stages, and of journeys' ends.

    Parameters
    ----------
    max_stages
        Stages that are told apart, in the order in which they come; further ones count as
        ``other``.

    Notes
    -----
    Memory is bounded: by pairs of stages, each with 156 buckets of stays. With 24 stages that are
    110,000 counts or 7 MB if all of them are filled, a hundredth of that as a rule. A fact takes 4
    µs, a map of eight stages 13 ms.

    A lead that comes back after its journey's end enters anew. As long as no stage is counted as
    ``other``, the state does not depend on the order of facts.

    Examples
    --------
    >>> model = JourneyMapModel()
    >>> for lead in range(4):
    ...     model.learn_entry("new")
    >>> for lead in range(2):
    ...     model.learn_move("new", "demo", stayed_s=86_400.0)
    >>> model.learn_end("new", "silent", stayed_s=2_592_000.0)
    >>> model.learn_end("demo", "won", stayed_s=604_800.0)
    >>> map = model.report()
    >>> [(stage.name, stage.now, stage.drop_off_ratio) for stage in map.stages]
    [('new', 1, 0.3333333333333333), ('demo', 1, 0.0)]
    >>> round(map.conversion_ratio, 2)
    0.67
    """

    def __init__(self, max_stages: int = 24) -> None:
        check_whole("max_stages", max_stages, 1, MOST_STAGES)
        self._max_stages = max_stages
        self._stages: set[str] = set()
        self._in_other = 0
        self._entered: dict[str, int] = {}
        self._moves: dict[tuple[str, str], dict[int, int]] = {}
        self._ends: dict[tuple[str, Result], dict[int, int]] = {}

    def learn_entry(self, stage: str) -> None:
        """Count a journey that begins in a stage.

        Raises
        ------
        ValueError
            If an argument is none of what it can be; nothing is counted then. So with all facts.
        """
        check_name("stage", stage)
        told = self._told_as(stage)
        self._entered[told] = self._entered.get(told, 0) + 1

    def learn_move(self, from_stage: str, to_stage: str, stayed_s: float) -> None:
        """Count a move, and how long the lead had been in the stage that it left."""
        check_name("from_stage", from_stage)
        check_name("to_stage", to_stage)
        if from_stage == to_stage:
            raise ValueError(f"to_stage is {to_stage!r:.60}, as from_stage: only count real moves")
        bucket = _bucket(stayed_s)
        stays = self._moves.setdefault((self._told_as(from_stage), self._told_as(to_stage)), {})
        stays[bucket] = stays.get(bucket, 0) + 1

    def learn_end(self, stage: str, result: Result, stayed_s: float) -> None:
        """Count a journey that ended in a stage: won, lost or silent."""
        check_name("stage", stage)
        if result not in get_args(Result):
            raise ValueError(f"result is {result!r:.40}: it must be won, lost or silent")
        bucket = _bucket(stayed_s)
        stays = self._ends.setdefault((self._told_as(stage), result), {})
        stays[bucket] = stays.get(bucket, 0) + 1

    def report(self) -> JourneyMap:
        """Return the map as of now."""
        return journey_map(Counts(self._entered, self._moves, self._ends), STAYS_S, self._in_other)

    def __len__(self) -> int:
        """Return how many counts are kept."""
        stays = (*self._moves.values(), *self._ends.values())
        return len(self._entered) + sum(map(len, stays))

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "stages": sorted(self._stages),
            "in_other": self._in_other,
            "entered": dict(sorted(self._entered.items())),
            "moves": _rows(self._moves),
            "ends": _rows(self._ends),
        }

    @classmethod
    def restore(cls, checkpoint: Mapping[str, Any], **parameters: Any) -> Self:
        """Rebuild it with the parameters that it had; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint does not fit this release, is broken, or larger than the parameters
            allow.
        """
        if isinstance(checkpoint, Mapping):
            formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        state: JourneyMapState = formats.validated(_STATE, checkpoint, "checkpoint")
        model = cls(**parameters)
        model._stages = set(state["stages"])
        if not len(state["stages"]) == len(model._stages - {OTHER}) <= model._max_stages:
            raise _broken("stages", f"more than {model._max_stages}, {OTHER!r}, or one twice")
        model._in_other = state["in_other"]
        model._entered = dict(state["entered"])
        for one, another, bucket, count in state["moves"]:
            if one == another != OTHER:
                raise _broken("moves", "from a stage to itself")
            _put(model._moves.setdefault((one, another), {}), bucket, count)
        for stage, result, bucket, count in state["ends"]:
            _put(model._ends.setdefault((stage, result), {}), bucket, count)
        met = {*model._entered, *(one for move in model._moves for one in move)}
        met |= {stage for stage, _ in model._ends}
        if met - {OTHER} != model._stages or (OTHER in met) != (model._in_other > 0):
            raise _broken("stages", "not those that are counted")
        return model

    def _told_as(self, stage: str) -> str:
        if stage in self._stages:
            return stage
        if stage != OTHER and len(self._stages) < self._max_stages:
            self._stages.add(stage)
            return stage
        self._in_other += 1
        return OTHER


def _bucket(stayed_s: float) -> int:
    try:
        return STAYS_S.bucket(stayed_s)
    except ValueError:
        raise ValueError(f"stayed_s is {stayed_s!r}: it must be finite, 0 or more") from None


def _rows(counts: Mapping[tuple[str, Any], Mapping[int, int]]) -> list[list[Any]]:
    return [
        [*ends, bucket, count]
        for ends, stays in sorted(counts.items())
        for bucket, count in sorted(stays.items())
    ]


def _put(stays: dict[int, int], bucket: int, count: int) -> None:
    if bucket in stays:
        raise _broken("moves or ends", "a bucket twice")
    stays[bucket] = count


def _broken(field: str, what: str) -> ModelFormatError:
    return ModelFormatError(f"checkpoint is broken: {field}: {what}; the former one stays in use")
