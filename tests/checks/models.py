"""Each model version is what its examples teach, and none goes back."""

from collections import defaultdict

import orjson

from checks.verdict import Verdict, records_of
from online_models.catalogue import build_model
from schemas import topics
from schemas.milestones import Milestone
from stream.lead.labels import tasks_of
from stream.lead.learner import Learner, decoded
from stream.lead.policy_learner import PolicyLearner
from stream.lead.uplift_learner import UpliftLearner
from stream.lead.versions import VERSION, offset_of
from stream.models import P_CONVERT
from stream.reports.catalogue import REPORTS
from stream.reports.learner import ReportLearner
from stream.reports.report import Serves
from stream.settings import Settings


async def check_models(settings: Settings, verdict: Verdict) -> None:
    """Learn the examples again: each version is what its examples say, and none goes back."""
    versions: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    served: dict[str, int] = defaultdict(int)
    for record in await records_of(settings, topics.MODEL_SNAPSHOTS):
        model, _, version = record.key.decode().partition("/")
        if record.value is None:
            continue
        if version == "serving":
            offset = offset_of(orjson.loads(record.value)["version"])
            if offset < served[model]:
                verdict.state_mismatches.append(f"{model}: {offset} served after {served[model]}")
            served[model] = offset
        elif VERSION.fullmatch(version):
            versions[model, version].add(record.value)
    verdict.conflicting_outputs += [
        f"{model} {version} was published with {len(contents)} contents"
        for (model, version), contents in versions.items()
        if len(contents) > 1
    ]
    kinds = settings.kinds()
    learners: list[Learner | PolicyLearner | UpliftLearner] = [
        Learner(task, kind, build_model, settings.on_drift)
        for task in tasks_of(settings.house())
        for kind in (kinds if task == P_CONVERT else kinds[:1])
    ]
    epsilon = settings.exploration_ratio
    learners += [PolicyLearner(kind, epsilon) for kind in settings.policies()]
    learners += [UpliftLearner()] if settings.holdout_share else []
    reports = [ReportLearner(name, settings.report_terms()) for name in REPORTS]
    reports = [of for of in reports if settings.reports and isinstance(of.report, Serves)]
    for record in await records_of(settings, topics.TRAINING_EXAMPLES):
        example = decoded(record.value)
        for report in reports if isinstance(example, Milestone) else ():
            report.learn(example, record.offset)
            published = versions.pop((report.name, report.version), None)
            state = None if published is None else report.served()
            if published and (state is None or report.snapshot(state).value not in published):
                verdict.state_mismatches.append(
                    f"{report.name} {report.version} is not what its milestones teach"
                )
        for learner in learners:
            if learner.learn(example, record.offset) is None:
                continue
            published = versions.pop((learner.name, learner.version), None)
            if published is not None and learner.snapshot().value not in published:
                verdict.state_mismatches.append(
                    f"{learner.name} {learner.version} is not what its examples teach"
                )
    verdict.state_mismatches += [f"{' '.join(name)} names no example" for name in versions]
