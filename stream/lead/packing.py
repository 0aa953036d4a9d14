"""Stored states at rest in memory: compressed, by what states have in common."""

from collections.abc import Sequence

import zstandard

TRAINED_ON = 1_000
"""Rows at most; every other one of the first."""
DICTIONARY_BYTES = 16_384
LEVEL = 1
_PACKED = zstandard.FRAME_HEADER


class Packing:
    """Packs rows with a dictionary made from the first that it sees.

    A row alone is too short to be compressed well: what it repeats are the names that all rows
    have. The dictionary stays in this process; nothing that leaves it is packed.

    Examples
    --------
    >>> packing = Packing()
    >>> rows = [b'{"lead_id":"%d","counts":{"page_view":%d}}' % (i, i * i) for i in range(2_000)]
    >>> packed = packing.pack(rows)
    >>> packing.unpack(packed[7]) == rows[7], len(packed[7]) < len(rows[7])
    (True, True)
    """

    def __init__(self) -> None:
        self._compressor: zstandard.ZstdCompressor | None = None
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, rows: Sequence[bytes]) -> list[bytes]:
        """Return rows packed."""
        if not rows:
            return []
        compressor = self._compressor or self._trained(rows)
        # One call lets go of the interpreter once, not once a row.
        frames = compressor.multi_compress_to_buffer(list(rows))
        return [frames[number].tobytes() for number in range(len(frames))]

    def unpack(self, row: bytes) -> bytes:
        """Return a row as it was before it was packed, if it was."""
        return self._decompressor.decompress(row) if is_packed(row) else row

    def _trained(self, rows: Sequence[bytes]) -> zstandard.ZstdCompressor:
        samples: list[bytes | bytearray | memoryview] = [*rows[: TRAINED_ON * 2 : 2]]
        try:
            dictionary = zstandard.train_dictionary(DICTIONARY_BYTES, samples, level=LEVEL)
        except zstandard.ZstdError:  # they are too few, or have nothing in common
            dictionary = None
        self._compressor = zstandard.ZstdCompressor(
            LEVEL, dict_data=dictionary, write_checksum=False, write_dict_id=False
        )
        self._decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)
        return self._compressor


def is_packed(row: bytes) -> bool:
    """Tell whether a row is packed: it begins as zstd's frames do, which no stored state does."""
    return row.startswith(_PACKED)
