"""Mixtures as plain JSON and back, and what assigning needs of one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from online_models import formats
from online_models.segment_formats import MixtureState
from online_models.segment_inputs import SegmentInputs
from online_models.segment_mixture import Mixture, Vocabulary
from online_models.segment_names import names_of
from online_models.segment_scorer import LIBRARY, SNAPSHOT_SCHEMA


def inputs_state(inputs: SegmentInputs) -> dict[str, Any]:
    """Return which features segments are made of."""
    return {
        "mixes": list(inputs.mixes),
        "categories": list(inputs.categories),
        "numbers": list(inputs.numbers),
        "fewest_events": inputs.fewest_events,
    }


def snapshot_of(
    mixture: Mixture | None,
    inputs: SegmentInputs,
    segment_ids: Sequence[str],
    heirs: Mapping[str, str],
) -> dict[str, Any]:
    """Return what `SegmentScorer` needs."""
    state: dict[str, Any] = {
        "schema": SNAPSHOT_SCHEMA,
        "library": LIBRARY,
        "inputs": inputs_state(inputs),
        "names": {},
        "heirs": dict(heirs),
        "log_weights": [],
        "words": {},
        "numbers": {},
    }
    if mixture is None:
        return state
    # Logarithms of normal densities as a parabola: a v^2 + b v + c.
    a = -0.5 / mixture.deviations**2
    b = mixture.means / mixture.deviations**2
    c = a * mixture.means**2 - np.log(mixture.deviations) - 0.5 * np.log(2.0 * np.pi)
    parabolas = np.stack([a, b, c], axis=2).transpose(1, 0, 2).tolist()
    words, _, numbers = mixture.vocabulary
    state["names"] = names_of(mixture, segment_ids)
    state["log_weights"] = mixture.log_weights.tolist()
    state["words"] = dict(zip(words, mixture.log_shares.T.tolist(), strict=True))
    state["numbers"] = dict(zip(numbers, parabolas, strict=True))
    return state


def mixture_state(mixture: Mixture) -> dict[str, Any]:
    """Return a mixture as plain JSON."""
    words, blocks, numbers = mixture.vocabulary
    state = {name: getattr(mixture, name).tolist() for name in _shapes(0, 0, 0)}
    return {
        "words": list(words),
        "blocks": [list(block) for block in blocks],
        "numbers": list(numbers),
        **state,
    }


def mixture_from(state: MixtureState, classes: int) -> Mixture:
    """Rebuild a mixture of so many classes from its stored form, whose types were checked.

    Raises
    ------
    ModelFormatError
        If its fields do not fit one another.
    """
    words, numbers = tuple(state["words"]), tuple(state["numbers"])
    blocks = tuple(map(tuple, state["blocks"]))
    columns = [column for block in blocks for column in block]
    is_whole = columns == list(range(len(words))) and all(blocks)
    is_whole &= len(set(words)) == len(words) and len(set(numbers)) == len(numbers)
    shapes = _shapes(classes, len(words), len(numbers))
    arrays = {}
    for name, shape in shapes.items():
        rows: Any = state[name]  # type: ignore[literal-required]
        lengths = {len(row) for row in rows} if len(shape) == 2 else set()
        is_whole &= len(rows) == shape[0] and lengths <= {shape[-1]}
        if not is_whole:
            raise formats.ModelFormatError(
                f"checkpoint is broken: mixture.{name} does not fit the other fields; "
                "the former one stays in use"
            )
        arrays[name] = np.array(rows, dtype=float).reshape(shape)
    return Mixture(Vocabulary(words, blocks, numbers), **arrays)


def _shapes(classes: int, words: int, numbers: int) -> dict[str, tuple[int, ...]]:
    return {
        "log_weights": (classes,),
        "log_shares": (classes, words),
        "means": (classes, numbers),
        "deviations": (classes, numbers),
        "overall_shares": (words,),
        "overall_means": (numbers,),
        "overall_deviations": (numbers,),
        "events": (words,),
    }
