"""What operators are told of uplift: predicted before the label, and only when it can be told."""

from random import Random

import pytest

from schemas.learning import TrainingExample
from stream import metrics
from stream.lead.contest import Contest
from stream.lead.learner import Learned
from stream.lead.uplift_learner import KIND, UpliftLearner
from stream.models import UPLIFT
from stream.uplift_quality import GROUPS, WINDOW, UpliftQuality

AT = "2026-03-01T09:30:00Z"


@pytest.fixture
def contest():
    one = Contest(UPLIFT, [UpliftLearner()], KIND)
    yield one
    UpliftQuality().withdraw(one)


def shown(gauge: str, **labels: str) -> float | None:
    value: float | None = metrics.REGISTRY.get_sample_value(gauge, {"model": UPLIFT, **labels})
    return value


def fed(contest: Contest[UpliftLearner], leads: int, sign: float = 1.0) -> UpliftQuality:
    """Return the quality of predictions whose sign is right or wrong of half the leads."""
    quality, random = UpliftQuality(), Random(1)
    for n in range(leads):
        helps, is_treated = n % 2 == 0, random.random() < 0.5
        y = random.random() < (0.5 if helps == is_treated else 0.1)
        told = TrainingExample(
            **{"model": UPLIFT, "x": {}, "y": y, "weight": 1.0, "p_convert": 0.3},
            **{"occurred_at": AT, "labelled_at": AT, "is_treated": is_treated},
        )
        predicted = sign * (0.4 if helps else -0.4)
        quality.add(contest, told, {KIND: Learned(predicted, [])})
    return quality


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_ranking_is_told_by_what_became_of_its_leads(contest, sign):
    fed(contest, 2_000, sign).publish(contest)
    assert sign * shown("leadstream_qini_ratio") > 0.1
    found = {group: shown("leadstream_uplift_ratio", group=group) for group in GROUPS}
    assert found["all"] == pytest.approx(0.0, abs=0.08)
    assert found["first_third"] == pytest.approx(sign * 0.4, abs=0.1)
    assert found["last_third"] == pytest.approx(-sign * 0.4, abs=0.1)


def test_nothing_is_told_of_few_leads_and_all_is_taken_back(contest):
    fed(contest, 150).publish(contest)
    assert shown("leadstream_qini_ratio") is None
    quality = fed(contest, 600)
    quality.publish(contest)
    assert shown("leadstream_qini_ratio") is not None
    quality.withdraw(contest)
    assert shown("leadstream_qini_ratio") is None
    assert shown("leadstream_uplift_ratio", group="all") is None


def test_only_the_newest_leads_count_and_what_was_learned_before_does_not(contest):
    quality = fed(contest, WINDOW + 500)
    assert len(quality._rows) == WINDOW
    before = list(quality._rows)
    told = TrainingExample(
        **{"model": UPLIFT, "x": {}, "y": True, "weight": 1.0, "p_convert": 0.3},
        **{"occurred_at": AT, "labelled_at": AT, "is_treated": True},
    )
    quality.add(contest, told, {})
    assert list(quality._rows) == before
