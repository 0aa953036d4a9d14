"""A policy that was trained in simulation: the file that holds it, and the version it becomes.

It is of a kind of its own, ``dqn_simulated``, which no learner has: a deep Q-network acts, and
nothing goes on learning. Its values are what contacts gain above doing nothing, in a world; those
of the online ``dqn`` are rewards as the house counts them, with all that would have come without
any contact. The first are no start for the second: whatever is learned of first would be lifted
above all other actions by what nobody did anything for.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from online_models.formats import ModelFormatError
from schemas import topics
from schemas.base import fault_of
from stream.lead.actions import Catalogue
from stream.lead.learner import record, serving_record
from stream.lead.outputs import Output
from stream.lead.policy_learner import LIBRARY, SCHEMA, PolicyLearner, acting_of
from stream.lead.triggers import BY_RULES
from stream.lead.versions import version_of
from stream.models import ACTING_KIND, NEXT_ACTION, SIMULATED
from stream.simulator.house_training import candidate_names

FILE_SCHEMA: Final = 1
_DIGITS = 15
"""Of a version's number: metrics tell it as a float, to the unit."""


class PolicyFileError(ValueError):
    """A file is no policy that this house can serve; the message says why, and what to do."""


class _Header(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["simulated_policy"]
    schema_version: int


class SimulatedPolicy(BaseModel):
    """What a file holds.

    Parameters
    ----------
    likeness
        Action of the house -> the simulator's action that it was taken for.
    candidates
        What it chooses among: each action in each framing.
    decisions, leads, seed
        How many simulated decisions it learned from, of how many leads, by which seed.
    world
        The parameters of the world that it was trained in.
    earned
        What it earned on leads that it had not met, beside the house's rules.
    policy
        The snapshot of what acts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    type: Literal["simulated_policy"] = "simulated_policy"
    schema_version: Literal[1] = FILE_SCHEMA
    likeness: dict[str, str]
    candidates: list[str]
    decisions: Annotated[int, Field(ge=0, lt=2**63)]
    leads: int
    seed: int
    world: dict[str, Any]
    earned: dict[str, dict[str, float]]
    policy: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Return what the file holds, as JSON."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"

    def state(self, epsilon: float) -> dict[str, Any]:
        """Return what a snapshot's record holds of it, ``epsilon`` of its choices uniform."""
        return {"schema": SCHEMA, "library": LIBRARY, "epsilon": epsilon, "policy": self.policy}


def read_policy(value: bytes, name: str) -> SimulatedPolicy:
    """Return the policy of a file.

    Raises
    ------
    PolicyFileError
        If it is no policy, of another schema, or broken.
    """
    again = "write it anew with `leadstream policy train`"
    try:
        header = _Header.model_validate_json(value)
    except ValidationError:
        raise PolicyFileError(f"{name} is no policy trained in simulation: {again}") from None
    if header.schema_version != FILE_SCHEMA:
        raise PolicyFileError(
            f"{name} is of schema {header.schema_version}, this release reads {FILE_SCHEMA}: "
            f"{again}"
        )
    try:
        policy = SimulatedPolicy.model_validate_json(value)
        acting_of(ACTING_KIND, policy.state(epsilon=1.0))
    except ValidationError as error:
        raise PolicyFileError(f"{name} is broken ({fault_of(error)}): {again}") from None
    except (ModelFormatError, KeyError, TypeError, ValueError) as error:
        raise PolicyFileError(f"{name} is broken ({str(error)[:300]}): {again}") from None
    return policy


def check_catalogue(policy: SimulatedPolicy, catalogue: Catalogue) -> None:
    """Hold that a policy chooses among what the house's catalogue offers.

    One that knows more would be of another house; of what it does not know it could not tell
    whether it is better than nothing.

    Raises
    ------
    PolicyFileError
        If it does not; the message names what differs.
    """
    known, offered = set(policy.candidates), set(candidate_names(catalogue))
    if known == offered:
        return
    said = [
        f"{what} {', '.join(sorted(names))}"
        for what, names in (
            ("it chooses among", known - offered),
            ("it does not know", offered - known),
        )
        if names
    ]
    raise PolicyFileError(
        f"the policy is of another catalogue: {'; '.join(said)}. Set LEADSTREAM_ACTIONS_FILE to "
        "the catalogue that it was trained for, or train one with `leadstream policy train`"
    )


def version_record(policy: SimulatedPolicy, epsilon: float) -> tuple[str, Output]:
    """Return the name of a policy's version, the same for the same content, and its record."""
    state = policy.state(epsilon)
    digest = sha256(orjson.dumps(state, option=orjson.OPT_SORT_KEYS)).digest()
    # Far above any offset of an example, so that it is not the first to be cleared away.
    number = int.from_bytes(digest[:8]) % 10**_DIGITS
    version = version_of(SIMULATED, number)
    body: Mapping[str, Any] = {
        "type": "model_snapshot",
        "model": NEXT_ACTION,
        "version": version,
        "snapshot_schema": SCHEMA,
        "library": LIBRARY,
        "examples": policy.decisions,
        "positives": 0,
        "state": state,
    }
    return version, record(topics.MODEL_SNAPSHOTS, f"{NEXT_ACTION}/{version}", body)


def pin_record(version: str) -> Output:
    """Return the record that pins a version of the policy until it is released."""
    return serving_record(NEXT_ACTION, "pin", version)


def rules_records(epsilon: float) -> list[Output]:
    """Return what makes the house's rules a version that serves, to be released to.

    Policies that learn publish no version before the first rewards are known; until then there
    would be nothing that takes the place of a version that is pinned no longer.
    """
    rules = PolicyLearner(BY_RULES, epsilon)
    return [rules.snapshot(), serving_record(NEXT_ACTION, "serving", rules.version)]
