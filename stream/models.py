"""The models that leadstream runs: how each is built, and how its versions are served."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from online_models.catalogue import build_scorer
from online_models.formats import ModelFormatError
from online_models.policy.protocol import Acting
from online_models.protocols import Scorer
from online_models.segment_scorer import SegmentScorer
from online_models.served_deal_value import ServedDealValue
from online_models.served_lifetime_value import PredictsLifetimeValue, ServedLifetimeValue
from online_models.served_uplift import ServedSLearner
from online_models.topic_scorer import TopicScorer
from online_models.uplift_effect import PredictsUplift
from schemas.learning import Champion, ModelSnapshot, ServingVersion
from stream import metrics
from stream.lead.enrolment import TASK as UPLIFT
from stream.lead.features import fact_of
from stream.lead.labels import MODEL as P_CONVERT
from stream.lead.learned_segments import MODEL as SEGMENTS
from stream.lead.policy_learner import acting_of
from stream.lead.topics_in_use import MODEL as TOPICS
from stream.lead.transitions import TASK as NEXT_ACTION
from stream.lead.versions import VERSION, kind_of, offset_of
from stream.lead.worth import DEAL_MODEL as DEAL_VALUE
from stream.lead.worth import MODEL as LIFETIME_VALUE

__all__ = [
    "ACTING_KIND",
    "DEAL_VALUE",
    "LIFETIME_VALUE",
    "NEXT_ACTION",
    "P_CONVERT",
    "SEGMENTS",
    "SIMULATED",
    "TOPICS",
    "UPLIFT",
    "SnapshotStore",
    "count_refused",
]

log = structlog.get_logger(__name__)

SNAPSHOT_KEY = re.compile(
    rf"[a-z0-9_]{{1,64}}/(?:serving|pin|champion|{VERSION.pattern})", re.ASCII
)
_ROLES = frozenset({"serving", "pin"})
SIMULATED = "dqn_simulated"
"""The kind of policies that were trained in simulation: no learner has it."""
ACTING_KIND = "dqn"
"""What acts for it."""


def count_refused(key: str, reason: str, remedy: str) -> None:
    """Log and count a record of a model that is not used; the former one stays in service."""
    model = key.partition("/")[0]
    metrics.SNAPSHOTS_REFUSED.labels(model if model == P_CONVERT else "other", reason).inc()
    log.warning("snapshot refused", key=key[:100], reason=reason, remedy=remedy)


class SnapshotStore:
    """All kept versions of all models, and which one serves.

    Snapshots are kept as they came and built when first used: one that does not fit is
    refused then, and the newest before it that fits serves in its place.
    """

    def __init__(self) -> None:
        self._snapshots: dict[tuple[str, str], bytes] = {}
        self._built: dict[tuple[str, str], Any] = {}
        self._roles: dict[tuple[str, str], str] = {}
        self._champions: dict[str, Champion] = {}
        self._serving: dict[str, str | None] = {}

    def put(self, key: str, value: bytes | None) -> None:
        """Take in a record of ``model-snapshots``; None is its tombstone."""
        if not SNAPSHOT_KEY.fullmatch(key):
            count_refused(key, "malformed", "its key is no MODEL/KIND-OFFSET: see who wrote it")
            return
        model, _, version = key.partition("/")
        self._serving.pop(model, None)
        if version in _ROLES:
            self._put_role(model, version, value)
        elif version == "champion":
            self._put_champion(model, value)
        elif value is None:
            self._snapshots.pop((model, version), None)
            self._built.pop((model, version), None)
        else:
            self._snapshots[model, version] = value
            self._built.pop((model, version), None)

    def scorer(self, model: str, version: str) -> Scorer | None:
        """Return a version, or None if it is not kept or does not fit this release."""
        try:  # asked for with each event
            scorer: Scorer | None = self._built[model, version]
        except KeyError:
            scorer = self._find(model, version)
        return scorer

    def acting(self, version: str) -> Acting | None:
        """Return a version of the policy, or None as ``scorer`` does."""
        acting: Acting | None = self._find(NEXT_ACTION, version)
        return acting

    def uplift(self, version: str) -> PredictsUplift | None:
        """Return a version of what predicts uplift, or None as ``scorer`` does."""
        uplift: PredictsUplift | None = self._find(UPLIFT, version)
        return uplift

    def lifetime_value(self, version: str) -> PredictsLifetimeValue | None:
        """Return a version of what predicts lifetime value, or None as ``scorer`` does."""
        value: PredictsLifetimeValue | None = self._find(LIFETIME_VALUE, version)
        return value

    def deal_value(self, version: str) -> ServedDealValue | None:
        """Return a version of what predicts a lead's deal, or None as ``scorer`` does."""
        value: ServedDealValue | None = self._find(DEAL_VALUE, version)
        return value

    def segments(self, version: str) -> SegmentScorer | None:
        """Return a version of what assigns leads to segments, or None as ``scorer`` does."""
        segments: SegmentScorer | None = self._find(SEGMENTS, version)
        return segments

    def topics(self, version: str) -> TopicScorer | None:
        """Return a version of what assigns texts to topics, or None as ``scorer`` does."""
        topics: TopicScorer | None = self._find(TOPICS, version)
        return topics

    def has(self, model: str, version: str) -> bool:
        """Tell whether a version is kept and fits this release."""
        return self._find(model, version) is not None

    def serving(self, model: str) -> str | None:
        """Return the version that scores come from: the pinned one, else the champion's newest.

        Where that was refused, it is the newest before it that was not.
        """
        if model not in self._serving:
            self._serving[model] = self._find_serving(model)
        return self._serving[model]

    def pinned(self, model: str) -> str | None:
        """Return the version that is pinned, if any."""
        return self._roles.get((model, "pin"))

    def champion(self, model: str) -> Champion | None:
        """Return what has been decided about who serves, if anything."""
        return self._champions.get(model)

    def models(self) -> list[str]:
        """Return the names of the models that have versions."""
        return sorted({name for name, _ in self._snapshots})

    def versions(self, model: str, kind: str | None = None) -> list[str]:
        """Return the kept versions, oldest first; of one kind alone where it is given."""
        kept = (v for name, v in self._snapshots if name == model and kind in {None, kind_of(v)})
        return sorted(kept, key=offset_of)

    def document(self, model: str, version: str) -> Mapping[str, Any]:
        """Return a kept version's record; KeyError if it is not kept."""
        document: Mapping[str, Any] = orjson.loads(self._snapshots[model, version])
        return document

    def _find(self, model: str, version: str) -> Any:
        """Return what a version was built to, for the first time now; None if it does not fit."""
        key = (model, version)
        if key not in self._built:
            value = self._snapshots.get(key)
            if value is None:
                return None
            self._built[key] = _build(model, version, value)
        return self._built[key]

    def _put_role(self, model: str, role: str, value: bytes | None) -> None:
        if value is None:
            self._roles.pop((model, role), None)
            return
        try:
            named = ServingVersion.model_validate_json(value)
        except ValidationError:
            count_refused(f"{model}/{role}", "malformed", "its value is no serving_version")
            return
        if VERSION.fullmatch(named.version):
            self._roles[model, role] = named.version
        else:
            count_refused(f"{model}/{role}", "malformed", "its version is no KIND-OFFSET")

    def _put_champion(self, model: str, value: bytes | None) -> None:
        if value is None:
            self._champions.pop(model, None)
            return
        try:
            self._champions[model] = Champion.model_validate_json(value)
        except ValidationError:
            count_refused(f"{model}/champion", "malformed", "its value is no champion")

    def _find_serving(self, model: str) -> str | None:
        wanted = self._roles.get((model, "pin"))
        if wanted is None:
            wanted = self._roles.get((model, "serving"))
            champion = self.champion(model)
            if wanted is not None and champion is not None and champion.kind != kind_of(wanted):
                # A new champion serves at once, not when the learner has heard of it.
                newest = self._newest(model, champion.kind)
                wanted = newest or wanted
        if wanted is None or self.has(model, wanted):
            return wanted
        before = self._newest(model, kind_of(wanted), offset_of(wanted))
        return before or self._newest(model, None, offset_of(wanted))

    def _newest(self, model: str, kind: str | None, before: int | None = None) -> str | None:
        return next(
            (
                version
                for version in reversed(self.versions(model, kind))
                if (before is None or offset_of(version) < before) and self.has(model, version)
            ),
            None,
        )


Built = (
    Scorer
    | Acting
    | PredictsUplift
    | PredictsLifetimeValue
    | ServedDealValue
    | SegmentScorer
    | TopicScorer
)


def _build(model: str, version: str, value: bytes) -> Built | None:
    key = f"{model}/{version}"
    try:
        document = ModelSnapshot.model_validate_json(value)
        if (document.model, document.version) != (model, version):
            count_refused(key, "malformed", "it is of another model or version than its key")
            return None
        if document.library != document.state.get("library"):
            count_refused(key, "malformed", "its record and its state name different libraries")
            return None
        if model == NEXT_ACTION:
            kind = kind_of(version)
            return acting_of(ACTING_KIND if kind == SIMULATED else kind, document.state)
        if model == UPLIFT:
            return ServedSLearner.restore(document.state)
        if model == LIFETIME_VALUE:
            return ServedLifetimeValue.restore(document.state)
        if model == DEAL_VALUE:
            return ServedDealValue.restore(document.state)
        if model == SEGMENTS:
            return SegmentScorer.restore(document.state)
        if model == TOPICS:
            return TopicScorer.restore(document.state)
        return build_scorer(model, version, document.state, fact_of)
    except ModelFormatError as error:
        count_refused(key, error.reason, str(error)[:300])
        return None
    except (ValueError, KeyError, TypeError) as error:
        # The error's own text may quote the whole record.
        fault = f"{type(error).__name__}: see who wrote it; the learner publishes the next"
        count_refused(key, "malformed", fault)
        return None
