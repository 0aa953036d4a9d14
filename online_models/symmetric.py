"""Symmetric matrices as text: one triangle, bit by bit."""

import base64

import numpy as np
from numpy.typing import NDArray

from online_models.formats import ModelFormatError

Array = NDArray[np.float64]


def packed(matrix: Array) -> str:
    """Return the upper triangle of a symmetric matrix, float64 in base64.

    >>> unpacked(packed(np.array([[1.0, 2.0], [2.0, 5.0]])), 2).tolist()
    [[1.0, 2.0], [2.0, 5.0]]
    """
    triangle = matrix[np.triu_indices(len(matrix))]
    return base64.b64encode(triangle.astype("<f8").tobytes()).decode()


def unpacked(text: str, size: int) -> Array:
    """Return the matrix of so many rows whose triangle a text is.

    Raises
    ------
    ModelFormatError
        If it is not of that size, or not all of it are numbers.
    """
    try:
        triangle = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8")
    except ValueError:
        triangle = np.zeros(0)
    if triangle.size != size * (size + 1) // 2 or not np.isfinite(triangle).all():
        raise ModelFormatError("checkpoint is broken: covariance is not what names ask for")
    matrix = np.zeros((size, size))
    rows, columns = np.triu_indices(size)
    matrix[rows, columns] = triangle
    matrix[columns, rows] = triangle
    return matrix
