"""How a lead answers to a contact: one function for the demo's simulation and the pipeline.

What a contact does depends on the persona, the stage, the hidden intent, how open the lead is to
contact at all, how recently it was active, and how tired it is of us. Leads thus fall into the
four groups of uplift modelling: those that only buy if spoken to (persuadable), those that buy
anyway (sure things), those that never do (lost causes), and those that contact drives away (do
not disturb). Part of it shows: open leads open mails and send forms, others read the docs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from stream.simulator.mail import click_ratio, open_ratio, unsubscribe_ratio
from stream.simulator.personas import Persona
from stream.simulator.world import (
    ACTIONS,
    CALL,
    CONTENT,
    CUSTOMER,
    DEMO_INVITE,
    DISCOUNT,
    ENGAGED,
    KNOWN,
    OPPORTUNITY,
    QUALIFIED,
    WEBINAR,
    WorldParameters,
)

OPENNESS: Mapping[str, float] = MappingProxyType(
    {
        "buyer": 0.45,
        "evaluator": 0.65,
        "researcher": 0.75,
        "student": 0.6,
        "job_seeker": 0.3,
        "competitor": 0.3,
    }
)
"""Mean openness to contact: buyers know what they want, researchers like to be told."""

PRICE_SENSITIVITY: Mapping[str, float] = MappingProxyType(
    {
        "buyer": 0.6,
        "evaluator": 1.0,
        "researcher": 0.9,
        "student": 1.0,
        "job_seeker": 0.2,
        "competitor": 0.0,
    }
)

STAGE_FIT: Mapping[int, Mapping[int, float]] = MappingProxyType(
    {
        CONTENT: {KNOWN: 1.0, ENGAGED: 1.0, QUALIFIED: 0.6, OPPORTUNITY: 0.4, CUSTOMER: 1.0},
        WEBINAR: {KNOWN: 0.7, ENGAGED: 1.0, QUALIFIED: 0.8, OPPORTUNITY: 0.4, CUSTOMER: 1.0},
        DEMO_INVITE: {KNOWN: 0.3, ENGAGED: 0.8, QUALIFIED: 1.0, OPPORTUNITY: 0.7, CUSTOMER: 0.7},
        CALL: {KNOWN: 0.3, ENGAGED: 0.6, QUALIFIED: 1.0, OPPORTUNITY: 1.0, CUSTOMER: 1.0},
        DISCOUNT: {KNOWN: 0.3, ENGAGED: 0.5, QUALIFIED: 0.8, OPPORTUNITY: 1.0, CUSTOMER: 0.5},
    }
)
"""What a response is worth by stage: explanations early, people and prices late."""

_CALLED_OFF = 0.03
"""Share of calls, at a load of 1, after which a lead wants none any more."""
_LARGEST_INTENT = 1.0


@dataclass(frozen=True, slots=True)
class Traits:
    """What is hidden in a lead beside its persona and intent.

    Parameters
    ----------
    openness
        How much contact does for it; below 0 it does harm.
    tolerance
        How much fatigue it bears.
    shows_opens
        Whether opens of its mails can be seen.
    """

    openness: float
    tolerance: float
    shows_opens: bool = True


class Chances(NamedTuple):
    """How likely a lead answers to one contact, and what that would bring."""

    noticed: float
    """The mail is opened, or the call taken."""
    answered: float
    """The link followed, the invitation accepted, the talk had."""
    unsubscribes: float
    warmth: float
    """Added to intent by an answer, before room and delay."""
    harm: float
    """Taken from intent by the contact itself."""


class Response(NamedTuple):
    """What came of one contact."""

    noticed: bool
    answered: bool
    unsubscribed: bool
    warmth: float
    """Change of intent, after ``delay_days``."""
    harm: float
    """Taken from intent at once."""
    delay_days: int


def draw_traits(rng: Random, persona: Persona, parameters: WorldParameters) -> Traits:
    """Draw what is hidden in a lead of this persona."""
    return Traits(
        openness=rng.gauss(OPENNESS[persona.name], parameters.openness_spread),
        tolerance=rng.lognormvariate(log(parameters.tolerance), parameters.tolerance_spread),
        shows_opens=rng.random() < 0.8,
    )


def chances(
    parameters: WorldParameters,
    persona: Persona,
    traits: Traits,
    intent: float,
    stage: int,
    action: int,
    *,
    fatigue: float,
    idle_days: float,
    warmth: float,
) -> Chances:
    """Return how a lead would answer to an action, without doing it.

    Parameters
    ----------
    parameters
        The world.
    persona, traits, intent
        The hidden lead; the intent as it is now.
    stage
        Where it stands.
    action
        What is done, not nothing.
    fatigue
        Before this contact.
    idle_days
        Since the lead last did something by itself.
    warmth
        What contacts have added to its intent so far.
    """
    effect = parameters.actions[ACTIONS[action]]
    load = (fatigue + effect.fatigue) / traits.tolerance
    patience = 1.0 / (1.0 + load * load)
    openness = traits.openness
    attention = min(1.7, max(0.15, 0.5 + 0.8 * openness)) * parameters.answering
    if action == CALL:
        fresh = 0.5 ** (idle_days / parameters.fresh_half_life_days)
        reached = parameters.reached_ratio
        reached += (parameters.reached_when_fresh - reached) * fresh
        noticed = answered = min(0.95, reached * attention * min(1.0, 1.6 * patience))
        unsubscribes = _CALLED_OFF * load * (2.0 if openness < 0 else 1.0) * (1 - intent)
    else:
        noticed = min(0.95, open_ratio(persona, intent) * attention * min(1.0, 1.6 * patience))
        # An invitation asks for an hour, a link for a click.
        follows = click_ratio(intent) * (1.3 if action == CONTENT else 1.0)
        answered = noticed * follows
        unsubscribes = noticed * (1 - follows) * unsubscribe_ratio(intent) * load
    room = 1.0 - max(0.0, warmth) / parameters.warmth_limit
    gain = effect.warmth * STAGE_FIT[action][stage] * max(0.0, openness) * max(0.0, room)
    if action == DISCOUNT:
        gain = effect.warmth * STAGE_FIT[action][stage] * PRICE_SENSITIVITY[persona.name]
    harm = effect.intrusion * max(0.0, -openness)
    if load > 1.0:
        harm += parameters.overload_harm * (load - 1.0)
    return Chances(noticed, answered, min(0.5, unsubscribes * parameters.unsubscribing), gain, harm)


def respond(rng: Random, parameters: WorldParameters, action: int, chance: Chances) -> Response:
    """Draw what comes of a contact whose chances are known."""
    draw = rng.random()
    answered = draw < chance.answered
    noticed = draw < chance.noticed
    unsubscribed = not answered and rng.random() < (
        chance.unsubscribes / max(1e-9, 1 - chance.answered)
    )
    if not answered:
        return Response(noticed, False, unsubscribed, 0.0, chance.harm, 0)
    first, last = parameters.actions[ACTIONS[action]].delay_days
    return Response(
        True,
        True,
        False,
        chance.warmth,
        chance.harm,
        first + int(rng.random() * (last + 1 - first)),
    )


def bounded_intent(intent: float) -> float:
    """Return an intent within 0..1."""
    return min(_LARGEST_INTENT, max(0.0, intent))


def decay(half_life_days: float) -> float:
    """Return what is left of something after a day.

    >>> decay(1.0)
    0.5
    """
    return exp(-log(2.0) / half_life_days)
