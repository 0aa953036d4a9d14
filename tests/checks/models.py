"""Each model version is what its examples teach, and none goes back."""

from collections import defaultdict

import orjson

from checks.verdict import Verdict, records_of
from schemas import topics
from stream.lead.learner import Learner
from stream.models import P_CONVERT, build_model
from stream.settings import Settings


async def check_models(settings: Settings, verdict: Verdict) -> None:
    """Learn the examples again: each version is what its examples say, and none goes back."""
    versions: dict[str, set[bytes]] = defaultdict(set)
    served = -1
    for record in await records_of(settings, topics.MODEL_SNAPSHOTS):
        name = record.key.decode()
        if name == f"{P_CONVERT}/serving" and record.value is not None:
            version = int(orjson.loads(record.value)["version"])
            if version < served:
                verdict.state_mismatches.append(f"version {version} served after {served}")
            served = version
        elif name.removeprefix(f"{P_CONVERT}/").isdigit() and record.value is not None:
            versions[name].add(record.value)
    verdict.conflicting_outputs += [
        f"{name} was published with {len(contents)} contents"
        for name, contents in versions.items()
        if len(contents) > 1
    ]
    learner = Learner(P_CONVERT, build_model(None))
    for record in await records_of(settings, topics.TRAINING_EXAMPLES):
        learner.learn(record.value, record.offset)
        published = versions.pop(f"{P_CONVERT}/{learner.version}", None)
        if published is not None and learner.snapshot()[0].value not in published:
            verdict.state_mismatches.append(
                f"model version {learner.version} is not what its examples teach"
            )
    verdict.state_mismatches += [f"{name} names no example" for name in versions]
