"""What callers ask, read within bounds; a refusal says field, value and remedy."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from schemas.base import fault_of
from schemas.personalizer import EventId, Reward
from stream.collector.refusals import RefusedRequestError
from stream.personalizer.features import features_of

MAX_ACTIONS = 50
"""As Azure Personalizer has it."""
MAX_BODY_BYTES = 128 * 1024
MAX_PAIRS = 50_000
"""Of a feature of the context and one of an action: so many are weighed within some 50 ms."""

Model = TypeVar("Model", bound=BaseModel)


_NONE_IS_EMPTY = BeforeValidator(lambda given: [] if given is None else given)
"""Azure's clients send null for what is not given."""


def _objects(given: list[Any]) -> list[Any]:
    for item in given:
        if not isinstance(item, dict):
            # pydantic takes no TypeError for a fault of the value
            raise ValueError('give objects, like {"timeOfDay": "morning"}')  # noqa: TRY004
    return given


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class RankableAction(_Asked):
    """An action that may be taken."""

    id: EventId
    features: Annotated[list[Any], AfterValidator(_objects)]


class RankRequest(_Asked):
    """Which of these actions is for somebody of whom this is known."""

    context: Annotated[list[Any], _NONE_IS_EMPTY, AfterValidator(_objects)] = Field(
        default_factory=list, alias="contextFeatures"
    )
    actions: Annotated[list[RankableAction], Field(min_length=1, max_length=MAX_ACTIONS)]
    excluded: Annotated[list[str], _NONE_IS_EMPTY] = Field(
        default_factory=list, alias="excludedActions"
    )
    event_id: EventId | None = Field(None, alias="eventId")
    deferred: bool | None = Field(None, alias="deferActivation")


class RewardRequest(_Asked):
    """What the action has brought."""

    value: Reward


@dataclass(frozen=True, slots=True)
class Asked:
    """A rank request whose parts belong together, and its features as the model takes them.

    ``open_ids`` are the actions that are not excluded. ``digest`` is the same for the same request.
    """

    request: RankRequest
    context: Mapping[str, float | str]
    actions: Mapping[str, Mapping[str, float | str]]
    open_ids: frozenset[str]
    digest: bytes


def asked(body: bytes) -> Asked:
    """Return what is asked.

    Raises
    ------
    RefusedRequestError
        If it is not valid, or asks for more than may be.
    """
    request = _parsed(RankRequest, body)
    try:
        return _checked(request)
    except (RecursionError, orjson.JSONEncodeError):
        raise refused(
            "contextFeatures or actions: objects are nested too deep; flatten them",
            "contextFeatures",
        ) from None


def _checked(request: RankRequest) -> Asked:
    context = features_of(request.context)
    actions = {action.id: action_features(action.id, action.features) for action in request.actions}
    if len(actions) < len(request.actions):
        counts = Counter(action.id for action in request.actions)
        twice = next(action_id for action_id, count in counts.items() if count > 1)
        raise refused(f"actions: {twice!r:.80} is there twice; give each action once", "actions")
    unknown = next((a for a in request.excluded if a not in actions), None)
    if unknown is not None:
        raise refused(
            f"excludedActions: {unknown!r:.80} is none of the actions; name those that are",
            "excludedActions",
        )
    open_ids = actions.keys() - set(request.excluded)
    if not open_ids:
        raise refused(
            "excludedActions: every action is excluded; leave at least one", "excludedActions"
        )
    pairs = len(context) * sum(map(len, actions.values()))
    if pairs > MAX_PAIRS:
        raise refused(
            f"contextFeatures and actions: {len(context)} features of the context make {pairs:,} "
            f"pairs with those of the actions, at most {MAX_PAIRS:,}; send those that matter",
            "contextFeatures",
        )
    sent = [(action.id, action.features) for action in request.actions]
    digest = digest_of(request.context, sent, open_ids)
    return Asked(request, context, actions, frozenset(open_ids), digest)


def rewarded(body: bytes) -> float:
    """Return the reward that is told, from -1 to 1.

    Raises
    ------
    RefusedRequestError
        If it is not valid.
    """
    return _parsed(RewardRequest, body).value


def action_features(action_id: str, given: list[Any]) -> dict[str, float | str]:
    """Return an action's features; its id is one."""
    return {"id": action_id, **features_of(given)}


def digest_of(
    context: list[Any], actions: list[tuple[str, list[Any]]], open_ids: Iterable[str]
) -> bytes:
    """Return a few bytes that are the same for the same request."""
    whole = orjson.dumps([context, actions, sorted(open_ids)], option=orjson.OPT_SORT_KEYS)
    return blake2b(whole, digest_size=16).digest()


def refused(message: str, target: str) -> RefusedRequestError:
    """Return the refusal of a request that is not valid."""
    return RefusedRequestError(400, message, target)


def _parsed(model: type[Model], body: bytes) -> Model:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise refused(f"the body is no JSON ({error}); send an object", "body") from None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        fault = fault_of(error)
        raise refused(fault, fault.partition(":")[0]) from None
