"""Report attribution: credits by campaign, removal effects by the chain's order, their bound."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from online_models.formats import ModelFormatError, ModelSchemaError
from schemas.milestones import JourneyEnded, Touch
from stream.reports import attribution
from stream.reports.attribution import AttributionReport
from stream.reports.report import Terms

NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)
TERMS = Terms("EUR")
NAMES = ("ads", "mail", "call", "fair")


def journey(channels: tuple[str, ...], is_won: bool) -> JourneyEnded:
    touches = tuple(
        Touch(channel=name, campaign=f"{name}-1", occurred_at=NOW + timedelta(hours=n))
        for n, name in enumerate(channels)
    )
    return JourneyEnded(
        result="won" if is_won else "lost",
        entered_at=NOW,
        source=channels[0],
        value_minor=100 if is_won else None,
        currency="EUR" if is_won else None,
        touches=touches,
        occurred_at=NOW + timedelta(days=1),
    )


def learned() -> AttributionReport:
    report = AttributionReport(TERMS)
    for number, channels in enumerate(product(NAMES, repeat=4)):
        report.learn(journey(channels, is_won=number % 3 == 0))
    return report


def test_removal_effects_are_told_by_chains_of_orders_1_to_3():
    figures = learned().figures(0)
    effects = figures["removal_effects"]
    assert list(effects) == ["1", "2", "3"]
    assert effects["1"] != effects["3"]
    assert all(0.0 < effect <= 1.0 for of in effects.values() for effect in of.values())
    view = AttributionReport.view(figures)
    (table,) = (t for t in view.tables if "would be lost" in t.title)
    assert list(table.heads) == ["channel", "order 1", "order 2", "order 3"]
    assert len(table.rows) == len(NAMES)
    assert not any("too many" in sentence for sentence in view.sentences)


def test_an_order_of_too_many_states_is_left_out_and_that_is_said(monkeypatch):
    monkeypatch.setitem(attribution.PARAMETERS["channels"], "max_transitions", 200)
    report = learned()
    figures = report.figures(0)
    assert list(figures["removal_effects"]) == ["1", "2"]
    assert figures["removal_orders"] == {"told": 2, "wanted": 3, "max_transitions": 200}
    view = AttributionReport.view(figures)
    assert any("up to order 2, not 3" in s and "200" in s for s in view.sentences)
    (table,) = (t for t in view.tables if "would be lost" in t.title)
    assert list(table.heads) == ["channel", "order 1", "order 2"]
    restored = AttributionReport.restore(report.checkpoint(), TERMS)
    assert restored.figures(0) == figures


def test_learning_and_keeping_it_solves_no_chain(monkeypatch):
    def solved(*_: Any) -> None:
        raise AssertionError("a chain was solved")

    monkeypatch.setattr("online_models.markov_attribution._absorbed", solved)
    report = learned()
    AttributionReport.restore(report.checkpoint(), TERMS)
    with pytest.raises(AssertionError, match="solved"):
        report.figures(0)


def test_a_checkpoint_of_a_former_release_is_refused_and_learned_anew():
    state = learned().checkpoint()
    former = state["models"]["channels"] | {"schema": 1}
    with pytest.raises(ModelSchemaError, match="schema"):
        AttributionReport.restore(state | {"models": state["models"] | {"channels": former}}, TERMS)
    lower = {"channels": state["models"]["campaigns"]}
    with pytest.raises(ModelFormatError, match="learned anew"):
        AttributionReport.restore(state | {"models": state["models"] | lower}, TERMS)
