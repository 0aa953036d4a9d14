"""Labels that come late: vectors are kept when scored, and taught once their label is known.

Log and wait: the model learns from the very vector that it predicted with, so that training and
serving cannot disagree. A lead that won or lost labels its samples; so does silence to the end of
the horizon.

Each example weighs as many scored vectors as it stands for. With equal weights a vector of a lead
that will have few events counts for more than those of one that will have many, and how many there
will be says much about the outcome: on real loan applications the first scores of new leads came
out 13 points too low or too high, weighted 2.

Where a horizon is long, conversions are known long before silence is, and a young model takes
most leads for winners. With ``house.labels == "fake_negative"`` a vector whose lead has been silent
for ``house.fake_negative_s`` (which follows how long conversions take here:
``stream.lead.conversion_delays``) teaches as a negative at once, and once more as a positive if the
lead converts after all (Ktena et al. 2019; waiting some time before, as Yang et al. 2021 do).
That second example weighs :math:`1 / (1 - p)` with the probability ``p`` that the vector was scored
with. So both gradients together, :math:`-p` and :math:`(1 - p) / (1 - p)`, are the
:math:`1 - p` of a plain positive.

References
----------
Ktena et al. 2019, Addressing delayed feedback for continuous training with neural networks in CTR
prediction. Yang et al. 2021, Capturing delayed feedback in conversion rate prediction via
elapsed-time sampling.
"""

import math

from online_models.laplace import expit
from online_models.protocols import Scorer
from stream.lead import purchases, samples
from stream.lead.enrolment import TASK as UPLIFT
from stream.lead.examples import Source, example
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.outputs import Output
from stream.lead.samples import Sample, Sampled
from stream.lead.state import LeadState

MODEL = "p_convert"
RETURNS = "returns_in_day"
OPENS = "opens_mail"
PURCHASES = purchases.TASK
TASKS = (MODEL, RETURNS, OPENS, PURCHASES)
"""What can be learned, by the names that examples and models go by."""

WON = "won"
ACCEPTED = "accepted"

LARGEST_CORRECTED_P = 0.9
"""A correction weighs tenfold at most: one example must not move a model at will."""

NOTHING_LEARNED_P = 0.5

Waiting = tuple[tuple[str, Sampled, bool | None], ...]
"""Vectors that wait for a label, with their task, and the lead's arm where it is in one."""


def tasks_of(house: House) -> tuple[str, ...]:
    """Return the tasks that a house teaches: p_convert, those switched on, and its products'.

    >>> tasks_of(House(tasks=frozenset({"p_purchase"}), products=("Seats",)))
    ('p_convert', 'p_purchase', 'p_purchase_seats')
    """
    on = [task for task in TASKS if task == MODEL or task in house.tasks]
    if PURCHASES in on:
        on += [purchases.product_task(product) for product in house.products]
    return tuple(on)


def predicted(scorer: Scorer | None, x: Features) -> float:
    """Return what a task's model predicts; who has learned nothing does not know."""
    if scorer is None:
        return NOTHING_LEARNED_P
    intercept, contributions, _ = scorer.explain_one(x)
    log_odds = intercept + math.fsum(contributions.values())
    return expit(log_odds)


def keep_sample(state: LeadState, at_s: float, p_convert: float, x: Features, house: House) -> None:
    """Keep a scored vector to learn from.

    Leads that have won are not sampled: what they will do next is another question.
    """
    if state.outcome != WON:
        sample = Sample(at_s, p_convert, x)
        samples.keep(state, sample, house.samples_per_lead, state.lead_id)


def label_by_outcome(state: LeadState, result: str, at_s: float, house: House) -> list[Output]:
    """Return the examples that an outcome teaches; a win past the horizon is a negative."""
    won = result == WON
    outputs: list[Output] = []
    waiting: Waiting = ((MODEL, state, None),) if state.enrolled is None else _waiting(state)
    for task, sampled, is_treated in waiting:
        weight = samples.weight_of(sampled)
        kept, sampled.samples, sampled.sampled_of = sampled.samples, [], 0
        for sample in kept:
            if is_treated is not None and at_s < sample.at_s:
                continue  # what had happened before a decision, the decision did not bring about
            y = won and at_s - sample.at_s <= house.horizon_s
            if not sample.is_assumed:
                outputs += example(
                    state, task, sample, y, at_s, weight, "outcome", house, is_treated=is_treated
                )
            elif y:
                correction = weight / (1.0 - min(sample.p_convert, LARGEST_CORRECTED_P))
                outputs += example(
                    state, task, sample, y, at_s, correction, "corrected", house,
                    is_treated=is_treated,
                )  # fmt: skip
    return outputs


def label_by_silence(state: LeadState, now_s: float, house: House) -> list[Output]:
    """Return the negatives of samples whose horizon has ended without an outcome.

    And of those that are taken for negatives ahead of it, where the house does that.
    """
    outputs: list[Output] = []
    waiting: Waiting = ((MODEL, state, None),) if state.enrolled is None else _waiting(state)
    for task, sampled, is_treated in waiting:
        if _assumes(house):
            outputs += _assume(state, task, sampled, is_treated, now_s, house)
        due, weight = samples.take(sampled, lambda sample: sample.at_s + house.horizon_s <= now_s)
        for sample in due:
            if not sample.is_assumed:
                end_s = sample.at_s + house.horizon_s
                outputs += example(
                    state, task, sample, False, end_s, weight, "silence", house,
                    is_treated=is_treated,
                )  # fmt: skip
    return outputs


def label_by_feedback(
    state: LeadState, verdict: str, at_s: float, p_convert: float, x: Features, house: House
) -> list[Output]:
    """Return the example that a verdict of sales teaches: accepted, as if the lead converted.

    The vector is of just before the verdict, which has not seen it. It weighs
    ``house.feedback_weight`` scored vectors, and stays when the outcome comes: that labels
    the lead's own vectors with their whole weight, which is many times as much.
    """
    sample, y = Sample(at_s, p_convert, x), verdict == ACCEPTED
    return example(state, MODEL, sample, y, at_s, house.feedback_weight, "feedback", house)


def label_by_purchase(state: LeadState, product: str, at_s: float, house: House) -> list[Output]:
    """Return what a purchase teaches of the vectors since the one before."""
    bought = state.purchases
    if bought is None:
        return []
    due, weight = samples.take(bought, lambda sample: sample.at_s < at_s)
    outputs: list[Output] = []
    for sample in due:
        y = at_s - sample.at_s <= house.purchase_horizon_s
        outputs += _of_purchases(state, sample, y, product, at_s, weight, house)
    return outputs


def label_by_no_purchase(state: LeadState, now_s: float, house: House) -> list[Output]:
    """Return the negatives of customers' vectors whose horizon has ended without a purchase."""
    bought, horizon_s = state.purchases, house.purchase_horizon_s
    if bought is None:
        return []
    due, weight = samples.take(bought, lambda sample: sample.at_s + horizon_s <= now_s)
    outputs: list[Output] = []
    for sample in due:
        end_s = sample.at_s + horizon_s
        outputs += _of_purchases(state, sample, False, "", end_s, weight, house)
    return outputs


def next_label_s(state: LeadState, house: House) -> float | None:
    """Return when the first sample's horizon ends, or it is taken for a negative."""
    due_s, kept = None, state.samples
    if state.enrolled is not None:
        kept = [*kept, *state.enrolled.samples]
    if kept:
        due_s = min([s.at_s for s in kept]) + house.horizon_s
        if _assumes(house):
            open_s = [s.at_s for s in kept if not s.is_assumed]
            if open_s:
                due_s = min(due_s, min(open_s) + house.fake_negative_s)
    if state.purchases is not None and state.purchases.samples:
        bought_s = min(s.at_s for s in state.purchases.samples) + house.purchase_horizon_s
        due_s = bought_s if due_s is None else min(due_s, bought_s)
    return due_s


def _assumes(house: House) -> bool:
    return house.labels == "fake_negative" and house.fake_negative_s < house.horizon_s


def _waiting(state: LeadState) -> Waiting:
    """Return what waits for the label of ``p_convert``, of a lead that is in the comparison too."""
    own: Waiting = ((MODEL, state, None),)
    enrolled = state.enrolled
    return own if enrolled is None else (*own, (UPLIFT, enrolled, enrolled.is_treated))


def _assume(
    state: LeadState,
    task: str,
    sampled: Sampled,
    is_treated: bool | None,
    now_s: float,
    house: House,
) -> list[Output]:
    outputs: list[Output] = []
    weight = samples.weight_of(sampled)
    for sample in sampled.samples:
        due_s = sample.at_s + house.fake_negative_s
        if not sample.is_assumed and due_s <= now_s:
            sample.assume()
            outputs += example(
                state, task, sample, False, due_s, weight, "assumed", house, is_treated=is_treated
            )
    return outputs


def _of_purchases(
    state: LeadState,
    sample: Sample,
    y: bool,
    product: str,
    labelled_s: float,
    weight: float,
    house: House,
) -> list[Output]:
    source: Source = "outcome" if y else "silence"
    outputs = example(state, PURCHASES, sample, y, labelled_s, weight, source, house)
    for name in house.products:
        task = purchases.product_task(name)
        is_it = y and task == purchases.product_task(product)
        outputs += example(state, task, sample, is_it, labelled_s, weight, source, house)
    return outputs
