"""Rows at rest: packed, and the same when they are looked at."""

from stream.lead.lead_table import PACKED_AT_ONCE, LeadTable
from stream.lead.packing import Packing, is_packed
from stream.lead.state import LeadState
from stream.lead.stored_form import encode_state

LEADS = 3 * PACKED_AT_ONCE


def _state(number: int) -> LeadState:
    state = LeadState.new(f"lead-{number}", float(number))
    state.attributes = {"industry": "retail", "company_size": number, "country": "DE"}
    state.counts.add("page_view:pricing", float(number))
    return state


def _table() -> tuple[LeadTable, dict[str, bytes]]:
    table, rows = LeadTable(max_open=8), {}
    for number in range(LEADS):
        state = _state(number)
        rows[state.lead_id] = encode_state(state)
        table.put_row(state.lead_id, rows[state.lead_id])
    table.pack()
    return table, rows


def test_packed_leads_are_what_they_were():
    table, rows = _table()
    assert dict(table.rows()) == rows
    assert table.row("lead-7") == rows["lead-7"]
    assert table["lead-7"].attributes["company_size"] == 7
    assert table.settled == LEADS


def test_packing_takes_less_than_half_of_the_memory():
    rows = [encode_state(_state(number)) for number in range(LEADS)]
    packed = Packing().pack(rows)
    assert all(map(is_packed, packed))
    assert not any(map(is_packed, rows))
    assert sum(map(len, packed)) < sum(map(len, rows)) / 2


def test_rows_that_have_nothing_in_common_are_packed_too():
    packing = Packing()
    rows = [b"", b"x"]
    assert [packing.unpack(row) for row in packing.pack(rows)] == rows


def test_what_is_open_or_gone_stays_so_when_others_are_packed():
    table, rows = _table()
    state = table["lead-3"]
    state.events = 9
    del table["lead-4"]
    for address in ("lead-3", "lead-4"):
        table.settle(address)
    for number in range(LEADS):
        if number not in {3, 4}:
            table.put_row(f"lead-{number}", rows[f"lead-{number}"])
    table.pack()
    assert table["lead-3"] is state
    assert "lead-4" not in table
    assert dict(table.rows()) == {
        name: encode_state(state) if name == "lead-3" else row
        for name, row in rows.items()
        if name != "lead-4"
    }


def test_a_lead_that_is_closed_is_packed_in_time():
    table, rows = _table()
    for address in rows:
        table[address].events = 1
        table.settle(address)
        table.close_surplus()
        table.pack()
    assert all(table[address].events == 1 for address in rows)
