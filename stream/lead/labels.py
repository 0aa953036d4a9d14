"""Labels that come late: vectors are kept when scored, and taught once their label is known.

Log and wait: the model learns from the very vector that it predicted with, so that training and
serving cannot disagree. A lead that won or lost labels its samples; so does silence to the end of
the horizon.

Each example weighs as many scored vectors as it stands for. With equal weights a vector of a lead
that will have few events counts for more than those of one that will have many, and how many there
will be says much about the outcome: on real loan applications the first scores of new leads came
out 13 points too low or too high, weighted 2.
"""

from typing import Any

import orjson

from schemas import topics
from stream.lead.features import Features
from stream.lead.hashing import unit_interval
from stream.lead.house import House
from stream.lead.outputs import Output, rfc3339
from stream.lead.state import LeadState, Sample

MODEL = "p_convert"
WON = "won"


def keep_sample(state: LeadState, at_s: float, p_convert: float, x: Features, house: House) -> None:
    """Keep a scored vector to learn from: a uniform sample of bounded size.

    Reservoir sampling (Vitter 1985, algorithm R). Its randomness is seeded by the lead and by how
    many vectors came before, so that a replay keeps the same ones. Leads that have won
    are not sampled: what they will do next is another question.
    """
    if state.outcome == WON:
        return
    state.sampled_of += 1
    sample = Sample(at_s, p_convert, x)
    if len(state.samples) < house.samples_per_lead:
        state.samples.append(sample)
        return
    slot = int(unit_interval(state.lead_id, state.sampled_of) * state.sampled_of)
    if slot < house.samples_per_lead:
        state.samples[slot] = sample


def label_by_outcome(state: LeadState, result: str, at_s: float, house: House) -> list[Output]:
    """Return the examples that an outcome teaches; a win past the horizon is a negative."""
    won = result == WON
    weight = _weight(state)
    samples, state.samples, state.sampled_of = state.samples, [], 0
    return [_example(s, won and at_s - s.at_s <= house.horizon_s, at_s, weight) for s in samples]


def label_by_silence(state: LeadState, now_s: float, house: House) -> list[Output]:
    """Return the negatives of samples whose horizon has ended without an outcome."""
    due = [s for s in state.samples if s.at_s + house.horizon_s <= now_s]
    if not due:
        return []
    weight = _weight(state)
    state.samples = [s for s in state.samples if s.at_s + house.horizon_s > now_s]
    state.sampled_of = round(weight * len(state.samples))  # what is left stands for the rest
    return [_example(s, False, s.at_s + house.horizon_s, weight) for s in due]


def next_label_s(state: LeadState, house: House) -> float | None:
    """Return when the first sample's horizon ends."""
    if not state.samples:
        return None
    return min(s.at_s for s in state.samples) + house.horizon_s


def _weight(state: LeadState) -> float:
    """Return how many scored vectors each kept one stands for."""
    return state.sampled_of / len(state.samples) if state.samples else 1.0


def _example(sample: Sample, y: bool, labelled_s: float, weight: float) -> Output:
    body: dict[str, Any] = {
        "type": "training_example",
        "model": MODEL,
        "x": sample.x,
        "y": y,
        "weight": weight,
        "p_convert": sample.p_convert,
        "occurred_at": rfc3339(sample.at_s),
        "labelled_at": rfc3339(labelled_s),
    }
    return Output(topics.TRAINING_EXAMPLES.name, MODEL.encode(), orjson.dumps(body), [])
