"""Each model version is what its examples teach, and none goes back."""

from collections import defaultdict

import orjson

from checks.verdict import Verdict, records_of
from schemas import topics
from online_models.catalogue import build_model
from stream.lead.learner import Learner, decoded
from stream.models import P_CONVERT, VERSION, offset_of
from stream.settings import Settings


async def check_models(settings: Settings, verdict: Verdict) -> None:
    """Learn the examples again: each version is what its examples say, and none goes back."""
    versions: dict[str, set[bytes]] = defaultdict(set)
    served = -1
    for record in await records_of(settings, topics.MODEL_SNAPSHOTS):
        model, _, version = record.key.decode().partition("/")
        if model != P_CONVERT or record.value is None:
            continue
        if version == "serving":
            offset = offset_of(orjson.loads(record.value)["version"])
            if offset < served:
                verdict.state_mismatches.append(f"offset {offset} served after {served}")
            served = offset
        elif VERSION.fullmatch(version):
            versions[version].add(record.value)
    verdict.conflicting_outputs += [
        f"{name} was published with {len(contents)} contents"
        for name, contents in versions.items()
        if len(contents) > 1
    ]
    learners = [Learner(P_CONVERT, kind, build_model(kind)) for kind in settings.kinds()]
    for record in await records_of(settings, topics.TRAINING_EXAMPLES):
        example = decoded(record.value)
        for learner in learners:
            learner.learn(example, record.offset)
            published = versions.pop(learner.version, None)
            if published is not None and learner.snapshot().value not in published:
                verdict.state_mismatches.append(
                    f"model version {learner.version} is not what its examples teach"
                )
    verdict.state_mismatches += [f"{name} names no example" for name in versions]
