"""Uplift at a decision: whom nurturing would drive away, and what shows that.

Of the leads that would be nurtured, a share is held out by lot (``House.holdout_share``). What
nurturing does is learned from both (``stream.lead.uplift_learner``), by intention to treat: each
lead counts once, in the arm that the lot dealt it, with the vector of its first decision and the
label that ``p_convert`` learns (``stream.lead.labels``). Later decisions are no fair comparison:
what has become of a lead by then is partly what nurturing has made of it.
"""

from online_models.uplift_effect import Uplift
from stream.lead.enrolment import Enrolment
from stream.lead.features import Features
from stream.lead.hashing import unit_interval
from stream.lead.house import House
from stream.lead.samples import Sample
from stream.lead.state import LeadState

CHANGED_BY_NURTURING = frozenset({"contacts", "since_trigger"})
"""Of what a policy knows, what differs between the arms as soon as one of them is nurtured: who
learns of first decisions alone has hardly seen any other value."""


def uplift_features(known: Features) -> Features:
    """Return what uplift is learned and asked by, of what a policy knows.

    >>> uplift_features({"score": 0.8, "contacts": 2.0})
    {'score': 0.8}
    """
    return {name: value for name, value in known.items() if name not in CHANGED_BY_NURTURING}


def is_harmed(uplift: Uplift, lead_id: str, house: House) -> bool:
    """Tell whether nurturing would lower a lead's probability to convert, beyond doubt.

    It would where the upper end of the effect's 99 % interval is below zero. The interval is put
    together from those of the two probabilities (MOVER: Zou and Donner 2008, "Construction of
    confidence limits about effect measures", Statistics in Medicine 27(10)), which are normal on
    the scale of log-odds: where few convert, a probability may be much larger than estimated and
    hardly smaller, and a symmetric interval would find harm too easily. It is too wide rather
    than too narrow (``online_models.uplift.SLearner``), and there is none before each arm has had
    100 leads, 20 that converted and 20 that did not (``online_models.uplift_parts``).

    An interval of 99 % is wrong now and then, and looked at often. So of the leads that it
    concerns ``house.retest_share``, by lot and for good, go on being nurtured or held out as
    others are: what they teach undoes a finding that does not hold, or holds no longer.
    """
    return uplift.do_not_disturb and (unit_interval("uplift retest", lead_id) >= house.retest_share)


def told(uplift: Uplift) -> float | None:
    """Return the effect as triggers tell it: not before it is known how sure it is."""
    return None if uplift.interval is None else uplift.effect


def enrol(
    state: LeadState,
    known: Features,
    p_convert: float,
    now_s: float,
    *,
    is_treated: bool,
    is_compared: bool,
) -> None:
    """Enrol a lead on the first decision on it, where it can still convert.

    Parameters
    ----------
    known
        What the policy knew.
    is_treated
        Whether the lead is in no control group: what was chosen makes no difference.
    is_compared
        Whether anything is learned from it. Not where one arm is nurtured with less than usual,
        since contacts would do harm.
    """
    if state.enrolled is None and state.outcome is None:
        sample = Sample(now_s, p_convert, uplift_features(known)) if is_compared else None
        state.enrolled = Enrolment.of(is_treated=is_treated, sample=sample)
