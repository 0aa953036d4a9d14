"""River's naive Bayes, adaptive tree and adaptive forest, for leads."""

from typing import Any

from river import forest, tree

from online_models.river_model import RiverModel
from online_models.river_trees import NO_ESTIMATES, AdaptiveTree, MixedSplitter

NEVER = 1e15
"""Examples until a leaf is split."""
FOREST_LAMBDA = 6
LARGEST_FOREST_WEIGHT = 100.0
"""A draw from a Poisson distribution takes as many steps as its mean."""


class NaiveBayes(RiverModel):
    """Mixed naive Bayes: numbers are normal within a class, categories have their shares.

    River's own takes no weights and either numbers or counts; but one leaf of its Hoeffding tree is
    naive Bayes over both. So this is a tree that never splits. Its memory is that of
    ``max_features`` inputs, four numbers each and class.

    Parameters
    ----------
    max_features
        Numbers and categories beyond this many are ignored.

    Examples
    --------
    >>> model = NaiveBayes()
    >>> for n in range(100):
    ...     model.learn_one({"age": 30.0 + n % 7, "last": "form_fill"}, True)
    ...     model.learn_one({"age": 20.0 + n % 7, "last": "page_view"}, False)
    >>> model.predict_proba_one({"age": 33.0, "last": "form_fill"}) > 0.9
    True
    """

    snapshot_schema = 31
    estimator_type = tree.HoeffdingTreeClassifier

    def __init__(self, max_features: int = 2_000) -> None:
        super().__init__(
            tree.HoeffdingTreeClassifier(
                grace_period=NEVER,
                max_depth=1,
                leaf_prediction="nb",
                splitter=MixedSplitter(),
                binary_split=True,
                memory_estimate_period=NO_ESTIMATES,
            ),
            max_features,
        )


class HoeffdingTree(RiverModel):
    """River's Hoeffding adaptive tree (Bifet and Gavaldà 2009): grows by examples, prunes by drift.

    Splits are in two and ``max_depth`` bounds them, so there are at most ``2 ** max_depth``
    leaves, each with ``max_features`` inputs; those at the bottom have none.

    Parameters
    ----------
    max_features
        Numbers and categories beyond this many are ignored.
    max_depth
        Of the tree; 90 at most.
    seed
        Of the bootstrap.
    river_parameters
        More of River's own, by their names.
    """

    snapshot_schema = 32
    estimator_type = AdaptiveTree

    def __init__(
        self,
        max_features: int = 500,
        max_depth: int = 6,
        seed: int = 0,
        **river_parameters: Any,
    ) -> None:
        super().__init__(
            AdaptiveTree(
                max_depth=max_depth,
                seed=seed,
                splitter=MixedSplitter(),
                binary_split=True,
                memory_estimate_period=NO_ESTIMATES,
                **river_parameters,
            ),
            max_features,
        )


class AdaptiveForest(RiverModel):
    """River's adaptive random forest (Gomes et al. 2017), with example weights.

    Each tree learns an example as often as a draw from a Poisson distribution says, whose mean a
    weight multiplies. Splits are in two and ``max_depth`` bounds them, so there are at most
    ``2 * n_models * 2 ** max_depth`` leaves (each tree may have another growing behind it), each
    with about the square root of the first lead's number of features.

    Parameters
    ----------
    max_features
        Numbers and categories beyond this many are ignored.
    n_models
        Trees.
    max_depth
        Of each; 90 at most.
    seed
        Of the bootstrap, and of the features that leaves look at.
    river_parameters
        More of River's own, by their names.
    """

    snapshot_schema = 33
    estimator_type = forest.ARFClassifier

    def __init__(
        self,
        max_features: int = 2_000,
        n_models: int = 10,
        max_depth: int = 6,
        seed: int = 0,
        **river_parameters: Any,
    ) -> None:
        super().__init__(
            forest.ARFClassifier(
                n_models=n_models,
                max_depth=max_depth,
                seed=seed,
                lambda_value=FOREST_LAMBDA,
                splitter=MixedSplitter(),
                binary_split=True,
                memory_estimate_period=NO_ESTIMATES,
                **river_parameters,
            ),
            max_features,
        )

    def _fit(self, inputs: dict[str, float], y: bool, weight: float) -> None:
        # River's forest takes no weights, but any mean.
        self._estimator.lambda_value = FOREST_LAMBDA * min(weight, LARGEST_FOREST_WEIGHT)
        self._estimator.learn_one(inputs, y)
        self._estimator.lambda_value = FOREST_LAMBDA

    def _votes(self, inputs: dict[str, float]) -> dict[bool, float]:
        # An empty forest would draw its trees, which is to learn.
        return super()._votes(inputs) if len(self._estimator) else {}

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs: of each tree the one that votes."""
        background = self._estimator._background
        self._estimator._background = [None] * len(background)
        try:
            return super().snapshot()
        finally:
            self._estimator._background = background
