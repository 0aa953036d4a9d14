import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from stream.lead.partition import Partition
from stream.lead.progress import META_KEY
from stream.lead.state import LeadState, Sample, StateFormatError
from stream.lead.stored_form import decode_document, encode_row, encode_state, read_row
from stream.lead.stored_state import check_meta, check_state
from stream.models import SnapshotStore


@pytest.fixture(scope="module")
def changelog():
    stream = LeadStream()
    stream.send(
        event("lead_profile", "p", lead_id="L", attributes={"company_size": 80, "vip": True}),
        event("form_fill", "f", 60, lead_id="L", anonymous_id="v", duration_s=3),
        event("consent", "c", 90, lead_id="L", purpose="email", granted=True),
        event("stage_change", "s", 99, lead_id="L", stage="won soon"),
        event("outcome", "o", 120, lead_id="M"),
    )
    stream.tick(DAY_S)
    return stream.changelogs[0]


def test_all_that_is_written_can_be_read(changelog):
    assert len(changelog) == 4
    for key, value in changelog.items():
        (check_meta if key == META_KEY else check_state)(read_row(value).body)


def test_every_field_of_a_state_is_looked_at():
    from stream.lead.stored_state import StoredState  # noqa: PLC0415

    assert StoredState.__annotations__.keys() - {"v", "landmark_s"} == set(LeadState.__slots__)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("counts", {"page_view": [1.0]}), ("counts", "many"), ("landmark_s", 1e300),
        ("dwell_s", -5.0), ("events", 1.5), ("attributes", {"a": [1]}), ("ledger", {"a": []}),
        ("samples", [[1.0, 2.0, {}]]), ("recent_ids", [["x", 1.0]]), ("decisions", {"t": ["r"]}),
        ("consent", {"email": [1, 2]}), ("offset", 2**63), ("journey", [1]), ("theirs", 1),
    ],
)  # fmt: skip
def test_a_field_at_fault_is_named(changelog, field, value):
    document = decode_document(changelog[b"L"]) | {field: value}
    with pytest.raises(StateFormatError, match=rf"{field}.*leadstream state repair"):
        check_state(orjson.dumps(document))


@pytest.mark.parametrize(
    "value",
    [
        b"", b"null", b"[]", b"7", b'"x"', b"{}", b'{"v":1}', b'{"v":1,"landmark_s":0}',
        b'{"v":1,"landmark_s":0,"lead_id":{},"first_at_s":0}',
        b'{"v":1,"landmark_s":0,"lead_id":"L","first_at_s":0,"next_due_s":"x"}',
        b'{"v":1,"landmark_s":0,"lead_id":"L","first_at_s":0,"samples":7}',
        b'{"v":1,"landmark_s":0,"lead_id":"L","first_at_s":0,"recent_ids":[[[],1]]}',
        b'{"v":"' + b"x" * 100_000 + b'"}', b"\xff", b"[" * 100_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", [b"L", META_KEY])
def test_a_record_that_cannot_be_read_is_refused_in_few_words(key, value):
    with pytest.raises(StateFormatError, match=r"leadstream state|release") as error:
        Partition(HOUSE, SnapshotStore(), [(key, value)])
    assert len(str(error.value)) < 1_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("now_s", "x"),
        ("next_offset", 1e33),
        ("sources", []),
        ("versions", {"m": 1}),
        ("recent_s", 1),
    ],
)
def test_a_partitions_own_record_is_looked_at_whole(changelog, field, value):
    document = decode_document(changelog[META_KEY]) | {field: value}
    with pytest.raises(StateFormatError, match=field):
        Partition(HOUSE, SnapshotStore(), [(META_KEY, encode_row(document, None, 0))])


@pytest.mark.parametrize("place", ["samples", "journey"])
def test_a_state_that_is_nested_too_deep_to_be_written_is_refused(place):
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    state = LeadState.new("L", 0.0)
    setattr(state, place, [Sample(0.0, 0.5, {"x": deep})] if place == "samples" else deep)
    with pytest.raises(StateFormatError, match="cannot be written"):
        encode_state(state)
