import orjson
import pytest
from decoder_checks import SERVING, SNAPSHOT, VERSION

from online_models.formats import ModelFormatError
from stream.models import P_CONVERT, SnapshotStore

KEY = f"{P_CONVERT}/{VERSION}"


def with_state(**changes):
    return orjson.dumps(SNAPSHOT | {"state": SNAPSHOT["state"] | changes})


@pytest.mark.parametrize(
    "value",
    [
        b"", b"null", b"{}", b"\xff", b"[" * 100_000, orjson.dumps(SERVING),
        orjson.dumps(SNAPSHOT | {"state": []}),
        with_state(plain={"a": "x"}), with_state(plain={"a": 1e300}), with_state(intercept=None),
        with_state(numeric={"age": [1.0]}), with_state(positives=-1), with_state(positives=10**18),
    ],
)  # fmt: skip
def test_a_snapshot_that_cannot_be_used_is_refused_where_it_is_asked_for(value):
    store = SnapshotStore()
    store.put(KEY, value)
    with pytest.raises(ModelFormatError):
        store.scorer(P_CONVERT, VERSION)


@pytest.mark.parametrize("value", [b"", b"null", b'{"version":7}', orjson.dumps(SNAPSHOT)])
@pytest.mark.parametrize("role", ["serving", "pin"])
def test_what_names_no_version_leaves_the_former_one_in_service(role, value):
    store = SnapshotStore()
    store.put(f"{P_CONVERT}/{role}", orjson.dumps(SERVING))
    with pytest.raises(ModelFormatError):
        store.put(f"{P_CONVERT}/{role}", value)
    assert store.serving(P_CONVERT) == VERSION


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 5_000, "1.5"])
def test_a_key_without_a_number_is_refused_and_can_be_removed(version):
    store = SnapshotStore()
    with pytest.raises(ModelFormatError, match="names no version"):
        store.put(f"{P_CONVERT}/{version}", orjson.dumps(SNAPSHOT))
    store.put(f"{P_CONVERT}/{version}", None)
    assert store.versions(P_CONVERT) == []
