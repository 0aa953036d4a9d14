"""Which leads something is for: tests of score, tier, stage, attributes, purchases, outcome."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from stream.lead.point_rules import Condition
from stream.lead.points import value_at
from stream.lead.toml_files import STRICT

if TYPE_CHECKING:  # a state knows the house, and the house knows this
    from stream.lead.state import LeadState

Tier = Literal["cold", "warm", "hot"]
Status = Literal["open", "won", "lost"]
Score = Annotated[float, Field(ge=0, le=100)]
Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=128)], ...],
    Field(min_length=1, strict=False),
]


def folded(names: tuple[str, ...] | None) -> frozenset[str] | None:
    """Return names as they are compared: people write them in more than one way."""
    return None if names is None else frozenset(fold(name) for name in names)


def fold(name: str) -> str:
    """Return one name as it is compared.

    >>> fold(" Sales Qualified")
    'sales qualified'
    """
    return name.strip().casefold()


class LeadTests(BaseModel):
    """What must be so of a lead's score, tier and attributes; given tests must all hold."""

    model_config = STRICT

    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, strict=False)] | None = None
    min_score: Score | None = None
    max_score: Score | None = None
    attributes: Mapping[str, Condition] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_range(self) -> "LeadTests":
        low = 0.0 if self.min_score is None else self.min_score
        if self.max_score is not None and low > self.max_score:
            raise ValueError("min_score must not be above max_score")
        return self

    def hold(self, score: float, tier: str | None, attributes: Mapping[str, Any]) -> bool:
        """Tell whether all tests hold; an attribute that is not known passes none."""
        return (
            (self.tiers is None or tier in self.tiers)
            and (self.min_score is None or score >= self.min_score)
            and (self.max_score is None or score <= self.max_score)
            and all(
                test.holds(value_at(attributes, name)) for name, test in self.attributes.items()
            )
        )


class Standing(LeadTests):
    """How a lead must stand.

    Parameters
    ----------
    stages, not_stages
        Stages that it must be in, and must not be in; a lead without a stage is in none.
    owns_one_of, owns_none_of
        Products that the lead has bought: for up-sell, cross-sell. A state keeps the first
        ``stream.lead.purchases.MAX_PRODUCTS`` that a lead bought.
    outcomes
        ``open`` leads, and those that have been ``won`` or ``lost``. What is not among them is
        closed: ``has_outcome`` tells that, and ``holds`` leaves it out.
    """

    stages: Names | None = None
    not_stages: Names | None = None
    owns_one_of: Names | None = None
    owns_none_of: Names | None = None
    outcomes: Annotated[tuple[Status, ...], Field(min_length=1, strict=False)] = ("open",)

    @cached_property
    def _folded(self) -> tuple[frozenset[str] | None, ...]:
        return tuple(
            map(folded, (self.stages, self.not_stages, self.owns_one_of, self.owns_none_of))
        )

    def has_outcome(self, state: "LeadState") -> bool:
        """Tell whether a lead's outcome, or that it is open, is among ``outcomes``."""
        return (state.outcome or "open") in self.outcomes

    def holds(self, state: "LeadState", score: float, tier: str | None) -> bool:
        """Tell whether a lead stands so.

        Examples
        --------
        >>> from stream.lead.state import LeadState
        >>> state = LeadState.new("L", 0.0)
        >>> state.stage = "Customer"
        >>> test = Standing.model_validate({"stages": ["customer"], "min_score": 50.0})
        >>> test.holds(state, 60.0, "warm"), test.holds(state, 40.0, "cold")
        (True, False)
        """
        stages, not_stages, owns_one_of, owns_none_of = self._folded
        if stages is not None or not_stages is not None:
            stage = None if state.stage is None else fold(state.stage)
            if stages is not None and stage not in stages:
                return False
            if not_stages is not None and stage in not_stages:
                return False
        if owns_one_of is not None or owns_none_of is not None:
            products = () if state.purchases is None else state.purchases.products
            owned = {fold(product) for product in products}
            if owns_one_of is not None and owned.isdisjoint(owns_one_of):
                return False
            if owns_none_of is not None and not owned.isdisjoint(owns_none_of):
                return False
        return self.hold(score, tier, state.attributes)


class Eligibility(Standing):
    """Which leads an action is for.

    Parameters
    ----------
    segments, not_segments
        Segments that it is for, and that it is not for: the house's own by their names, learned
        ones by their ids.
    """

    segments: Names | None = None
    not_segments: Names | None = None

    def holds(self, state: "LeadState", score: float, tier: str | None) -> bool:
        """Tell whether an action is for a lead."""
        if self.segments is not None or self.not_segments is not None:
            present = {*state.rule_segments, state.segment}
            if self.segments is not None and present.isdisjoint(self.segments):
                return False
            if self.not_segments is not None and not present.isdisjoint(self.not_segments):
                return False
        return super().holds(state, score, tier)
