"""Changes of stored states, for tests that they are refused."""

from collections.abc import Callable
from typing import Any


def put(path: str, value: Any) -> Callable[[Any], None]:
    """Return what puts a value into a state, at keys and places with slashes between."""

    def change(state: Any) -> None:
        *parents, last = path.split("/")
        for parent in parents:
            state = state[_key(state, parent)]
        state[_key(state, last)] = value

    return change


def _key(container: Any, text: str) -> int | str:
    return int(text) if isinstance(container, list) else text
