"""What a partition's decisions go by at one point of its log: the house's rules, models, policy."""

from collections.abc import Iterable
from dataclasses import replace

from online_models.protocols import Scorer
from stream.lead.enrolment import TASK as UPLIFT
from stream.lead.house import House
from stream.lead.labels import MODEL, tasks_of
from stream.lead.learned_segments import MODEL as SEGMENTS
from stream.lead.progress import Progress
from stream.lead.records import Models
from stream.lead.segment_changes import SegmentsInUse
from stream.lead.state import LeadState
from stream.lead.topics_in_use import MODEL as TOPICS
from stream.lead.topics_in_use import in_use
from stream.lead.transitions import TASK as NEXT_ACTION
from stream.lead.triggers import Chooser, Nurture
from stream.lead.versions import kind_of
from stream.lead.worth import DEAL_MODEL as DEAL_VALUE
from stream.lead.worth import MODEL as LIFETIME_VALUE


class InUse:
    """The house as its log has taught it, and the versions that the log names.

    Parameters
    ----------
    house
        The rules of the house.
    models
        Finds the versions.
    progress
        The partition's own; ``follow`` is to be called when it has changed.
    """

    def __init__(self, house: House, models: Models, progress: Progress) -> None:
        self.house = self._written = house
        self._beside = tasks_of(house)[1:]
        self._models = models
        self._progress = progress
        self.follow()

    def follow(self) -> None:
        """Go by what the partition has come to know: how long conversions take, who decides."""
        fake_negative_s = self._progress.delays.fake_negative_s(self._written)
        if fake_negative_s != self.house.fake_negative_s:
            self.house = replace(self._written, fake_negative_s=fake_negative_s)
        self.nurture = Nurture(self._progress.budgets)
        chooser = self._chooser()
        if chooser is not None and self.house.policy_mode == "serve":
            self.nurture = Nurture(self._progress.budgets, chooser)
        elif chooser is not None and self.house.policy_mode == "shadow":
            self.nurture = Nurture(self._progress.budgets, shadow=chooser)
        if self.house.holdout_share > 0.0:  # without a control group, what was learned is stale
            of_uplift = self._progress.versions.get(UPLIFT)
            uplift = None if of_uplift is None else self._models.uplift(of_uplift)
            self.nurture = self.nurture._replace(uplift=uplift)
        of_value = self._progress.versions.get(LIFETIME_VALUE)
        if of_value is not None and self.house.logs_milestones:
            value = self._models.lifetime_value(of_value)
            self.nurture = self.nurture._replace(lifetime_value=value)
        of_deals = self._progress.versions.get(DEAL_VALUE)
        if of_deals is not None and self.house.logs_milestones:
            deal_value = self._models.deal_value(of_deals)
            self.nurture = self.nurture._replace(deal_value=deal_value)
        of_segments = self._progress.versions.get(SEGMENTS)
        if of_segments is not None and self.house.logs_milestones:
            scorer = self._models.segments(of_segments)
            segments = None if scorer is None else SegmentsInUse(of_segments, scorer)
            self.nurture = self.nurture._replace(segments=segments)
        of_topics = self._progress.versions.get(TOPICS)
        if of_topics is not None and self.house.logs_milestones:
            topics = self._models.topics(of_topics)
            named = None if topics is None else in_use(of_topics, topics)
            self.nurture = self.nurture._replace(topics=named)

    def _chooser(self) -> Chooser | None:
        version = self._progress.versions.get(NEXT_ACTION)
        acting = None if version is None else self._models.acting(version)
        if version is None or acting is None:
            return None
        return Chooser(kind_of(version), version, acting)

    def scorer(self) -> Scorer | None:
        """Return the model version that the log says is in use."""
        version = self._progress.versions.get(MODEL)
        return None if version is None else self._models.scorer(MODEL, version)

    def beside(self) -> dict[str, Scorer]:
        """Return what is in use of the other tasks, by task."""
        found: dict[str, Scorer] = {}
        for task in self._beside:  # no comprehension: it is a call, with each event
            version = self._progress.versions.get(task)
            scorer = None if version is None else self._models.scorer(task, version)
            if scorer is not None:
                found[task] = scorer
        return found

    def note_conversion(self, state: LeadState, at_s: float, offset: int) -> None:
        """Take in how long each vector of a lead that is about to win has waited for it."""
        delays_s = [at_s - sample.at_s for sample in state.samples]
        delays_s = [d for d in delays_s if 0.0 <= d <= self.house.horizon_s]
        if delays_s:
            state.conversion = [offset, delays_s]
            self._note(delays_s)

    def note_again(self, state: LeadState, offset: int) -> None:
        """Take in what a record said that a replay passes over, the lead being ahead."""
        if state.conversion is not None and state.conversion[0] == offset:
            self._note(state.conversion[1])

    def _note(self, delays_s: Iterable[float]) -> None:
        self._progress.delays.add(delays_s)
        self.follow()
