"""Exact checks after a run: inputs against the log, the log's fold against states and outputs."""

from collections.abc import Mapping

from checks.inputs import check_inputs
from checks.models import check_models
from checks.outputs import FOLDED, check_outputs
from checks.states import check_states, digest
from checks.verdict import Verdict, records_of
from stream.settings import Settings

__all__ = ["FOLDED", "Verdict", "check", "digest", "records_of"]


async def check(
    settings: Settings, idle: Mapping[int, Mapping[bytes, bytes]] | None = None
) -> Verdict:
    """Check all that workers left in Kafka; they must be stopped.

    Parameters
    ----------
    idle
        Partition -> key -> digest of states that were in the changelog before, of leads that
        nothing happens to.
    """
    verdict = Verdict()
    await check_inputs(settings, verdict)
    outputs = await check_states(settings, verdict, idle or {})
    await check_outputs(settings, verdict, outputs)
    await check_models(settings, verdict)
    return verdict
