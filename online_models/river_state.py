"""River's estimators as plain JSON, and back to the bit: data, never code."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from online_models.formats import ModelFormatError
from online_models.river_compiled import COMPILED, from_text, to_text
from online_models.river_parts import DEEPEST_TREE, ONLY_LEARNING, PARTS
from online_models.stored_values import finite, text

MOST_NODES = 500_000
DEEPEST = 2 * DEEPEST_TREE + 20
"""A branch and the list of its children are two."""
MOST_KINDS = 64

_SHARED = frozenset({"random.Random", "online_models.river_trees.MixedSplitter"})
"""Kinds of parts that may belong to several: else a small document could stand for a large tree."""
_PLAIN = {"list": list, "set": set, "dict": dict}
_FACTORIES: dict[str, Callable[[], Any]] = {
    "counts": int,
    "sums": float,
    "tables": partial(defaultdict, float),
}
"""Of dictionaries that make what they lack."""


def encode(estimator: Any, without: tuple[type, ...] = ()) -> dict[str, Any]:
    """Return an estimator's whole state.

    ``nodes`` are its parts, each after those that it stands on: the number of its kind in
    ``kinds``, then its values. A value is a scalar, or a list of one number: the part so numbered.
    The last part is the estimator.

    Parameters
    ----------
    without
        Types that are left out, None in their place.

    Raises
    ------
    ModelFormatError
        If a part is of no kind that may be stored, or there are too many of them.

    Examples
    --------
    >>> from river import stats
    >>> mean = stats.Mean()
    >>> mean.update(4.0)
    >>> encode(mean)
    {'kinds': ['river.stats.mean.Mean'], 'nodes': [[0, 1.0, 4.0]]}
    >>> decode(encode(mean)).get()
    4.0
    """
    writer = _Writer(without)
    writer.value(estimator, 0)
    return {"kinds": list(writer.kinds), "nodes": writer.nodes}


class _Writer:
    def __init__(self, without: tuple[type, ...]) -> None:
        self.kinds: dict[str, int] = {}
        self.nodes: list[list[Any]] = []
        self._without = without
        self._written: dict[int, int] = {}

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, self._without):
            return None
        if value is None or type(value) in (bool, int, float, str):
            return value
        number_of = self._written.get(id(value))
        if number_of is None:
            number_of = self._written[id(value)] = self._node(value, depth)
        return [number_of]

    def _node(self, value: Any, depth: int) -> int:
        if depth > DEEPEST or len(self.nodes) >= MOST_NODES:
            raise ModelFormatError("the model is too deep or too large to be stored")
        kind, values = _parts_of(value)
        node = values if kind in COMPILED else [self.value(part, depth + 1) for part in values]
        self.nodes.append([self.kinds.setdefault(kind, len(self.kinds)), *node])
        return len(self.nodes) - 1


def _parts_of(value: Any) -> tuple[str, list[Any]]:
    """Return the name of a value's kind, and what it is made of."""
    if type(value) in (list, set):
        # A set of truth values or texts: only asked what is in it, so its order may be any.
        return type(value).__name__, list(value) if type(value) is list else sorted(value)
    if type(value) is dict:
        return "dict", [part for item in value.items() for part in item]
    if type(value) is defaultdict:
        parts = [part for item in value.items() for part in item]
        return f"dict of {_factory_of(value)}", parts
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if name in COMPILED:
        return name, [to_text(COMPILED[name], value)]
    if name not in PARTS:
        raise ModelFormatError(f"{name:.128} is no part of a model that may be stored")
    part = PARTS[name]
    if vars(value).keys() != part.attributes.keys() | part.constants.keys():
        raise ModelFormatError(f"{name} has other attributes than this release knows of")
    return name, [getattr(value, attribute) for attribute in part.attributes]


def _factory_of(value: defaultdict[Any, Any]) -> str:
    factory = value.default_factory
    for name, known in _FACTORIES.items():
        if factory is known or repr(factory) == repr(known):
            return name
    raise ModelFormatError(f"a dictionary of {factory!r:.128} may not be stored")


def decode(document: Any, *, learns: bool = True) -> Any:
    """Return the estimator that a document stands for.

    Nothing of a document is called or looked up by name but in the lists of this release; parts
    stand before what is made of them, so that nothing can hold itself.

    Parameters
    ----------
    learns
        Whether it has to have what learning asks for, or may be without.

    Raises
    ------
    ModelFormatError
        If it is not all that it must be.
    """
    try:
        kinds, nodes = document["kinds"], document["nodes"]
    except (TypeError, KeyError, IndexError):
        raise ModelFormatError("a model's state has kinds and nodes") from None
    if type(kinds) is not list or len(kinds) > MOST_KINDS or not all(map(text, kinds)):
        raise ModelFormatError("a model's kinds are a few names")
    if type(nodes) is not list or not 1 <= len(nodes) <= MOST_NODES:
        raise ModelFormatError(f"a model has 1 to {MOST_NODES} parts")
    reader = _Reader(kinds, learns)
    for node in nodes:
        reader.read(node)
    return reader.built[-1]


class _Reader:
    def __init__(self, kinds: list[str], learns: bool) -> None:
        self.built: list[Any] = []
        self._learns = learns
        self._kinds = kinds
        self._depths: list[int] = []
        self._is_free: list[bool] = []

    def read(self, node: Any) -> None:
        if type(node) is not list or not node or type(node[0]) is not int:
            raise ModelFormatError("a part is its kind and its values")
        if not 0 <= node[0] < len(self._kinds):
            raise ModelFormatError("a part is of a kind that is not listed")
        kind = self._kinds[node[0]]
        depth = 0
        values: list[Any] = []
        for value in node[1:]:
            if type(value) is list:
                found = self._refer(value)
                depth = max(depth, self._depths[found] + 1)
                values.append(self.built[found])
            elif value is None or type(value) is bool or finite(value) or type(value) is str:
                values.append(value)
            else:
                raise ModelFormatError("a value is neither a scalar nor a part")
        if depth > DEEPEST:
            raise ModelFormatError("a model's parts stand too deep in each other")
        self.built.append(_build(kind, values, self._learns))
        self._depths.append(depth)
        self._is_free.append(True)

    def _refer(self, reference: list[Any]) -> int:
        match reference:
            case [int(found)] if type(found) is int and 0 <= found < len(self.built):
                part = self.built[found]
                name = f"{type(part).__module__}.{type(part).__qualname__}"
                if self._is_free[found] or name in _SHARED:
                    self._is_free[found] = False
                    return found
        raise ModelFormatError("a part stands on one that is not before it, or not its own")


def _build(kind: str, values: list[Any], learns: bool) -> Any:
    if kind in COMPILED:
        if len(values) != 1:
            raise ModelFormatError(f"{kind} has one state")
        return from_text(COMPILED[kind], values[0])
    if kind in PARTS:
        return _build_part(kind, values, learns)
    factory = kind.removeprefix("dict of ")
    if kind not in _PLAIN and (factory == kind or factory not in _FACTORIES):
        raise ModelFormatError(f"{kind:.128} is no part of a model that may be stored")
    if kind == "list":
        return values
    keys = values if kind == "set" else values[::2]
    if any(isinstance(key, list | dict | set) or hasattr(key, "__dict__") for key in keys):
        raise ModelFormatError("keys are scalars")
    if kind == "set":
        return set(values)
    if len(values) % 2:
        raise ModelFormatError("a dictionary has a value for each key")
    pairs = zip(keys, values[1::2], strict=True)
    return dict(pairs) if kind == "dict" else defaultdict(_FACTORIES[factory], pairs)


def _build_part(kind: str, values: list[Any], learns: bool) -> Any:
    part = PARTS[kind]
    if len(values) != len(part.attributes):
        raise ModelFormatError(f"{kind} has {len(part.attributes)} attributes")
    built: Any = object.__new__(part.kind)
    # Into `vars`: River has properties before some attributes.
    for (attribute, fits), value in zip(part.attributes.items(), values, strict=True):
        lacks = value is None or (type(value) is list and None in value)
        if not fits(value) or (learns and lacks and attribute in ONLY_LEARNING):
            raise ModelFormatError(f"{kind}.{attribute} is not what it must be")
        vars(built)[attribute] = value
    for attribute, constant in part.constants.items():
        vars(built)[attribute] = constant
    if not part.fits(built):
        raise ModelFormatError(f"the attributes of {kind} do not go together")
    return built
