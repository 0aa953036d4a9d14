"""One version of an S-learner, serving: what a scorer needs of it, and how sure it may be."""

from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.axes import is_count, unit_of
from online_models.catalogue import build_scorer
from online_models.protocols import Features, Scorer
from online_models.uplift_effect import Uplift
from online_models.uplift_parts import LIBRARY, SCHEMA, difference, estimate_one, is_enough

TREATED = "*treated"
"""What names of features end with that say how a treated lead differs."""


@with_config(formats.STRICT)
class _StoredArms(TypedDict):
    arms: Annotated[list[formats.Count], Field(min_length=4, max_length=4)]


@with_config(formats.STRICT)
class _Snapshot(_StoredArms):
    model: dict[str, Any]


_ARMS: TypeAdapter[Any] = TypeAdapter(_StoredArms)
_SNAPSHOT: TypeAdapter[Any] = TypeAdapter(_Snapshot)


class Arms(NamedTuple):
    """How many leads were learned of either arm: those that converted, and the others."""

    treated_converted: int
    treated_others: int
    untreated_converted: int
    untreated_others: int

    @classmethod
    def none(cls) -> "Arms":
        """Return that there were none."""
        return cls(0, 0, 0, 0)

    def plus(self, is_treated: bool, y: bool) -> "Arms":
        """Return them with one lead more.

        >>> Arms.none().plus(True, False).to_json()
        [0, 1, 0, 0]
        """
        counts = list(self)
        counts[2 * (not is_treated) + (not y)] += 1
        return Arms(*counts)

    @property
    def converted(self) -> int:
        """How many converted."""
        return self.treated_converted + self.untreated_converted

    @property
    def are_enough(self) -> bool:
        """Whether both have had as many leads as it takes to be sure of anything."""
        return is_enough(*self[:2]) and is_enough(*self[2:])

    def to_json(self) -> list[int]:
        """Return them as plain JSON."""
        return list(self)

    @classmethod
    def from_json(cls, state: Any, what: str) -> "Arms":
        """Read them from a stored state; raises ``ModelFormatError`` if they are broken."""
        return cls(*formats.validated(_ARMS, state, what)["arms"])


class ServedSLearner:
    """What an S-learner had learned up to a version.

    Parameters
    ----------
    scorer
        Of the one model, which is told of the treatment.
    arms
        How many leads it has learned from.
    """

    def __init__(self, scorer: Scorer, arms: Arms) -> None:
        self._scorer = scorer
        self._arms = arms

    @classmethod
    def restore(cls, state: Any) -> "ServedSLearner":
        """Rebuild it from a learner's snapshot.

        Raises
        ------
        ModelFormatError
            If the snapshot is of another schema or library, or broken, or its model's is.
        """
        formats.check_origin(state, SCHEMA, LIBRARY)
        checked: _Snapshot = formats.validated(_SNAPSHOT, state, "snapshot")
        return cls(build_scorer("uplift", "", checked["model"]), Arms(*checked["arms"]))

    def predict_uplift_one(self, x: Features) -> Uplift:
        """Return what treating a lead changes."""
        treated = estimate_one(self._scorer, when_treated(x))
        told = difference(treated, estimate_one(self._scorer, x))
        return told if self._arms.are_enough else Uplift(told.effect, None)


def when_treated(x: Features) -> dict[str, float | str]:
    """Return a lead's features as they are when it is treated.

    >>> when_treated({"stage": "demo", "points": 40.0})
    {'stage': 'demo', 'points': 40.0, '*treated': 'yes', 'stage*treated': 'demo', \
'points*treated': 2.0}
    """
    treated: dict[str, float | str] = {**x, TREATED: "yes"}
    for name, value in x.items():
        on_axis = not isinstance(value, str) and not is_count(name)
        # An axis of another name has steps of one.
        treated[name + TREATED] = float(value) / unit_of(name) if on_axis else value
    return treated
