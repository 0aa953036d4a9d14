"""A lead's features as the inputs of a network: numbers standardised online, text as categories."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.axes import LARGEST_POSITION, category, is_count, is_input
from online_models.protocols import Features

LARGEST_NUMBER = 1e15
"""Numbers are taken no larger than this, either way: their squares must stay numbers."""
FARTHEST = 10.0
"""No input is farther than so many standard deviations from its mean."""
LONGEST_NAME = 256
"""Of an input: text that a sender makes up cannot fill the memory."""
NO_SPREAD = 1e-12
"""A number whose variance is below this has always been the same; it is not divided by that."""

Array = NDArray[np.float64]
Moments = tuple[int, float, float]
StoredMoments = Annotated[
    tuple[formats.Count, formats.Weight, Annotated[float, Field(ge=0.0, le=formats.LARGEST)]],
    Field(strict=False),
]


@with_config(formats.STRICT)
class EncoderState(TypedDict):
    """Names of inputs in their order; count, mean and squared deviations of the numbers."""

    names: Annotated[list[str], Field(max_length=10_000)]
    moments: dict[str, StoredMoments]
    ignored_inputs: formats.Count


class Encoder:
    """Numbers the inputs that features stand for, and standardises them as they come.

    A text is a category with an input of its own (one-hot); a log count is taken as it is, since
    a lead that lacks it has none; any other number is told in standard deviations from the mean
    of what was learned of so far (Welford 1962), and a lead that lacks it stands at the mean.
    One whose logarithm stands beside it is left to that (``axes.is_input``).

    Parameters
    ----------
    max_inputs
        Further inputs are counted, but ignored: memory stays bounded.

    Examples
    --------
    >>> encoder = Encoder()
    >>> for age in (1.0, 3.0):
    ...     _ = encoder.observe({"age": age, "stage": "demo"})
    >>> encoder.inputs_of({"age": 4.0, "stage": "demo"})
    ([0, 1], [2.0, 1.0])
    """

    def __init__(self, max_inputs: int = 200) -> None:
        self.max_inputs = max_inputs
        self.ignored_inputs = 0
        self._numbers: dict[str, int] = {}
        self._moments: dict[str, Moments] = {}
        self._centres: list[float] = []
        self._scales: list[float] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def observe(self, x: Features) -> NDArray[np.float32]:
        """Take in a lead; return it as ``row`` does."""
        for name, value, numeric in _named(x):
            self._place(name, numeric)
            if name in self._moments:
                self._take_in(name, value)
        return self._row(x)

    def row(self, x: Features) -> NDArray[np.float32]:
        """Return a lead's inputs before they are standardised, NaN for what it lacks.

        Inputs that are new get their number; means stay what they are.
        """
        for name, _, numeric in _named(x):
            self._place(name, numeric)
        return self._row(x)

    def standardised(self, rows: NDArray[np.float32]) -> Array:
        """Return rows as a network takes them, by the means and deviations of now."""
        apart = (rows.astype(np.float64) - self._centres) / self._scales
        apart[np.isnan(apart)] = 0.0
        return np.minimum(np.maximum(apart, -FARTHEST), FARTHEST)

    def inputs_of(self, x: Features) -> tuple[list[int], list[float]]:
        """Return numbers and values of the inputs that a lead has, standardised; to act."""
        numbers, values = [], []
        for feature, value in x.items():  # as _named does, but faster: every decision comes here
            if isinstance(value, str):
                number, told = self._numbers.get(category(feature, value)), 1.0
            elif is_number(value):
                number, told = self._numbers.get(feature), value
            else:
                continue
            if number is not None:
                if not -LARGEST_NUMBER <= told <= LARGEST_NUMBER:
                    told = math.copysign(LARGEST_NUMBER, 1 if told > 0 else -1)
                apart = (told - self._centres[number]) / self._scales[number]
                numbers.append(number)
                values.append(
                    apart if -FARTHEST <= apart <= FARTHEST else math.copysign(FARTHEST, apart)
                )
        return numbers, values

    def state(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "names": list(self._numbers),
            "moments": {name: list(moments) for name, moments in self._moments.items()},
            "ignored_inputs": self.ignored_inputs,
        }

    @classmethod
    def restore(cls, state: EncoderState, max_inputs: int) -> "Encoder":
        """Rebuild an encoder from its state, checked by its types.

        Raises
        ------
        ModelFormatError
            If names are there twice, too many, or not those of the moments.
        """
        names = dict.fromkeys(state["names"])
        if (
            len(names) != len(state["names"])
            or len(names) > max_inputs
            or not names.keys() >= state["moments"].keys()
        ):
            raise formats.ModelFormatError(
                f"inputs are broken: each of {len(state['names'])} must be there once, and "
                f"{max_inputs} at most"
            )
        encoder = cls(max_inputs)
        encoder.ignored_inputs = state["ignored_inputs"]
        for name in names:
            encoder._place(name, numeric=False)
        for name, moments in state["moments"].items():
            encoder._set_moments(name, moments)
        return encoder

    def _place(self, name: str, numeric: bool) -> None:
        if name in self._numbers:
            return
        if len(self._numbers) >= self.max_inputs or len(name) > LONGEST_NAME:
            self.ignored_inputs += 1
            return
        self._numbers[name] = len(self._numbers)
        self._centres.append(0.0)
        self._scales.append(1.0)
        if numeric and not is_count(name):
            self._moments[name] = (0, 0.0, 0.0)

    def _take_in(self, name: str, value: float) -> None:
        count, mean, deviations = self._moments[name]
        count += 1
        new_mean = mean + (value - mean) / count
        self._set_moments(name, (count, new_mean, deviations + (value - mean) * (value - new_mean)))

    def _set_moments(self, name: str, moments: Moments) -> None:
        self._moments[name] = moments
        count, mean, deviations = moments
        variance = deviations / count if count else 0.0
        number = self._numbers[name]
        self._centres[number] = mean
        self._scales[number] = math.sqrt(variance) if variance > NO_SPREAD else 1.0

    def _row(self, x: Features) -> NDArray[np.float32]:
        row = np.full(len(self._numbers), np.nan, np.float32)
        for name, value, _ in _named(x):
            number = self._numbers.get(name)
            if number is not None:
                row[number] = value
        return row


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a feature is a number: what is not there (None, NaN) is none.

    >>> is_number(2), is_number(float("nan")), is_number(None), is_number("2")
    (True, False, False, False)
    """
    return isinstance(value, int) or (isinstance(value, float) and not math.isnan(value))


def _named(x: Features) -> Iterator[tuple[str, float, bool]]:
    """Yield name and value of each input, and whether it is a number; what is nothing is left."""
    for feature, value in x.items():
        if isinstance(value, str):
            yield category(feature, value), 1.0, False
        elif is_number(value) and is_input(feature):
            most = LARGEST_POSITION if is_count(feature) else LARGEST_NUMBER
            yield feature, max(-most, min(most, float(max(-most, min(most, value))))), True
