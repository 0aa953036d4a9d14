"""Models pooled by how well each has done of late."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from online_models import ad_predictor, bayesian_logistic, formats, logistic, variant_formats
from online_models.ad_predictor import AdPredictor
from online_models.bayesian_logistic import BayesianLogisticRegression
from online_models.laplace import expit
from online_models.linear_scorer import LinearScorer
from online_models.logistic import OnlineLogisticRegression
from online_models.probit_scorer import ProbitScorer
from online_models.protocols import Features, PropensityModel, Scorer

SNAPSHOT_SCHEMA = 14
CHECKPOINT_SCHEMA = 14
SUREST = 10.0
"""A member's log-odds count as no more than this: one that errs must not outvote all others."""


class Member(NamedTuple):
    """A kind of model that is pooled: what makes one, rebuilds it and serves it."""

    new: Callable[..., PropensityModel]
    restore: Callable[..., PropensityModel]
    scorer: Callable[..., Scorer]


MEMBERS: Mapping[str, Member] = MappingProxyType(
    {
        "bayesian_logistic": Member(
            BayesianLogisticRegression, BayesianLogisticRegression.restore, LinearScorer
        ),
        "logistic": Member(
            OnlineLogisticRegression, OnlineLogisticRegression.restore, LinearScorer
        ),
        "ad_predictor": Member(AdPredictor, AdPredictor.restore, ProbitScorer),
    }
)


def library() -> str:
    """Return the libraries and versions that members' states are made with."""
    return f"{logistic.library()}, {bayesian_logistic.LIBRARY}, {ad_predictor.LIBRARY}"


class Ensemble:
    r"""Models that all learn every example, and are believed by their recent losses.

    Member :math:`i` has the share :math:`w_i`. After a label it falls with the log loss of what
    the member had said (Hedge: Freund and Schapire 1997), where earlier losses fade; then all
    give up a small part that is divided evenly, so that whoever becomes best is followed
    soon (fixed share: Herbster and Warmuth 1998, figure 2):

    .. math:: w_i \leftarrow (1 - \alpha) \frac{w_i^\gamma e^{-\eta l_i}}
              {\sum_j w_j^\gamma e^{-\eta l_j}} + \frac{\alpha}{n}

    Members' log-odds are pooled by these shares (the logarithmic opinion pool: Genest and
    Zidek 1986, section 3), so reasons add up exactly as well. Log loss is convex in log-odds:
    the pool's is never more than the members' mean.

    Parameters
    ----------
    learning_rate
        :math:`\eta`: how much a loss tells.
    memory
        Examples after which a loss counts half; :math:`\gamma` is its root of one half.
    share
        :math:`\alpha`: what is divided evenly after each example.
    max_features
        Inputs that all members together keep.

    Examples
    --------
    >>> model = Ensemble()
    >>> for _ in range(50):
    ...     model.learn_one({"last": "form_fill:demo_request"}, True)
    ...     model.learn_one({"last": "page_view:careers"}, False)
    >>> model.predict_proba_one({"last": "form_fill:demo_request"}) > 0.8
    True
    """

    def __init__(
        self,
        learning_rate: float = 0.2,
        memory: float = 1_000.0,
        share: float = 0.001,
        max_features: int = 20_000,
    ) -> None:
        self.learning_rate = learning_rate
        self.memory = memory
        self.share = share
        self.positives = 0
        self.negatives = 0
        self._max_features = max_features // len(MEMBERS)
        self._members = {
            kind: member.new(max_features=self._max_features) for kind, member in MEMBERS.items()
        }
        self._shares = dict.fromkeys(MEMBERS, 1.0 / len(MEMBERS))

    @property
    def shares(self) -> dict[str, float]:
        """How much each member is believed; together 1."""
        return dict(self._shares)

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        weight = min(weight, formats.LARGEST_WEIGHT)
        faded = 2.0 ** (-1.0 / self.memory)
        scores = {}
        for kind, member in self._members.items():
            loss = -math.log(expit(_log_odds(member, x) * (1.0 if y else -1.0)))
            scores[kind] = faded * math.log(self._shares[kind]) - self.learning_rate * weight * loss
            member.learn_one(x, y, weight)
        best = max(scores.values())
        powers = {kind: math.exp(score - best) for kind, score in scores.items()}
        total, even = math.fsum(powers.values()), self.share / len(powers)
        for kind, power in powers.items():
            self._shares[kind] = (1.0 - self.share) * power / total + even
        if y:
            self.positives += 1
        else:
            self.negatives += 1

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        return expit(
            math.fsum(
                self._shares[kind] * _log_odds(member, x) for kind, member in self._members.items()
            )
        )

    def snapshot(self) -> dict[str, Any]:
        """Return the members' snapshots, each with its share."""
        return self._document(
            SNAPSHOT_SCHEMA, {kind: member.snapshot() for kind, member in self._members.items()}
        )

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state: the members' checkpoints, each with its share."""
        return self._document(
            CHECKPOINT_SCHEMA, {kind: member.checkpoint() for kind, member in self._members.items()}
        )

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "Ensemble":
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or library, or broken, or that of a member is.
        """
        formats.check_origin(state, CHECKPOINT_SCHEMA, library())
        checked = _checked(state, "checkpoint")
        model = cls(**parameters)
        model.positives, model.negatives = checked["positives"], checked["negatives"]
        for kind, member in checked["members"].items():
            model._shares[kind] = member["share"]
            model._members[kind] = MEMBERS[kind].restore(
                member["model"], max_features=model._max_features
            )
        return model

    def _document(self, schema: int, models: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return {
            "schema": schema,
            "library": library(),
            "positives": self.positives,
            "negatives": self.negatives,
            "members": {
                kind: {"share": self._shares[kind], "model": model}
                for kind, model in models.items()
            },
        }


class PooledScorer:
    """One version of an ``Ensemble``, serving; made as ``LinearScorer`` is.

    Raises
    ------
    ModelFormatError
        If the snapshot is broken, or that of a member is.
    """

    def __init__(
        self,
        model: str,
        version: str,
        snapshot: dict[str, Any],
        fact_of: Callable[[str], str] = str,
    ) -> None:
        checked = _checked(snapshot, "snapshot")
        self.model, self.version = model, version
        self.positives, self.negatives = checked["positives"], checked["negatives"]
        self._members = [
            (member["share"], MEMBERS[kind].scorer(model, version, member["model"], fact_of))
            for kind, member in checked["members"].items()
        ]

    def explain_one(self, x: Features) -> tuple[float, dict[str, float], float]:
        """Return the intercept, what each fact contributes to the log-odds, and their variance.

        Each member's contributions count by its share. They learned from the same leads, so they
        err together: deviations are averaged, over the members that tell theirs.
        """
        pooled = 0.0
        contributions: dict[str, float] = {}
        deviation = telling = 0.0
        for share, scorer in self._members:
            intercept, told, variance = scorer.explain_one(x)
            log_odds = intercept + math.fsum(told.values())
            factor = share * min(1.0, SUREST / abs(log_odds)) if log_odds else share
            pooled += factor * intercept
            for fact, contribution in told.items():
                contributions[fact] = contributions.get(fact, 0.0) + factor * contribution
            if variance > 0.0:
                deviation += share * math.sqrt(variance)
                telling += share
        return pooled, contributions, (deviation / telling) ** 2 if telling else 0.0


def _log_odds(member: PropensityModel, x: Features) -> float:
    """Return a member's log-odds, no surer than may be."""
    p = member.predict_proba_one(x)
    if not 0.0 < p < 1.0:
        return math.copysign(SUREST, p - 0.5)
    return max(-SUREST, min(SUREST, math.log(p) - math.log1p(-p)))


def _checked(state: Any, what: str) -> variant_formats.Ensemble:
    """Return an ensemble's state, checked: members of this release, whose shares are all."""
    checked: variant_formats.Ensemble = formats.validated(variant_formats.ENSEMBLE, state, what)
    members = checked["members"]
    if members.keys() != MEMBERS.keys():
        raise formats.ModelSchemaError(
            f"{what} pools {', '.join(members)!s:.200}; this release pools {', '.join(MEMBERS)}"
        )
    if not math.isclose(math.fsum(m["share"] for m in members.values()), 1.0, rel_tol=1e-6):
        raise formats.ModelFormatError(f"{what} is broken: members: shares do not add up to 1")
    return checked
