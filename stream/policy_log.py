"""The log that policies are evaluated on: the decisions among ``training-examples``."""

from collections import Counter

import orjson

from online_models.logged_decisions import SMALLEST_PROBABILITY
from schemas.learning import PolicyTransition
from stream.expected import ExpectedError
from stream.lead.learner import decoded
from stream.lead.policy_learner import as_transition

KIND = "policy_transition"
FAULTS_KEPT = 10


class PolicyLogError(ExpectedError, ValueError):
    """A log says nothing of policies; the message says why, and what to do."""


class PolicyLog:
    """The decisions of a log; what is none of them is counted, what is broken told.

    Attributes
    ----------
    decisions
        What was decided and what came of it, as read.
    other_types
        How many records are of another type: examples, which models learn from.
    broken
        How many cannot be used.
    first_faults
        What is wrong with the first of them, by the record's number.

    Examples
    --------
    >>> log = PolicyLog()
    >>> log.add(1, b'{"type": "training_example"}')
    >>> log.add(2, b'{"type": "policy_tran')
    >>> log.other_types, log.broken, log.first_faults
    (1, 1, ['record 2: is not JSON'])
    """

    def __init__(self) -> None:
        self.decisions: list[PolicyTransition] = []
        self.other_types = 0
        self.broken = 0
        self.first_faults: list[str] = []

    def add(self, number: int, value: bytes) -> None:
        """Take in a record: a line with its number, or a message with its offset."""
        try:
            decision = _decision(value)
        except ValueError as error:
            self.broken += 1
            if len(self.first_faults) < FAULTS_KEPT:
                self.first_faults.append(f"record {number}: {error}")
            return
        if decision is None:
            self.other_types += 1
        else:
            self.decisions.append(decision)

    def of_rule(self, rule: str | None) -> list[PolicyTransition]:
        """Return the decisions that a rule asked for, in the order of time; all if None.

        Raises
        ------
        PolicyLogError
            If there is none.
        """
        if not self.decisions:
            raise PolicyLogError(
                f"the log holds no decisions ({self.other_types:,} records of other types, "
                f"{self.broken:,} broken{self._first_fault()}); give the messages of the topic "
                "training-examples, written while LEADSTREAM_POLICY or "
                "LEADSTREAM_POLICY_CHALLENGERS named a policy that learns, or "
                "LEADSTREAM_HOLDOUT_SHARE was above 0"
            )
        rules = Counter(decision.rule for decision in self.decisions)
        if rule is not None and rule not in rules:
            known = ", ".join(f"{name} ({count:,})" for name, count in rules.most_common(20))
            raise PolicyLogError(f"the log holds no decision by rule {rule!r:.70}; it has {known}")
        found = (one for one in self.decisions if rule is None or one.rule == rule)
        return sorted(found, key=lambda one: one.occurred_at)

    def _first_fault(self) -> str:
        return f", the first is {self.first_faults[0]}" if self.first_faults else ""


def _decision(value: bytes) -> PolicyTransition | None:
    """Return a record's decision, None if it is of another type; raises ValueError if broken."""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError("is not JSON") from None
    kind = record.get("type") if isinstance(record, dict) else None
    if kind is None:
        raise ValueError("has no type")
    if kind != KIND:
        return None
    decision = decoded(value)
    if not isinstance(decision, PolicyTransition):  # for the type's sake: it says that it is one
        return None
    as_transition(decision, looks_ahead=True)
    as_transition(decision, looks_ahead=False)
    names = [candidate.action for candidate in decision.candidates]
    if len(set(names)) != len(names):
        raise ValueError("candidates: an action is there twice")
    if decision.action_probability < SMALLEST_PROBABILITY:
        raise ValueError(f"action_probability: is below {SMALLEST_PROBABILITY:g}")
    return decision
