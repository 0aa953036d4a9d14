"""The models that leadstream runs: how each is built, and how its versions are served."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from online_models.formats import ModelFormatError
from online_models.linear_scorer import LinearScorer
from online_models.logistic import OnlineLogisticRegression
from online_models.protocols import PropensityModel
from schemas import topics
from schemas.base import fault_of
from schemas.learning import ModelSnapshot, ServingVersion
from stream.lead.labels import MODEL as P_CONVERT

__all__ = ["P_CONVERT", "SnapshotStore", "build_model"]


def build_model(state: Mapping[str, Any] | None) -> PropensityModel:
    """Return the ``p_convert`` model, new or as its checkpoint has it.

    Raises
    ------
    online_models.formats.ModelFormatError
        If the checkpoint does not fit this release.
    """
    if state is None:
        return OnlineLogisticRegression()
    return OnlineLogisticRegression.restore(dict(state))


_RECORD: TypeAdapter[ModelSnapshot | ServingVersion] = topics.MODEL_SNAPSHOTS.adapter()
_VERSION = re.compile(r"[0-9]{1,19}")
_Record = TypeVar("_Record", ModelSnapshot, ServingVersion)


def _read(key: str, value: bytes, kind: type[_Record]) -> _Record:
    try:
        record = _RECORD.validate_json(value)
    except ValidationError as error:
        raise ModelFormatError(
            f"record {key[:128]!r} is broken: {fault_of(error)}; what was there stays"
        ) from None
    if not isinstance(record, kind):
        raise ModelFormatError(f"record {key[:128]!r} is a {record.type}; what was there stays")
    return record


class SnapshotStore:
    """All kept versions of all models, and which one serves.

    Snapshots are kept as they came and built when first used, so that a version that does
    not fit is refused only where it is asked for.
    """

    def __init__(self) -> None:
        self._snapshots: dict[tuple[str, str], bytes] = {}
        self._scorers: dict[tuple[str, str], LinearScorer] = {}
        self._roles: dict[tuple[str, str], str] = {}

    def put(self, key: str, value: bytes | None) -> None:
        """Take in a record of ``model-snapshots``; None is its tombstone.

        Raises
        ------
        online_models.formats.ModelFormatError
            If the record names no version; what was there before stays.
        """
        model, _, version = key.rpartition("/")
        if version in {"serving", "pin"}:
            if value is None:
                self._roles.pop((model, version), None)
            else:
                self._roles[model, version] = _read(key, value, ServingVersion).version
        elif value is None:
            self._snapshots.pop((model, version), None)
            self._scorers.pop((model, version), None)
        elif not _VERSION.fullmatch(version):
            raise ModelFormatError(f"{key[:128]!r} names no version; keys are name/number")
        else:
            self._snapshots[model, version] = value

    def scorer(self, model: str, version: str) -> LinearScorer | None:
        """Return a version, or None if it is not kept; ModelFormatError if it does not fit."""
        scorer = self._scorers.get((model, version))
        if scorer is None:
            value = self._snapshots.get((model, version))
            if value is None:
                return None
            snapshot = _read(f"{model}/{version}", value, ModelSnapshot)
            scorer = LinearScorer(model, version, snapshot.state)
            self._scorers[model, version] = scorer
        return scorer

    def serving(self, model: str) -> str | None:
        """Return the version that scores should come from: the pinned one, else the newest."""
        return self._roles.get((model, "pin")) or self._roles.get((model, "serving"))

    def pinned(self, model: str) -> str | None:
        """Return the version that is pinned, if any."""
        return self._roles.get((model, "pin"))

    def versions(self, model: str) -> list[str]:
        """Return the kept versions, oldest first."""
        return sorted((v for name, v in self._snapshots if name == model), key=int)

    def document(self, model: str, version: str) -> Mapping[str, Any]:
        """Return a kept version's record; KeyError if it is not kept."""
        document: Mapping[str, Any] = orjson.loads(self._snapshots[model, version])
        return document
