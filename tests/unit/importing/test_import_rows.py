"""Rows become events: times, amounts, leads, ids; and a bad row says column, value and remedy."""

from typing import Any

import pytest

from stream.importing.loading import checker, load_map
from stream.importing.maps import ImportMap, parse_map
from stream.importing.rows import HeaderError, RowError, RowMapper
from stream.settings import Settings

NOW_S = 1_800_000_000.0  # 2027-01-15
OWN = """
timezone = "Europe/Berlin"
decimal = ","
dates = ["%d.%m.%Y %H:%M", "%d.%m.%Y"]
key = "Nr"
lead = [{ lead_id = "Kunde" }, { email = "Mail" }]

[[event]]
type = "outcome"
occurred_at = "Datum"
fields.result = { column = "Stand", values = { gewonnen = "won", verloren = "lost" } }
fields.value_minor = { column = "Betrag", kind = "money" }
fields.currency = { column = "Währung", default = "EUR" }
"""
COLUMNS = ["Nr", "Kunde", "Mail", "Datum", "Stand", "Betrag", "Währung"]
ROW = ["17", "k-1", "jane@example.com", "09.03.2026 16:00", "Gewonnen", "1.250,50 €", ""]


def mapper(
    columns: list[str] = COLUMNS, own: str | ImportMap = OWN, earliest_s: float | None = None
) -> RowMapper:
    import_map = parse_map(own, "my.toml") if isinstance(own, str) else own
    return RowMapper(import_map, columns, checker(Settings(), NOW_S), earliest_s)


def events(row: list[str], made: RowMapper | None = None) -> list[dict[str, Any]]:
    return [dict(found.event) for found in (made or mapper()).events_of(row)]


def with_cell(column: str, text: str) -> list[str]:
    return [text if name == column else cell for name, cell in zip(COLUMNS, ROW, strict=True)]


def named(import_map: str, **cells: str) -> list[dict[str, Any]]:
    """Return the events of a row of columns and cells; ``__`` stands for a space."""
    columns = [name.replace("__", " ").replace("_dot_", ".") for name in cells]
    return events(list(cells.values()), mapper(columns, load_map(import_map)))


def test_a_row_is_read_as_the_map_says():
    (event,) = events(ROW)
    assert len(event.pop("event_id")) == 32
    assert event == {
        "type": "outcome",
        "lead_id": "k-1",
        "occurred_at": "2026-03-09T15:00:00.000000Z",
        "result": "won",
        "value_minor": 125_050,
        "currency": "EUR",
    }


def test_the_same_row_has_the_same_id_and_a_changed_one_another():
    def id_of(row: list[str]) -> str:
        return events(row)[0]["event_id"]

    assert id_of(ROW) == id_of(list(ROW))
    assert id_of(ROW) == id_of(with_cell("Betrag", "1250,50"))
    changes = {
        "Nr": "18", "Kunde": "k-2", "Stand": "verloren", "Betrag": "1", "Währung": "USD",
        "Datum": "10.03.2026",
    }  # fmt: skip
    ids = {id_of(ROW), *(id_of(with_cell(*change)) for change in changes.items())}
    assert len(ids) == 1 + len(changes)


def test_columns_that_the_map_does_not_read_do_not_matter():
    wider = mapper([*COLUMNS, "Notiz"])
    assert events([*ROW, "called twice"], wider) == events(ROW)
    assert events([*reversed(ROW)], mapper([*reversed(COLUMNS)])) == events(ROW)


def test_the_first_lead_that_has_a_value_counts():
    assert events(with_cell("Kunde", ""))[0]["lead_id"] == "jane@example.com"


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("Datum", "2026-03-09", "column 'Datum' = '2026-03-09': no time as the map's dates"),
        ("Datum", "", "column 'Datum' = '': fill in when it happened"),
        ("Datum", "09.03.2036", "column 'Datum' = '09.03.2036': in the future"),
        ("Stand", "offen", "column 'Stand' = 'offen': not among the map's values (gewonnen, verl"),
        ("Stand", "", "column 'Stand' = '': result is required"),
        ("Betrag", "1,250.50", "column 'Betrag' = '1,250.50': no amount with ',' before"),
        ("Betrag", "viel", "column 'Betrag' = 'viel': no amount"),
        ("Währung", "Euro", "column 'Währung' = 'Euro': "),
        ("Kunde", "unknown", "column 'Kunde' = 'unknown': lead_id stands for no one"),
        ("Kunde", "k" * 129, "column 'Kunde' = 'kkk"),
    ],
)
def test_a_bad_cell_is_told_with_its_column_and_value(column, text, told):
    with pytest.raises(RowError) as bad:
        events(with_cell(column, text))
    assert str(bad.value).startswith(told)


def test_a_row_without_a_lead_is_refused():
    row = ["", "", *ROW[3:]]
    row.insert(0, "17")
    with pytest.raises(RowError, match=r"'Kunde' = '' and column 'Mail' = '': no lead is named"):
        events(row)


def test_a_row_of_another_length_is_refused():
    with pytest.raises(RowError, match="8 cells where the header has 7; quote cells"):
        events([*ROW, "500"])


def test_what_workers_would_find_too_late_is_refused_here():
    bounded = mapper(earliest_s=NOW_S - 7 * 86_400)
    with pytest.raises(RowError, match=r"longer ago than workers take .*LEADSTREAM_LATE_GRACE_S"):
        events(ROW, bounded)


@pytest.mark.parametrize("column", ["Nr", "Datum", "Stand", "Betrag"])
def test_a_file_that_lacks_a_column_says_what_it_is_for_and_what_there_is(column):
    columns = [name for name in COLUMNS if name != column]
    with pytest.raises(HeaderError) as missing:
        mapper(columns)
    assert f"no column '{column}'" in str(missing.value)
    assert ", ".join(columns) in str(missing.value)


def test_a_column_with_a_default_may_be_missing():
    (event,) = events(ROW[:-1], mapper(COLUMNS[:-1]))
    assert event["currency"] == "EUR"


HUBSPOT = {
    "Record__ID": "7001",
    "Deal__Stage": "Closed won",
    "Amount": "12500.00",
    "Close__Date": "2026-03-09 16:00",
    "Last__Modified__Date": "2026-03-09 16:05",
    "Associated__Contact": "Jane Roe (Jane@acme.example);Joe Doe (joe@acme.example)",
}


def test_a_deal_of_hubspot_is_an_outcome_of_its_first_contact():
    (won,) = named("hubspot", **HUBSPOT)
    assert (won["type"], won["result"], won["value_minor"]) == ("outcome", "won", 1_250_000)
    assert (won["lead_id"], won["currency"]) == ("jane@acme.example", "USD")
    assert won["occurred_at"] == "2026-03-09T16:00:00.000000Z"


def test_an_open_deal_of_hubspot_is_a_stage_whatever_its_outcome_would_need():
    changed = {"Deal__Stage": "Contract sent", "Amount": "about 5", "Close__Date": "2029-01-01"}
    (stage,) = named("hubspot", **{**HUBSPOT, **changed})
    assert (stage["type"], stage["stage"]) == ("stage_change", "proposal")
    assert stage["occurred_at"] == "2026-03-09T16:05:00.000000Z"


def test_a_contact_of_hubspot_is_a_profile():
    contact = {
        "Record__ID": "9", "Email": "j@a.example", "Job__Title": "CTO", "Industry": "",
        "Last__Modified__Date": "2026-03-09 16:05",
    }  # fmt: skip
    (profile,) = named("hubspot", **contact)
    assert profile["attributes"] == {"email": "j@a.example", "job_title": "CTO"}


OPPORTUNITY = {
    "ID": "006A",
    "STAGENAME": "Closed Won",
    "AMOUNT": "12500.0",
    "CLOSEDATE": "2026-03-09",
    "ISCLOSED": "true",
    "ISWON": "true",
    "LASTMODIFIEDDATE": "2026-03-09T16:05:00.000+0000",
    "CURRENCYISOCODE": "JPY",
    "CONTACT_dot_EMAIL": "jane@acme.example",
}


@pytest.mark.parametrize(("is_won", "result"), [("true", "won"), ("false", "lost")])
def test_a_closed_opportunity_of_salesforce_is_an_outcome(is_won, result):
    (event,) = named("salesforce", **{**OPPORTUNITY, "ISWON": is_won})
    assert (event["type"], event["result"], event["value_minor"]) == ("outcome", result, 12_500)
    assert event["lead_id"] == "jane@acme.example"
    assert event["occurred_at"] == "2026-03-09T00:00:00.000000Z"


def test_an_open_opportunity_of_salesforce_is_a_stage():
    changed = {"ISCLOSED": "false", "ISWON": "false", "STAGENAME": "Negotiation/Review"}
    (event,) = named("salesforce", **{**OPPORTUNITY, **changed})
    assert (event["type"], event["stage"]) == ("stage_change", "proposal")


def test_a_report_of_salesforce_is_read_by_its_own_names():
    row = {
        "Opportunity__ID": "006A", "Stage": "Closed Lost", "Amount": "",
        "Close__Date": "2026-03-09", "Closed": "1", "Won": "0",
        "Last__Modified__Date": "2026-03-09", "Contact__ID": "003A",
    }  # fmt: skip
    (event,) = named("salesforce", **row)
    assert (event["result"], event["lead_id"]) == ("lost", "003A")
    assert "value_minor" not in event
