"""A partition's leads: all of them encoded, the lately touched ones open, the others packed."""

from collections.abc import Iterable, Iterator, MutableMapping

from stream.lead.packing import Packing, is_packed
from stream.lead.state import LeadState, StateFormatError
from stream.lead.stored_form import decode_state, encode_state

MAX_OPEN = 4_096
"""States that stay decoded between batches; a packed one costs a fortieth of the memory."""
PACKED_AT_ONCE = 1_024


class LeadTable(MutableMapping[str, LeadState]):
    """Lead states by address; what a batch changes is kept apart until it is settled.

    A state that was read may be changed in place; ``settle`` is told which were.

    Parameters
    ----------
    max_open
        How many settled states stay decoded.

    Examples
    --------
    >>> table = LeadTable()
    >>> table["L1"] = LeadState.new("L1", at_s=0.0)
    >>> encoded = table.settle("L1")
    >>> table["L1"].events = 7
    >>> table.revert(["L1"])
    >>> table["L1"].events
    0
    """

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self._rows: dict[str, bytes] = {}
        self._open: dict[str, LeadState | None] = {}
        self._max_open = max_open
        self._packing = Packing()
        self._loose: list[str] = []
        """Whose rows may be neither open nor packed."""

    def __getitem__(self, address: str) -> LeadState:
        """Return a state, decoding it if need be."""
        if address in self._open:
            state = self._open[address]
            if state is None:
                raise KeyError(address)
            return state
        state = self._open[address] = self._decoded(address, self._rows[address])
        return state

    def get(self, address: str, default: LeadState | None = None) -> LeadState | None:  # type: ignore[override]
        """Return a state, or the default if there is none."""
        if address in self._open:
            return self._open[address] or default
        row = self._rows.get(address)
        if row is None:
            return default
        state = self._open[address] = self._decoded(address, row)
        return state

    def __setitem__(self, address: str, state: LeadState) -> None:
        """Put a state in, as part of the batch under way."""
        self._open[address] = state

    def __delitem__(self, address: str) -> None:
        """Take a state out, as part of the batch under way."""
        if address not in self:
            raise KeyError(address)
        self._open[address] = None

    def __contains__(self, address: object) -> bool:
        """Tell whether there is a state, without decoding it."""
        if address in self._open:
            return self._open[address] is not None
        return address in self._rows

    def __iter__(self) -> Iterator[str]:
        """Yield all addresses."""
        for address in self._rows:
            if self._open.get(address, self) is not None:
                yield address
        for address, state in self._open.items():
            if state is not None and address not in self._rows:
                yield address

    def __len__(self) -> int:
        """Return the number of leads, the batch under way included."""
        return sum(1 for _ in self)

    @property
    def settled(self) -> int:
        """The number of leads as of the last settled batch."""
        return len(self._rows)

    def put_row(self, address: str, row: bytes | None) -> None:
        """Take in a stored state, or that there is none, as it was committed."""
        self._open.pop(address, None)
        if row is None:
            self._rows.pop(address, None)
        else:
            self._rows[address] = row
            self._loose.append(address)

    def row(self, address: str) -> bytes | None:
        """Return a state as it was last settled."""
        row = self._rows.get(address)
        return None if row is None else self._packing.unpack(row)

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """Yield all settled states, encoded."""
        for address, row in self._rows.items():
            yield address, self._packing.unpack(row)

    def settle(self, address: str) -> bytes | None:
        """Take over a lead's changes; return its row for the changelog, None if it is gone."""
        state = self._open.pop(address, None)
        if state is None:
            self._rows.pop(address, None)
            return None
        row = self._rows[address] = encode_state(state)
        self._open[address] = state  # newest last: the oldest are closed first
        return row

    def close_surplus(self) -> None:
        """Close the states that were settled longest ago; call it between batches only."""
        surplus = len(self._open) - self._max_open
        if surplus > 0:
            for address in list(self._open)[:surplus]:
                del self._open[address]
                self._loose.append(address)

    def pack(self) -> None:
        """Compress what is not open, once there is much of it; call it between batches only."""
        if len(self._loose) < PACKED_AT_ONCE:
            return
        loose, self._loose = self._loose, []
        rows = {
            address: row
            for address in loose
            if (row := self._rows.get(address)) and address not in self._open and not is_packed(row)
        }
        self._rows |= zip(rows, self._packing.pack(list(rows.values())), strict=True)

    def revert(self, addresses: Iterable[str]) -> None:
        """Forget what was changed since these leads were last settled."""
        for address in addresses:
            self._open.pop(address, None)

    def _decoded(self, address: str, row: bytes) -> LeadState:
        state = decode_state(self._packing.unpack(row))
        if state.lead_id != address:
            raise StateFormatError(
                f"the state of {address!r:.140} names another lead; stop the workers and run "
                "`leadstream state repair`"
            )
        return state
