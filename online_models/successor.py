"""Replacing a model whose loss has risen by one that began anew, once that is better."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models.drift import clipped_loss
from online_models.formats import LARGEST, Count, validated
from online_models.protocols import Features, PropensityModel

ENOUGH_EVIDENCE = 10.0
"""Logarithm of how many times better the labels are foretold: about 22,000 times."""
PATIENCE = 5_000
"""Examples after which a successor that has not become better is given up."""


class Successor:
    """A model that begins anew beside one that serves, and by which rule it takes over.

    Both foretell each label before they learn it. What the successor's log loss is smaller by is
    summed, and never falls below nothing, since it must learn first (Page 1954). Such a sum is the
    logarithm of a likelihood ratio: were the model that serves right, it would reach
    ``ENOUGH_EVIDENCE`` no oftener than once in ``exp(ENOUGH_EVIDENCE)`` examples (Lorden 1971).

    Parameters
    ----------
    model
        Knows nothing yet; of whatever kind.

    Examples
    --------
    >>> from online_models.catalogue import build_model
    >>> successor = Successor(build_model("logistic"))
    >>> for n in range(1_000):  # of leads scored 90 %, none converts any more
    ...     if successor.update(y=False, p=0.9, x={"last": "demo"}):
    ...         break
    >>> 3 < n < 10, successor.model.negatives == n + 1
    (True, True)
    """

    def __init__(self, model: PropensityModel) -> None:
        self.model = model
        self._evidence = 0.0
        self._seen = 0

    @property
    def is_given_up(self) -> bool:
        """Whether it has had its time, and should learn no more."""
        return self._seen >= PATIENCE

    def update(self, y: bool, p: float, x: Features, weight: float = 1.0) -> bool:
        """Learn an example of which the model that serves said ``p``; tell whether to take over."""
        own = self.model.predict_proba_one(x)
        self.model.learn_one(x, y, weight)
        self._seen += 1
        gained = clipped_loss(y, p) - clipped_loss(y, own)
        self._evidence = max(0.0, self._evidence + gained)
        return self._evidence >= ENOUGH_EVIDENCE

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        return {
            "evidence": self._evidence,
            "seen": self._seen,
            "model": self.model.checkpoint(),
        }

    @classmethod
    def restore(
        cls,
        state: Mapping[str, Any],
        build: Callable[[Mapping[str, Any]], PropensityModel],
    ) -> "Successor":
        """Rebuild a successor from its checkpoint, its model by ``build`` from the model's.

        Raises
        ------
        ModelFormatError
            If the checkpoint is broken, or its model's does not fit.
        """
        checked: SuccessorState = validated(_STATE, state, "successor")
        successor = cls(build(checked["model"]))
        successor._evidence, successor._seen = checked["evidence"], checked["seen"]
        return successor


@with_config(ConfigDict(strict=True, allow_inf_nan=False))
class SuccessorState(TypedDict):
    """The whole state of a successor."""

    evidence: Annotated[float, Field(ge=0.0, le=LARGEST)]
    seen: Count
    model: dict[str, Any]


_STATE: TypeAdapter[SuccessorState] = TypeAdapter(SuccessorState)
