"""The parts of River's trees that may be stored: each class, its attributes, what they must be."""

from collections import defaultdict
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from river import drift, forest, metrics, proba, stats
from river.forest.adaptive_random_forest import BaseTreeClassifier
from river.tree import HoeffdingTreeClassifier
from river.tree.nodes import arf_htc_nodes, branch, hatc_nodes, htc_nodes

from online_models.river_trees import NEVER_DRAWN, NO_ESTIMATES, AdaptiveTree, MixedSplitter
from online_models.stored_values import (
    Check,
    a,
    between,
    count,
    dicts,
    either,
    flag,
    lists,
    not_negative,
    nothing,
    number,
    one_of,
    positive,
    sets,
    share,
    square,
    text,
    whole,
)

MOST_TREES = 100
DEEPEST_TREE = 90
"""Of the trees that are stored: River walks them by recursion."""


class Part(NamedTuple):
    """A class of River's that may be stored.

    Parameters
    ----------
    kind
        The class.
    attributes
        Name -> what it must be.
    constants
        Attributes that are the same in each of them, and not stored.
    fits
        Whether attributes, each as it must be, go together.
    """

    kind: type
    attributes: Mapping[str, Check]
    constants: Mapping[str, Any] = {}
    fits: Check = lambda _: True


LEARNING = (drift.ADWIN, Random)
"""What predicting does not ask for: detectors and generators are not in a snapshot."""
ONLY_LEARNING = frozenset(
    {"drift_detector", "warning_detector", "rng", "_rng", "_drift_detectors", "_warning_detectors"}
)
_ADWIN = either(nothing, a(drift.ADWIN))
_RANDOM = either(nothing, a(Random))
_NODE = a(
    branch.NumericBinaryBranch,
    branch.NominalBinaryBranch,
    htc_nodes.LeafNaiveBayes,
    htc_nodes.LeafNaiveBayesAdaptive,
    arf_htc_nodes.RandomLeafMajorityClass,
    arf_htc_nodes.RandomLeafNaiveBayes,
    arf_htc_nodes.RandomLeafNaiveBayesAdaptive,
)
_ADAPTIVE_NODE = a(
    hatc_nodes.AdaNumBinaryBranchClass,
    hatc_nodes.AdaNomBinaryBranchClass,
    hatc_nodes.AdaLeafClassifier,
)
_CLASS_WEIGHTS = dicts(flag, not_negative)

_LEAF: dict[str, Check] = {
    "stats": _CLASS_WEIGHTS,
    "depth": between(0, DEEPEST_TREE),
    "splitter": a(MixedSplitter),
    "splitters": either(nothing, dicts(text, a(MixedSplitter))),
    "_disabled_attrs": sets(text),
    "_last_split_attempt_at": number,
}
_ADAPTIVE_LEAF = _LEAF | {"_mc_correct_weight": number, "_nb_correct_weight": number}
_RANDOM_LEAF: dict[str, Check] = {
    "max_features": between(1, 10**6),
    "rng": _RANDOM,
    "feature_indices": lists(text),
}
_BRANCH: dict[str, Check] = {
    "children": lists(_NODE, 2, 2),
    "stats": _CLASS_WEIGHTS,
    "feature": text,
    "depth": between(0, DEEPEST_TREE),
}
_ADAPTIVE_BRANCH: dict[str, Check] = _BRANCH | {
    "children": lists(_ADAPTIVE_NODE, 2, 2),
    "drift_detector": _ADWIN,
    "_alternate_tree": either(nothing, _ADAPTIVE_NODE),
    "_mean_error": a(stats.Mean),
}
_SETTINGS: dict[str, Check] = {
    "grace_period": positive,
    "delta": share,
    "tau": not_negative,
    "nb_threshold": not_negative,
    "nominal_attributes": nothing,
    "splitter": a(MixedSplitter),
    "binary_split": lambda value: value is True,
    "min_branch_fraction": not_negative,
    "max_share_to_split": not_negative,
    "memory_estimate_period": lambda value: value == NO_ESTIMATES,
    "stop_mem_management": flag,
    "remove_poor_attrs": flag,
    "merit_preprune": flag,
}
_TREE: dict[str, Check] = _SETTINGS | {
    "max_depth": between(1, DEEPEST_TREE),
    "_split_criterion": one_of("gini", "info_gain", "hellinger"),
    "_leaf_prediction": one_of("mc", "nb", "nba"),
    "_max_size": positive,
    "_max_byte_size": positive,
    "_root": either(nothing, _NODE),
    "_n_active_leaves": whole,
    "_n_inactive_leaves": whole,
    "_inactive_leaf_size_estimate": number,
    "_active_leaf_size_estimate": number,
    "_size_estimate_overhead_fraction": number,
    "_growth_allowed": flag,
    "_train_weight_seen_by_model": lambda value: not_negative(value) and value < NO_ESTIMATES,
    "classes": sets(flag),
}
_ADAPTIVE_TREE = _TREE | {"_root": either(nothing, _ADAPTIVE_NODE)}
_COUNTED = dicts(count, count, defaultdict)
_DETECTORS = lists(_ADWIN, 1, MOST_TREES)


def _spread_fits(splitter: Any) -> bool:
    known = splitter._att_dist_per_class.keys()
    return bool(known == splitter._min_per_class.keys() == splitter._max_per_class.keys())


def _error_fits(node: Any) -> bool:
    return bool(0.0 <= node._mean_error._mean <= 1.0)


def _forest_fits(stored: Any) -> bool:
    n = stored.n_models
    if stored.data and type(stored.max_features) is not int:
        return False
    parts = stored._metrics, stored._drift_detectors, stored._warning_detectors, stored._background
    return len(stored.data) in (0, n) and all(len(part) == n for part in parts)


_ALL = (
    Part(stats.Mean, {"n": not_negative, "_mean": number}),
    Part(stats.Var, {"ddof": between(0, 1), "mean": a(stats.Mean), "_S": square}),
    Part(proba.Gaussian, {"_var": a(stats.Var)}, {"seed": None, "_rng": NEVER_DRAWN}),
    Part(
        MixedSplitter,
        {
            "_min_per_class": dicts(flag, number),
            "_max_per_class": dicts(flag, number),
            "_att_dist_per_class": dicts(flag, a(proba.Gaussian)),
            "n_splits": between(1, 100),
            "_counts": dicts(flag, dicts(whole, not_negative)),
            "_totals": dicts(flag, not_negative),
            "_categories": count,
        },
        fits=_spread_fits,
    ),
    Part(
        drift.ADWIN,
        {
            "_drift_detected": flag,
            "delta": share,
            "clock": between(1, 10**6),
            "max_buckets": between(1, 100),
            "min_window_length": between(1, 10**6),
            "grace_period": between(1, 10**6),
            "_helper": a(drift.adwin.AdaptiveWindowing),
        },
    ),
    Part(htc_nodes.LeafNaiveBayes, _LEAF),
    Part(htc_nodes.LeafNaiveBayesAdaptive, _ADAPTIVE_LEAF),
    Part(arf_htc_nodes.RandomLeafMajorityClass, _LEAF | _RANDOM_LEAF),
    Part(arf_htc_nodes.RandomLeafNaiveBayes, _LEAF | _RANDOM_LEAF),
    Part(arf_htc_nodes.RandomLeafNaiveBayesAdaptive, _ADAPTIVE_LEAF | _RANDOM_LEAF),
    Part(
        hatc_nodes.AdaLeafClassifier,
        _ADAPTIVE_LEAF | {"drift_detector": _ADWIN, "rng": _RANDOM, "_mean_error": a(stats.Mean)},
        fits=_error_fits,
    ),
    Part(branch.NumericBinaryBranch, _BRANCH | {"threshold": number}),
    Part(branch.NominalBinaryBranch, _BRANCH | {"value": whole}),
    Part(
        hatc_nodes.AdaNumBinaryBranchClass,
        _ADAPTIVE_BRANCH | {"threshold": number},
        fits=_error_fits,
    ),
    Part(hatc_nodes.AdaNomBinaryBranchClass, _ADAPTIVE_BRANCH | {"value": whole}, fits=_error_fits),
    Part(HoeffdingTreeClassifier, _TREE),
    Part(BaseTreeClassifier, _TREE | {"max_features": between(1, 10**6), "rng": _RANDOM}),
    Part(
        AdaptiveTree,
        _ADAPTIVE_TREE
        | {
            "bootstrap_sampling": flag,
            "drift_window_threshold": not_negative,
            "drift_detector": _ADWIN,
            "switch_significance": share,
            "seed": either(nothing, whole),
            "_n_alternate_trees": count,
            "_n_pruned_alternate_trees": count,
            "_n_switch_alternate_trees": count,
            "_rng": _RANDOM,
        },
    ),
    Part(
        metrics.ConfusionMatrix,
        {
            "_init_classes": sets(flag),
            "sum_row": dicts(either(nothing, flag), not_negative, defaultdict),
            "sum_col": dicts(either(nothing, flag), not_negative, defaultdict),
            "data": dicts(
                flag, dicts(either(nothing, flag), not_negative, defaultdict), defaultdict
            ),
            "n_samples": count,
            "total_weight": not_negative,
            "_total_true_positives": not_negative,
        },
    ),
    Part(metrics.Accuracy, {"cm": a(metrics.ConfusionMatrix)}),
    Part(
        forest.ARFClassifier,
        _SETTINGS
        | {
            "data": lists(a(BaseTreeClassifier), 0, MOST_TREES),
            "n_models": between(1, MOST_TREES),
            "max_features": either(between(1, 10**6), one_of("sqrt", "log2")),
            "lambda_value": between(1, 100),
            "metric": a(metrics.Accuracy),
            "disable_weighted_vote": flag,
            "drift_detector": _ADWIN,
            "warning_detector": _ADWIN,
            "seed": either(nothing, whole),
            "_rng": _RANDOM,
            "_warning_detectors": _DETECTORS,
            "_warning_detection_disabled": flag,
            "_drift_detectors": _DETECTORS,
            "_drift_detection_disabled": flag,
            "_background": lists(either(nothing, a(BaseTreeClassifier)), 1, MOST_TREES),
            "_metrics": lists(a(metrics.Accuracy), 1, MOST_TREES),
            "_warning_tracker": _COUNTED,
            "_drift_tracker": _COUNTED,
            "max_depth": between(1, DEEPEST_TREE),
            "split_criterion": one_of("gini", "info_gain", "hellinger"),
            "leaf_prediction": one_of("mc", "nb", "nba"),
            "max_size": positive,
        },
        fits=_forest_fits,
    ),
)
PARTS: Mapping[str, Part] = {f"{p.kind.__module__}.{p.kind.__qualname__}": p for p in _ALL}
