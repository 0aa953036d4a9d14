"""Idle leads in the changelog, so that a campaign meets states as large as in production."""

from checks import digest

from stream.bench.typical_leads import fill_changelog
from stream.kafka.clients import partition_of
from stream.lead.outputs import encode_key
from stream.settings import Settings


async def prefill(settings: Settings, leads: int) -> dict[int, dict[bytes, bytes]]:
    """Write the states of idle leads; return partition -> key -> digest."""
    if not leads:
        return {}
    typical = await fill_changelog(settings, leads, idle=True)
    written: dict[int, dict[bytes, bytes]] = {n: {} for n in range(settings.partitions)}
    for address, row in typical.rows(leads, idle=True):
        key = encode_key(address)
        written[partition_of(key, settings.partitions)][key] = digest(row)
    return written
