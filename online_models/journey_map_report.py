"""What the journey map says: how leads go on, where they are lost, and what is slow."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Result = Literal["won", "lost", "silent"]


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage.

    Attributes
    ----------
    name
        ``other`` stands for all stages beyond those that are told apart.
    level
        How far along the journey it is: leads enter at 0, and moves go one up as nearly as can be.
    entered, left
        How often a lead came into it and left it, again and again counted.
    now
        Leads in it at present.
    unseen
        How often more was left than entered: leads that were in it before counting began.
    moved_on, moved_back
        Moves to a stage further along, and to one that is not as far (recycling).
    won, lost, silent
        Journeys that ended in it: by a deal, by a refusal, or by silence.
    drop_off_ratio, drop_off_low, drop_off_high
        The share of those that left it who were lost or fell silent, with Wilson's 95 % interval;
        None before one has left.
    median_s, p90_s
        How long leads stay in it: half of them, and nine of ten, no longer; off by at most 5 %.
        None before one has left.
    won_ratio
        The probability that a lead in it is won in the end.
    gain_ratio
        By how much the conversion of new leads would rise if a tenth of those who drop off here
        went on like the others: .01 is one more deal of a hundred leads.
    contribution_s
        What it adds to the expected time to a deal: how often a lead that is won comes into it,
        times the mean stay of those who go on or are won there, off by at most 5 %.
    """

    name: str
    level: float
    entered: int
    left: int
    now: int
    unseen: int
    moved_on: int
    moved_back: int
    won: int
    lost: int
    silent: int
    drop_off_ratio: float | None
    drop_off_low: float | None
    drop_off_high: float | None
    median_s: float | None
    p90_s: float | None
    won_ratio: float
    gain_ratio: float
    contribution_s: float


@dataclass(frozen=True, slots=True)
class MoveFigures:
    """Moves from one stage to another.

    Attributes
    ----------
    from_stage, to_stage
        Their names.
    count
        How many there were.
    ratio
        Their share of all that left the stage.
    median_s
        How long those leads had stayed in it, off by at most 5 %.
    is_backward
        Whether they go to a stage that is not as far along.
    """

    from_stage: str
    to_stage: str
    count: int
    ratio: float
    median_s: float | None
    is_backward: bool


@dataclass(frozen=True, slots=True)
class EndFigures:
    """Journeys that ended in a stage with one result; as ``MoveFigures``."""

    stage: str
    result: Result
    count: int
    ratio: float
    median_s: float | None


@dataclass(frozen=True, slots=True)
class JourneyMap:
    """The journey of all leads.

    Attributes
    ----------
    entered
        Leads that began a journey.
    won, lost, silent
        Journeys that ended.
    conversion_ratio
        The probability that a new lead is won, if those still in a stage go on like those that left
        it; None before one has entered. Once nobody is under way it is the share that was won.
        Until then it is too high where who is lost stays longer, while the share won of all
        journeys that ended is too low where deals take longer: the truth lies between them then.
    backward_ratio
        The share of moves that go back; None before there is one.
    stages
        In the order of their level.
    moves, ends
        The most frequent first.
    bottleneck
        The stage with the largest ``gain_ratio``: where the same care keeps the most deals.
        Of those that 30 leads have left; None if nobody drops off of such a stage.
    slowest
        The stage with the largest ``contribution_s``, among the same.
    in_other
        Facts about stages beyond those that are told apart.
    """

    entered: int
    won: int
    lost: int
    silent: int
    conversion_ratio: float | None
    backward_ratio: float | None
    stages: tuple[StageFigures, ...]
    moves: tuple[MoveFigures, ...]
    ends: tuple[EndFigures, ...]
    bottleneck: str | None
    slowest: str | None
    in_other: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)
