"""What key figures of sales come as."""

from typing import NamedTuple


class Conversion(NamedTuple):
    """Journeys that ended, deals among them, and the share of those with Wilson's 95 % interval."""

    journeys: int
    deals: int
    ratio: float | None
    low: float | None
    high: float | None


class Response(NamedTuple):
    """How many leads were answered, and how long they waited, in minutes."""

    answers: int
    median_minutes: float | None
    p90_minutes: float | None


class Satisfaction(NamedTuple):
    """How satisfied leads are, by what they answered.

    ``satisfied_ratio`` (CSAT) is the share of answers of at least four fifths of the scale, 4 of 5
    or 8 of 10; ``mean_ratio`` the mean share of the scale; ``nps`` that of scales up to 10,
    -100..100.
    """

    answers: int
    satisfied_ratio: float | None
    mean_ratio: float | None
    nps_answers: int
    nps: float | None


class SourceSums(NamedTuple):
    """What one source brought."""

    leads: int
    journeys: int
    deals: int
    value_minor: int


class CampaignSums(NamedTuple):
    """What one campaign brought."""

    deals: int
    value_minor: int


class Effect(NamedTuple):
    """By how much nurturing raises conversion, with Newcombe's 95 % interval."""

    difference: float
    low: float
    high: float
