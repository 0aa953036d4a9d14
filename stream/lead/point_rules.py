"""Rule points: which events and attributes earn a lead points, read from one TOML file."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from schemas.topics import INPUTS
from stream.lead.toml_files import STRICT, TomlFileError, read_toml, refuse_same_names

EventType = str
EVENT_TYPES = frozenset(
    t for topic in INPUTS for t in topic.types() if t not in {"cost", "email_delivered"}
)


class RulesFileError(TomlFileError):
    """The rules file cannot be used; the message says line, field and remedy."""


class Condition(BaseModel):
    """What a value must be; given tests must all hold."""

    model_config = STRICT

    equals: str | float | bool | None = None
    contains: Annotated[str, Field(min_length=1)] | None = None
    one_of: list[str | float] | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _tests_something(self) -> "Condition":
        if not self.model_fields_set:
            raise ValueError("give at least one of equals, contains, one_of, at_least, at_most")
        return self

    @cached_property
    def _folded(self) -> tuple[str | float | bool | None, str | None, list[str | float] | None]:
        return (
            None if self.equals is None else _fold(self.equals),
            None if self.contains is None else self.contains.casefold(),
            None if self.one_of is None else [_fold(v) for v in self.one_of],
        )

    def holds(self, value: Any) -> bool:
        """Tell whether a JSON value passes; text is compared without case."""
        if isinstance(value, str):
            value = value.casefold()
        equals, contains, one_of = self._folded
        if equals is not None and value != equals:
            return False
        if contains is not None and not (isinstance(value, str) and contains in value):
            return False
        if one_of is not None and value not in one_of:
            return False
        if self.at_least is not None or self.at_most is not None:
            if not isinstance(value, int | float) or isinstance(value, bool):
                return False
            if self.at_least is not None and value < self.at_least:
                return False
            if self.at_most is not None and value > self.at_most:
                return False
        return True


def _fold(value: str | float | bool) -> str | float | bool:
    return value.casefold() if isinstance(value, str) else value


class PointRule(BaseModel):
    """Points for an event (each time it happens) or for an attribute (while it holds)."""

    model_config = STRICT

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    points: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
    event: EventType | None = None
    where: Mapping[str, Condition] = Field(default_factory=dict)
    attribute: Annotated[str, Field(min_length=1)] | None = None
    condition: Condition | None = Field(default=None, alias="is")
    max_points: Annotated[float, Field(gt=0)] | None = None
    half_life_s: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> "PointRule":
        if (self.event is None) == (self.attribute is None):
            raise ValueError("give either event (what happened) or attribute (what is so)")
        if self.event is not None and self.event not in EVENT_TYPES:
            known = ", ".join(sorted(EVENT_TYPES))
            raise ValueError(f"event {self.event!r} is none of: {known}")
        if self.attribute is not None and self.condition is None:
            raise ValueError(f"say what {self.attribute!r} must be: is = {{ at_least = 50 }}")
        if self.attribute is not None and (self.where or self.half_life_s or self.max_points):
            raise ValueError("where, max_points and half_life_s go with event, not with attribute")
        if self.event is not None and self.condition is not None:
            raise ValueError("is goes with attribute; for an event give where")
        return self


class PointRules(BaseModel):
    """All rules of the house, and the range that a lead's points stay in."""

    model_config = STRICT

    schema_version: Literal[1] = 1
    min_points: float = -100.0
    max_points: float = 200.0
    rule: tuple[PointRule, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _makes_sense(self) -> "PointRules":
        if self.min_points >= self.max_points:
            raise ValueError("min_points must be below max_points")
        refuse_same_names("rules", (r.name for r in self.rule))
        return self

    def of_event(self, event_type: str) -> Sequence[PointRule]:
        """Return the rules for one type of event."""
        return self._by_event.get(event_type, ())

    @cached_property
    def by_name(self) -> Mapping[str, PointRule]:
        """The rules by name."""
        return {rule.name: rule for rule in self.rule}

    @cached_property
    def _by_event(self) -> Mapping[str | None, Sequence[PointRule]]:
        return {r.event: [s for s in self.rule if s.event == r.event] for r in self.rule}


def parse_point_rules(text: str, file_name: str = "rules.toml") -> PointRules:
    r"""Read the rules from TOML.

    Raises
    ------
    RulesFileError
        With file, line, field and remedy, for anything that is not a valid set of rules.

    Examples
    --------
    >>> rules = parse_point_rules('''
    ... [[rule]]
    ... name = "pricing_page"
    ... points = 20
    ... event = "page_view"
    ... where.url.contains = "/pricing"
    ... ''')
    >>> rules.rule[0].points
    20.0
    >>> parse_point_rules('[[rule]]\nname = "x"\npoints = "many"\nevent = "page_view"')
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    stream.lead.point_rules.RulesFileError: rules.toml, line 3: points = 'many': ...
    """
    return read_toml(text, file_name, PointRules, RulesFileError, "run with the default rules")
