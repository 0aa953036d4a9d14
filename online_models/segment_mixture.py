"""Latent classes: leads of a class draw words of each block with the same shares, numbers alike.

A finite mixture of multinomials (one for each mix or category) and of normal distributions (one
for each number), independent within a class: latent class analysis (Lazarsfeld and Henry 1968),
fitted by expectation and maximization (Dempster, Laird and Rubin 1977). Unlike distances between
shares, likelihoods know that two page views say less than twenty. What a lead lacks says nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.segment_inputs import SegmentInputs, SegmentRow

Array = NDArray[np.float64]

MOST_CLASSES = 12
FEWEST_WITH = 10
LEAST_SHARE = 0.01
"""A word is looked at if so many rows, and such a share of them, have it."""
MOST_WORDS_OF_BLOCK = 48
RESTARTS = 6
SHORT_STEPS = 10
LONG_STEPS = 60
PRIOR_WORDS = 0.5
"""Added to each class, for each word of a block: draws of the shares of all."""
PRIOR_ROWS = 5.0
"""Added to each class: leads with the mean and variance of all."""
_LOG_TWO_PI = float(np.log(2.0 * np.pi))


class Vocabulary(NamedTuple):
    """The words and numbers that are looked at, and the columns of each block's words."""

    words: tuple[str, ...]
    blocks: tuple[tuple[int, ...], ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Classes and all leads together.

    Attributes
    ----------
    log_weights
        Shape ``(classes,)``: logarithms of how many leads are of each.
    log_shares
        Shape ``(classes, words)``: logarithms of a word's share in its block.
    means, deviations
        Shape ``(classes, numbers)``.
    overall_shares, overall_means, overall_deviations
        The same of all leads; shares as they are.
    events
        Shape ``(words,)``: draws of the word's block that a lead has on average.
    """

    vocabulary: Vocabulary
    log_weights: Array
    log_shares: Array
    means: Array
    deviations: Array
    overall_shares: Array
    overall_means: Array
    overall_deviations: Array
    events: Array

    @property
    def free_parameters(self) -> int:
        """How many numbers were fitted."""
        words = sum(len(block) - 1 for block in self.vocabulary.blocks)
        of_class = words + 2 * len(self.vocabulary.numbers)
        return len(self.log_weights) * (of_class + 1) - 1


class Fit(NamedTuple):
    """A mixture, and its Bayesian information criterion: the less, the better."""

    mixture: Mixture
    criterion: float


class Design(NamedTuple):
    """Rows as arrays: counts of shape ``(rows, words)``, numbers, NaN where there is none."""

    vocabulary: Vocabulary
    counts: Array
    numbers: Array


def vocabulary_of(rows: Sequence[SegmentRow], inputs: SegmentInputs) -> Vocabulary:
    """Return the words and numbers that enough rows have, sorted: their order changes nothing."""
    having = Counter(word for row in rows for word in row.words)
    numbered = Counter(name for row in rows for name in row.numbers)
    fewest = max(FEWEST_WITH, LEAST_SHARE * len(rows))
    by_block: dict[str, list[str]] = {}
    for word, times in sorted(having.items(), key=lambda item: (-item[1], item[0])):
        block = inputs.block_of(word)
        if block is not None and times >= fewest:
            by_block.setdefault(block, []).append(word)
    words: list[str] = []
    blocks = []
    for block in sorted(by_block):
        kept = sorted(by_block[block][:MOST_WORDS_OF_BLOCK])
        blocks.append(tuple(range(len(words), len(words) + len(kept))))
        words += kept
    numbers = tuple(name for name in inputs.numbers if numbered[name] >= fewest)
    return Vocabulary(tuple(words), tuple(blocks), numbers)


def design_of(rows: Sequence[SegmentRow], vocabulary: Vocabulary) -> Design:
    """Return rows as arrays; words that are not looked at are left out."""
    columns = {word: column for column, word in enumerate(vocabulary.words)}
    counts = np.zeros((len(rows), len(columns)))
    numbers = np.full((len(rows), len(vocabulary.numbers)), np.nan)
    for place, row in enumerate(rows):
        for word, count in row.words.items():
            if (column := columns.get(word)) is not None:
                counts[place, column] = count
        for column, name in enumerate(vocabulary.numbers):
            if name in row.numbers:
                numbers[place, column] = row.numbers[name]
    return Design(vocabulary, counts, numbers)


def log_joint(design: Design, mixture: Mixture) -> Array:
    """Return log densities of rows and classes together, shape ``(rows, classes)``."""
    joint: Array = mixture.log_weights + design.counts @ mixture.log_shares.T
    for column, values in enumerate(design.numbers.T):
        known = ~np.isnan(values)
        deviation = mixture.deviations[:, column]
        z = (values[known, None] - mixture.means[:, column]) / deviation
        joint[known] -= 0.5 * (z * z + _LOG_TWO_PI) + np.log(deviation)
    return joint


def fit_mixture(design: Design, parts: Array, steps: int) -> tuple[Mixture, Array, float]:
    """Return the mixture, each row's parts in the classes, and the log likelihood.

    Parameters
    ----------
    design
        The rows.
    parts
        To begin with, shape ``(rows, classes)``; each row's sum to 1.
    steps
        At most; it stops when a step gains less than a thousandth.
    """
    likelihood = -np.inf
    for _ in range(steps):
        mixture = _maximized(design, parts)
        joint = log_joint(design, mixture)
        largest = joint.max(axis=1, keepdims=True)
        parts = np.exp(joint - largest)
        sums = parts.sum(axis=1, keepdims=True)
        parts /= sums
        former, likelihood = likelihood, float((np.log(sums) + largest).sum())
        if likelihood - former < 1e-3:
            break
    return mixture, parts, likelihood


def criterion_of(mixture: Mixture, likelihood: float, rows: int) -> float:
    """Return the Bayesian information criterion (Schwarz 1978)."""
    return mixture.free_parameters * float(np.log(rows)) - 2.0 * likelihood


def search(design: Design, seed: Sequence[int]) -> Fit:
    """Return the best mixture of any number of classes by the Bayesian information criterion.

    Numbers of classes are tried from one up until two in a row have not bettered it.
    """
    rng = np.random.default_rng(seed)
    best = _best_of_restarts(design, 1, rng)
    worse = 0
    for classes in range(2, MOST_CLASSES + 1):
        fit = _best_of_restarts(design, classes, rng)
        if fit.criterion < best.criterion:
            best, worse = fit, 0
        elif (worse := worse + 1) == 2:
            break
    return best


def _best_of_restarts(design: Design, classes: int, rng: np.random.Generator) -> Fit:
    points = _points(design)
    tried = []
    for _ in range(RESTARTS if classes > 1 else 1):
        seeds = _seeds(points, classes, rng)
        distances = np.stack([((points - points[s]) ** 2).sum(axis=1) for s in seeds], axis=1)
        parts = np.full((len(points), classes), 0.1 / classes)
        parts[np.arange(len(points)), distances.argmin(axis=1)] += 0.9
        tried.append(fit_mixture(design, parts, SHORT_STEPS)[1:])
    best_parts, _ = max(tried, key=itemgetter(1))
    mixture, _, likelihood = fit_mixture(design, best_parts, LONG_STEPS)
    return Fit(mixture, criterion_of(mixture, likelihood, len(points)))


def _points(design: Design) -> Array:
    """Return roots of shares: their distances are Hellinger's."""
    points = np.zeros_like(design.counts)
    for block in map(list, design.vocabulary.blocks):
        counts = design.counts[:, block]
        points[:, block] = np.sqrt(counts / np.maximum(1.0, counts.sum(axis=1, keepdims=True)))
    return points


def _seeds(points: Array, classes: int, rng: np.random.Generator) -> list[int]:
    """Draw rows to begin with, each far from the former (k-means++, Arthur 2007)."""
    seeds = [int(rng.integers(len(points)))]
    nearest = ((points - points[seeds[0]]) ** 2).sum(axis=1)
    while len(seeds) < classes:
        total = nearest.sum()
        p = nearest / total if total > 0.0 else None
        seeds.append(int(rng.choice(len(points), p=p)))
        nearest = np.minimum(nearest, ((points - points[seeds[-1]]) ** 2).sum(axis=1))
    return seeds


def _maximized(design: Design, parts: Array) -> Mixture:
    vocabulary, counts, numbers = design
    sizes = parts.sum(axis=0)
    classes = len(sizes)
    class_counts = parts.T @ counts
    overall = np.zeros(counts.shape[1])
    events = np.zeros(counts.shape[1])
    log_shares = np.zeros_like(class_counts)
    for block in map(list, vocabulary.blocks):
        sums = counts[:, block].sum(axis=0)
        overall[block] = sums / sums.sum()
        events[block] = sums.sum() / len(counts)
        drawn = class_counts[:, block] + PRIOR_WORDS * len(block) * overall[block]
        log_shares[:, block] = np.log(drawn / drawn.sum(axis=1, keepdims=True))
    means, deviations = np.zeros((2, classes, numbers.shape[1]))
    overall_means, overall_deviations = np.zeros((2, numbers.shape[1]))
    for column, values in enumerate(numbers.T):
        known = ~np.isnan(values)
        value, weight = values[known], parts[known]
        mean, variance = value.mean(), max(1e-6, value.var())
        leads = weight.sum(axis=0) + PRIOR_ROWS
        means[:, column] = (weight.T @ value + PRIOR_ROWS * mean) / leads
        squares = (weight * (value[:, None] - means[:, column]) ** 2).sum(axis=0)
        deviations[:, column] = np.sqrt((squares + PRIOR_ROWS * variance) / leads)
        overall_means[column], overall_deviations[column] = mean, np.sqrt(variance)
    return Mixture(
        vocabulary,
        np.log((sizes + 1.0) / (sizes.sum() + classes)),
        log_shares,
        means,
        deviations,
        overall,
        overall_means,
        overall_deviations,
        events,
    )
