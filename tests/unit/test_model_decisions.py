"""What operators may decide about models, and what is refused with which remedy."""

import pytest

from stream.model_decisions import decided
from stream.models import SIMULATED, SnapshotStore


@pytest.mark.parametrize(
    ("decision", "chosen", "said"),
    [
        ("promote", "logistic", "nor has any other"),
        ("promote", SIMULATED, "leadstream models rollback p_convert VERSION"),
        ("rollback", None, "to go back to"),
        ("rollback", "logistic-5", "has no version logistic-5"),
        ("forget", None, "promote, rollback or release"),
    ],
)
def test_what_cannot_be_is_refused_with_its_remedy(decision, chosen, said) -> None:
    with pytest.raises(ValueError, match=said):
        decided(SnapshotStore(), decision, "p_convert", chosen, 60.0)


def test_a_release_unpins() -> None:
    records, said = decided(SnapshotStore(), "release", "p_convert", None, 60.0)
    assert [(r.key, r.value) for r in records] == [(b"p_convert/pin", None)]
    assert said == "p_convert serves its newest version again"
