"""Multi-touch attribution: which channels conversions, and their value, are owed to.

Seven methods over one stream of journeys, of which only sums are kept: exact at any moment.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

from online_models import attribution_formats as stored
from online_models.attribution_credit import Credit, Weights, dealt, dealt_whole
from online_models.attribution_journeys import (
    OTHER,
    OTHER_NUMBER,
    Channels,
    check_journey,
    check_whole,
    ends,
)
from online_models.formats import LARGEST, ModelFormatError
from online_models.markov_attribution import RemovalEffect, TransitionCounts
from online_models.shapley_attribution import SetCounts
from online_models.touch_attribution import Rule, TouchCounts

Method = Rule | Literal["shapley", "markov"]
METHODS: tuple[Method, ...] = (*get_args(Rule), "shapley", "markov")
_PARAMETERS = ("max_channels", "max_touches", "order", "half_life_s", "max_transitions")
_WEEK_S = 604_800.0
_MOST_CHANNELS = {1: 1_022, 2: 99, 3: 30}
"""By order: ``(max_channels + 2) ** (order + 1)`` is ``MOST_TRANSITIONS`` at most."""


class Attribution:
    """Credit of channels for conversions, by seven methods at once.

    First touch, last touch, linear, time decay and position-based as ``TouchCounts`` has them, the
    Shapley value as ``SetCounts``, removal from a Markov chain as ``TransitionCounts``. A channel
    may be whatever touches have a name for.

    Parameters
    ----------
    max_channels
        Channels beyond this many, in the order in which they come, go into ``other``.
    max_touches
        Of a longer journey the first half and the last half of this many touches are learned.
    order
        The highest order of Markov chains, 1 to 3. ``(max_channels + 2) ** (order + 1)`` must be a
        million at most: 30 channels at order 3, 99 at order 2, 1,022 at order 1.
    half_life_s
        Seconds in which the credit of a touch falls by half, by time decay.
    max_transitions
        With more different ones, up to 2,097,152, ``chain_order`` falls by one, down to 1.

    Attributes
    ----------
    conversions, nulls
        Journeys that converted, and that did not.
    value_minor
        Of all conversions, in minor units of one currency.
    truncated
        Journeys that were longer than ``max_touches``.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> model = Attribution()
    >>> model.learn_one(["ads", "mail", "ads", "call"], True, value_minor=10_00)
    >>> model.learn_one(["ads", "call"], True, value_minor=5_00)
    >>> model.learn_one(["ads"], False, count=3)
    >>> for method in ("last_touch", "linear", "position_based", "shapley"):
    ...     print(method, {name: str(c.conversions) for name, c in model.credits(method).items()})
    last_touch {'ads': '0', 'mail': '0', 'call': '2'}
    linear {'ads': '1', 'mail': '1/4', 'call': '3/4'}
    position_based {'ads': '1', 'mail': '1/10', 'call': '9/10'}
    shapley {'ads': '5/6', 'mail': '1/3', 'call': '5/6'}
    >>> [credit.value_minor for credit in model.credits("markov").values()]
    [692, 116, 692]
    """

    def __init__(
        self,
        max_channels: int = 30,
        max_touches: int = 100,
        order: int = 3,
        half_life_s: float = _WEEK_S,
        max_transitions: int = 100_000,
    ) -> None:
        check_whole("order", order, 1, 3)
        check_whole("max_channels", max_channels, 1, _MOST_CHANNELS[order])
        check_whole("max_touches", max_touches, 2, stored.MOST_TOUCHES)
        check_whole("max_transitions", max_transitions, 1, 2 * stored.MOST_TRANSITIONS)
        if not 0.0 < half_life_s <= LARGEST:
            raise ValueError(f"half_life_s is {half_life_s!r}: it must be above 0 and finite")
        self.max_channels = max_channels
        self.max_touches = max_touches
        self.order = order
        self.half_life_s = half_life_s
        self.max_transitions = max_transitions
        self.conversions = self.nulls = self.value_minor = self.truncated = 0
        self._channels = Channels(max_channels)
        base = max_channels + OTHER_NUMBER + 1
        self._touches = TouchCounts(base, half_life_s)
        self._sets = SetCounts(base)
        self._transitions = TransitionCounts(base, order, max_transitions)

    @property
    def other_touches(self) -> int:
        """Touches that were learned as ``other``."""
        return self._channels.other_touches

    @property
    def chain_order(self) -> int:
        """The highest order of Markov chains that can be asked for now."""
        return self._transitions.order

    def learn_one(
        self,
        journey: Sequence[str],
        is_converted: bool,
        *,
        value_minor: int = 0,
        touched_s: Sequence[float] | None = None,
        count: int = 1,
    ) -> None:
        """Learn a journey that is over, or many alike at once.

        Parameters
        ----------
        journey
            Names of the channels that were touched, in order of time.
        is_converted
            Whether it ended in a conversion.
        value_minor
            What all ``count`` conversions were worth together, in minor units.
        touched_s
            When each touch was, in seconds, for time decay; without them all are of one age.
        count
            Journeys just like this.

        Raises
        ------
        ValueError
            If an argument is out of its range, or they contradict each other. Nothing is learned
            then.
        """
        check_whole("count", count, 1, stored.LARGEST_JOURNEYS - self.conversions - self.nulls)
        most_minor = stored.LARGEST_VALUE_MINOR - self.value_minor if is_converted else 0
        check_whole("value_minor", value_minor, 0, most_minor)
        check_journey(journey, touched_s)
        is_truncated = len(journey) > self.max_touches
        if is_truncated:
            journey = ends(journey, self.max_touches)
            touched_s = None if touched_s is None else ends(touched_s, self.max_touches)
        channels = self._channels.numbered(journey, count)
        self.truncated += count * is_truncated
        self._transitions.learn_one(channels, is_converted, count, value_minor)
        if not is_converted:
            self.nulls += count
            return
        self.conversions += count
        self.value_minor += value_minor
        self._touches.learn_one(channels, count, value_minor, touched_s)
        self._sets.learn_one(channels, count, value_minor)

    def credits(
        self, method: Method, *, order: int = 1, with_nulls: bool = True
    ) -> dict[str, Credit]:
        """Return what each channel is credited with; it sums to all conversions and all value.

        It takes milliseconds, by chains of order 3 up to seconds: ask off the event loop.

        Parameters
        ----------
        method
            One of ``METHODS``.
        order, with_nulls
            Of the Markov chain, see ``removal_effects``; other methods have no use for them.

        Returns
        -------
        credits
            By channel in the order in which they came; ``other`` last, if there is any. Whole
            units of value are dealt by largest remainders.

        Raises
        ------
        ValueError
            If the method is unknown, or as ``removal_effects`` does.
        """
        if method not in METHODS:
            raise ValueError(f"method is {method!r:.60}: it must be one of {', '.join(METHODS)}")
        weights = self._weights(method, order, with_nulls)
        named = self._channels.by_name()
        conversions = dealt(self.conversions, [weights.conversions[n] for n in named.values()])
        value_minor = dealt_whole(self.value_minor, [weights.value[n] for n in named.values()])
        return dict(zip(named, map(Credit, conversions, value_minor), strict=True))

    def removal_effects(
        self, order: int = 1, *, with_nulls: bool = True
    ) -> dict[str, RemovalEffect]:
        """Return which share of conversions, and of value, would be lost without each channel.

        Parameters
        ----------
        order
            Channels touched last that a state of the Markov chain has, at most ``chain_order``.
        with_nulls
            Whether journeys that did not convert are in the chain.

        Returns
        -------
        effects
            By channel, ordered as in ``credits``.

        Raises
        ------
        ValueError
            If the order is out of its range.
        """
        effects = self._transitions.removal_effects(order, with_nulls)
        return {
            name: RemovalEffect(float(effects.conversions[n]), float(effects.value[n]))
            for name, n in self._channels.by_name().items()
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": stored.CHECKPOINT_SCHEMA,
            "library": stored.LIBRARY,
            "parameters": self._parameters(),
            "conversions": self.conversions,
            "nulls": self.nulls,
            "value_minor": self.value_minor,
            "truncated": self.truncated,
            "channels": list(self._channels.numbers),
            "first": stored.stored_sums(self._touches.first),
            "last": stored.stored_sums(self._touches.last),
            "touches": stored.stored_sums(self._touches.touches),
            "decayed": [[n, *both] for n, both in self._touches.decayed.items()],
            "sets": stored.stored_sums(self._sets.sets),
            **self._transitions.checkpoint(),
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], **parameters: Any) -> Self:
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or of other parameters, or broken.
        """
        state = stored.checked_state(checkpoint)
        model = cls(**parameters)
        if state["parameters"] != model._parameters():
            raise ModelFormatError(
                f"checkpoint is of {state['parameters']}, not {model._parameters()}: what is kept "
                "depends on them, so the model is learned anew"
            )
        names = state["channels"]
        if len(set(names)) < len(names) or len(names) > model.max_channels or OTHER in names:
            raise ModelFormatError("checkpoint is broken: channels are too many, or come twice")
        model.conversions, model.nulls = state["conversions"], state["nulls"]
        model.value_minor, model.truncated = state["value_minor"], state["truncated"]
        model._channels.numbers = {name: n for n, name in enumerate(names, OTHER_NUMBER + 1)}
        keys = stored.Keys(model.max_channels + OTHER_NUMBER + 1, len(names) + OTHER_NUMBER)
        model._touches.first = keys.sums(state["first"], model.max_touches)
        model._touches.last = keys.sums(state["last"], model.max_touches)
        model._touches.touches = keys.sums(state["touches"], model.max_touches)
        model._touches.decayed = keys.decayed(state["decayed"])
        model._sets.sets = keys.sums(state["sets"], len(names) + OTHER_NUMBER)
        model._transitions.take_back(state, keys)
        model._channels.other_touches = model._transitions.touches(OTHER_NUMBER)
        if not model._is_consistent():
            raise ModelFormatError("checkpoint is broken: its sums contradict each other")
        return model

    def _parameters(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in _PARAMETERS}

    def _weights(self, method: Method, order: int, with_nulls: bool) -> Weights:
        if method == "shapley":
            return self._sets.weights()
        if method == "markov":
            effects = self._transitions.removal_effects(order, with_nulls)
            return Weights(effects.conversions.tolist(), effects.value.tolist())
        return self._touches.weights(method)

    def _is_consistent(self) -> bool:
        totals = (self.conversions, self.value_minor)
        return (
            self._touches.is_consistent(*totals)
            and self._sets.is_consistent(*totals)
            and self._transitions.is_consistent(self.conversions, self.nulls, self.value_minor)
        )
