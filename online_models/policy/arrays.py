"""Arrays as text, bit by bit: what stored networks and memories are made of."""

import base64

import numpy as np
from numpy.typing import NDArray

from online_models.formats import ModelFormatError

Array = NDArray[np.float64]


def packed(array: NDArray[np.generic], dtype: str = "<f8") -> str:
    """Return an array as base64, row by row, in a dtype of a stated byte order.

    >>> unpacked(packed(np.array([[1.0, 0.1]])), (1, 2), most=10.0).tolist()
    [[1.0, 0.1]]
    """
    return base64.b64encode(array.astype(dtype).tobytes()).decode()


def unpacked(
    text: str,
    shape: tuple[int, ...],
    least: float | None = None,
    most: float = 1e100,
    dtype: str = "<f8",
    missing: bool = False,
) -> NDArray[np.generic]:
    """Return the array that a text holds.

    Parameters
    ----------
    text
        As ``packed`` wrote it.
    shape
        What it must be.
    least, most
        What its numbers are within; ``-most`` if no least is said.
    dtype
        As it was packed.
    missing
        Whether a number may be none at all (NaN).

    Raises
    ------
    ModelFormatError
        If it is of another size, or a number in it is out of bounds.
    """
    try:
        array = np.frombuffer(base64.b64decode(text, validate=True), dtype=dtype)
    except ValueError:
        array = np.zeros(0, dtype)
        shape = (-1, *shape)
    if (
        min(shape) < 0
        or array.size != np.prod(shape, dtype=np.int64)
        or not (
            ((array >= (-most if least is None else least)) & (array <= most))
            | (missing & np.isnan(array))
        ).all()
    ):
        raise ModelFormatError("stored arrays are broken: they are not what the rest asks for")
    return array.reshape(shape).astype(array.dtype.newbyteorder("="))
