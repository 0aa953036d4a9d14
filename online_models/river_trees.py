"""River's trees for leads: text as categories, and the same bits in every process."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any

from river import tree
from river.tree.splitter import GaussianSplitter
from river.tree.utils import BranchFactory

NEVER_DRAWN = Random(0)  # noqa: S311
"""River gives each Gaussian a generator for sampling, of 2.5 KB; trees never sample."""

NO_ESTIMATES = 1e140
"""Of memory: they differ from one Python to the next, and so would the trees. Depth bounds them."""


class MixedSplitter(GaussianSplitter):  # type: ignore[misc]
    """What a leaf knows of one feature: numbers (floats) as River has it, categories (integers).

    River's own splitter for categories keeps them in a set, and which of two equally good splits
    is taken hangs on the set's order: on the process. Here categories keep their order. A category
    that a class lacks is smoothed (Laplace) instead of passed over for that class alone, which
    would speak for it.

    Parameters
    ----------
    n_splits
        Numbers that are tried as thresholds.
    """

    def __init__(self, n_splits: int = 10) -> None:
        super().__init__(n_splits)
        self._counts: dict[bool, dict[int, float]] = {}
        self._totals: dict[bool, float] = {}
        self._categories = 0

    def update(self, att_val: float, target_val: bool, w: float) -> None:
        """Learn one value."""
        if isinstance(att_val, int):
            self._categories += all(att_val not in counts for counts in self._counts.values())
            counts = self._counts.setdefault(target_val, {})
            counts[att_val] = counts.get(att_val, 0.0) + w
            self._totals[target_val] = self._totals.get(target_val, 0.0) + w
            return
        is_first = target_val not in self._att_dist_per_class
        super().update(att_val, target_val, w)
        gaussian = self._att_dist_per_class[target_val]
        if is_first:
            gaussian._rng = NEVER_DRAWN
        gaussian._var._S = max(gaussian._var._S, 0.0)  # rounding may leave less

    def cond_log_proba(self, att_val: float, target_val: bool) -> float:
        """Return the value's log-likelihood in a class; minus infinity if there is none to tell."""
        if isinstance(att_val, int):
            return self._log_share(att_val, target_val)
        return float(super().cond_log_proba(att_val, target_val))

    def _log_share(self, category: int, target: bool) -> float:
        if not self._counts:
            return -math.inf
        seen = self._counts.get(target, {}).get(category, 0.0)
        of_all = self._totals.get(target, 0.0) + self._categories + 1.0
        return math.log((seen + 1.0) / of_all)

    def best_evaluated_split_suggestion(
        self, criterion: Any, pre_split_dist: Any, att_idx: str, binary_only: bool
    ) -> BranchFactory:
        """Return the best split of a leaf by this feature: at a threshold, or one category."""
        if not self._counts:
            return super().best_evaluated_split_suggestion(
                criterion, pre_split_dist, att_idx, binary_only
            )
        best = BranchFactory()
        for category in dict.fromkeys(c for counts in self._counts.values() for c in counts):
            equal = {t: n[category] for t, n in self._counts.items() if category in n}
            other = {t: total - equal.get(t, 0.0) for t, total in self._totals.items()}
            distributions = [equal, {t: rest for t, rest in other.items() if rest > 0.0}]
            merit = criterion.merit_of_split(pre_split_dist, distributions)
            if merit > best.merit:
                best = BranchFactory(merit, att_idx, category, distributions, False, False)
        return best


class AdaptiveTree(tree.HoeffdingAdaptiveTreeClassifier):  # type: ignore[misc]
    """River's Hoeffding adaptive tree, whose predictions hold with alternate trees and new leaves.

    In River 0.26.1 an alternate tree that has split is found as a list of leaves among leaves, and
    a leaf that has seen nothing yet predicts None; either raises AttributeError.
    """

    def predict_proba_one(self, x: dict[str, float]) -> dict[bool, float]:
        """Return the probability of each class that has been seen."""
        votes = dict.fromkeys(self.classes, 0.0)
        if self._root is None:
            return votes
        found = self._root.traverse(x) if hasattr(self._root, "children") else self._root
        for leaf in _leaves(found):
            for y, vote in (leaf.prediction(x, tree=self) or {}).items():
                votes[y] = votes.get(y, 0.0) + vote
        total = sum(votes.values())
        return {y: vote / total for y, vote in votes.items()} if total else votes


def _leaves(found: Any) -> Iterator[Any]:
    if isinstance(found, list):
        for part in found:
            yield from _leaves(part)
    else:
        yield found
