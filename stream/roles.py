"""Which agent does what with which topic: the one place that wiring and rights are taken from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeVar

from schemas import topics
from schemas.topics import Topic

Role = Literal["route", "score", "learn"]
ROLES: tuple[Role, ...] = ("route", "score", "learn")

OUTPUTS = tuple(t for t in topics.TOPICS if t.direction == "output")


@dataclass(frozen=True)
class Wiring:
    """An agent's topics.

    Parameters
    ----------
    consumes
        What it shares with the agents of its role in other processes, as one consumer group.
    reads
        What it reads whole, on its own.
    writes
        What it sends.
    transactional
        The consumed topics whose partitions have a transactional producer each.
    """

    consumes: tuple[Topic, ...]
    reads: tuple[Topic, ...]
    writes: tuple[Topic, ...]
    transactional: tuple[Topic, ...] = ()


# Every worker follows the snapshots, so all roles read them.
WIRING: Mapping[Role, Wiring] = MappingProxyType(
    {
        "route": Wiring(
            consumes=(*topics.INPUTS, topics.LEAD_FORWARDS),
            reads=(topics.MODEL_SNAPSHOTS,),
            writes=(topics.LEAD_EVENTS, topics.DEAD_LETTERS),
        ),
        "score": Wiring(
            consumes=(topics.LEAD_EVENTS,),
            reads=(topics.LEAD_STATES, topics.MODEL_SNAPSHOTS),
            writes=(
                *OUTPUTS,
                topics.LEAD_EVENTS,
                topics.LEAD_FORWARDS,
                topics.LEAD_STATES,
                topics.TRAINING_EXAMPLES,
            ),
            transactional=(topics.LEAD_EVENTS,),
        ),
        "learn": Wiring(
            consumes=(topics.TRAINING_EXAMPLES,),
            reads=(topics.MODEL_CHECKPOINTS, topics.MODEL_SNAPSHOTS),
            writes=(topics.MODEL_CHECKPOINTS, topics.MODEL_SNAPSHOTS),
            transactional=(topics.TRAINING_EXAMPLES,),
        ),
    }
)

Name = TypeVar("Name", bound=str)


def parse_names(text: str, choices: Sequence[Name]) -> list[Name]:
    """Return the names given with commas between them; raises ValueError with the choices.

    >>> parse_names("score, route", ROLES)
    ['score', 'route']
    """
    chosen: list[Name] = []
    for name in text.split(","):
        known = next((choice for choice in choices if choice == name.strip()), None)
        if known is None:
            raise ValueError(f"{name.strip()!r}: give some of {', '.join(choices)}")
        chosen.append(known)
    return chosen
