"""autograd, where it is installed: what neural networks learn with, and nothing else needs."""

from importlib import import_module
from typing import Any

from online_models.formats import ModelLibraryError


def autograd_for(learner: str) -> tuple[Any, Any]:
    """Return autograd and its numpy (Maclaurin 2016).

    Parameters
    ----------
    learner
        What is about to learn with it, for the error's sake.

    Raises
    ------
    ModelLibraryError
        If autograd is not installed.
    """
    try:
        return import_module("autograd"), import_module("autograd.numpy")
    except ImportError:
        raise ModelLibraryError(
            f"{learner} learns with autograd, which is not installed: "
            "pip install leadstream[neural]"
        ) from None
