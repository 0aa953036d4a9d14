"""Alarm on the inflow: a form that broke."""

from math import exp, inf, log
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.inflow_buckets import MAX_BUCKET, check_next
from online_models.inflow_forecast import InflowForecast

CHECKPOINT_SCHEMA = 1
LIBRARY = "leadstream inflow alarm"
WEEK_HOURS: Final = 168
BURN_IN_HOURS = 2 * WEEK_HOURS
"""Hours before anything is told: two values of each hour of the week."""
REMAINING: Final = (0.05, 0.5)
"""Shares of the usual inflow that are looked for: of a form that broke, and of one that fell."""
LEVEL_ERRORS: Final = (1.0, 1.64)
"""So many standard errors below the forecast is still as usual, by test: levels that come and go
look like a form that fell, hardly like one that broke."""
NOISE_MEMORY = 0.9999
MAX_GAP_MINUTES = 8 * WEEK_HOURS * 60
LARGEST_STATISTIC = 1e6


class InflowAlert(NamedTuple):
    """A fall to about ``remaining`` of the usual, that may have begun in the minute ``since``.

    ``expected`` is how many should have come since, at least.
    """

    minute: int
    since: int
    remaining: float
    expected: float


Statistic = Annotated[float, Field(ge=0.0, le=LARGEST_STATISTIC)]


@with_config(formats.STRICT)
class Excursion(TypedDict):
    """A CUSUM above 0: its value, when it last was 0, what was to come since, whether it stands."""

    value: Statistic
    since: Annotated[int, Field(ge=-1, le=MAX_BUCKET)]
    expected: formats.NotNegative
    stands: bool


@with_config(formats.STRICT)
class AlarmState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    minute: Annotated[int, Field(ge=-1, le=MAX_BUCKET)]
    hour_count: formats.Count
    hour_minutes: Annotated[int, Field(ge=0, le=60)]
    is_disturbed: bool
    usual: Annotated[list[formats.NotNegative], Field(min_length=3, max_length=3)]
    noise: Annotated[list[formats.NotNegative], Field(min_length=2, max_length=2)]
    tests: Annotated[list[Excursion], Field(min_length=len(REMAINING), max_length=len(REMAINING))]
    forecast: dict[str, Any]


_STATE: TypeAdapter[Any] = TypeAdapter(AlarmState)


class InflowAlarm:
    r"""Tells when far fewer come than usual at this hour of the week: a form that broke.

    Page's CUSUM of the Poisson likelihood ratio by minute (Page 1954, "Continuous inspection
    schemes"; Lucas 1985, "Counted data CUSUM's"), against what ``InflowForecast`` says of the
    hour: with :math:`\lambda` usual and :math:`c\lambda` looked for, :math:`(1 - c)\lambda` is
    added and :math:`\ln(1/c)` taken off by each that comes. Where nobody is expected nothing is
    added, so nights are silent. Both terms are divided by the noise of minutes, where these vary
    more than Poisson's counts; :math:`\lambda` is taken ``LEVEL_ERRORS`` below the forecast, as
    far as levels of hours vary; and between two hours the lower of step and straight line counts.

    The threshold :math:`h = \ln(d W / \alpha)` is for :math:`\alpha` false alarms a week: each
    excursion of the statistic reaches it with a chance of :math:`e^{-h}` at most (Wald 1945,
    "Sequential tests of statistical hypotheses"), and there are about as many of them as the drift
    :math:`d` by each of the week's expected :math:`W`. That holds of Poisson's counts; where levels
    wander there are more alarms, see ``tests/benchmarks/test_inflow.py``. A full stop is told when
    :math:`h / (1 - c)` times the noise were to come: ``minutes_to_tell`` says when that is.

    While an alarm stands, hours are learned as if they had brought what was forecast; it ends
    when the inflow is back.

    Parameters
    ----------
    false_alarms_per_week
        How many are wanted, by both tests together.

    Raises
    ------
    ValueError
        If it is not above 0 and at most 1.

    Examples
    --------
    >>> alarm, told = InflowAlarm(), []
    >>> for minute in range(4 * 168 * 60):
    ...     works = minute < 40_000
    ...     alert = alarm.learn_one(minute, 3 if works and minute % 1440 > 480 else 0)
    ...     told += [alert] if alert else []
    >>> [(alert.minute, alert.remaining) for alert in told]
    [(40004, 0.05), (40007, 0.5)]
    """

    def __init__(self, false_alarms_per_week: float = 0.1) -> None:
        if not 0.0 < false_alarms_per_week <= 1.0:
            raise ValueError(
                f"false_alarms_per_week is {false_alarms_per_week!r}: it must be above 0, at most 1"
            )
        self._wanted = false_alarms_per_week
        self.minute = -1
        self._hour_count, self._hour_minutes, self._is_disturbed = 0, 0, False
        self._usual = [0.0, 0.0, 0.0]  # of the hour before, this one and the next
        self._noise = [0.0, 0.0]
        self._tests = [_quiet() for _ in REMAINING]
        self._forecast = InflowForecast(horizons=2)
        self._refer()

    @property
    def stands(self) -> bool:
        """Whether the inflow is as low as was told."""
        return any(test["stands"] for test in self._tests)

    def learn_one(self, minute: int, count: int) -> InflowAlert | None:
        """Take in how many came in a minute; minutes that were left out brought nobody.

        Someone must say so when time goes on and nobody comes: hand a count of 0.

        Parameters
        ----------
        minute
            Its number since the epoch, above that of the last.
        count
            How many came.

        Returns
        -------
        alert
            The first that this minute, or one left out before it, shows.

        Raises
        ------
        ValueError
            As ``InflowForecast.learn_one`` does; nothing is learned then.
        """
        check_next(minute, count, self.minute, MAX_GAP_MINUTES)
        left_out = range(self.minute + 1 if self.minute >= 0 else minute, minute)
        alerts = [self._learn(missing, 0) for missing in left_out]
        alerts.append(self._learn(minute, count))
        return next(filter(None, alerts), None)

    def minutes_to_tell(self) -> float:
        """Return after how many minutes like this one a full stop would be told; inf at night."""
        usual = self._usual_now(self.minute % 60) * self._least_shares[0]
        if self._forecast.seen < BURN_IN_HOURS or usual <= 0.0:
            return inf
        remaining = REMAINING[0]
        return self._thresholds[0] * self._noise_now() / ((1.0 - remaining) * usual)

    def relearning(self) -> None:
        """Take the inflow as it is for the usual: alarms end, two weeks are learned anew."""
        self._tests = [_quiet() for _ in REMAINING]
        self._forecast = InflowForecast(horizons=2)
        self._noise, self._hour_minutes = [0.0, 0.0], 0
        self._refer()

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "minute": self.minute,
            "hour_count": self._hour_count,
            "hour_minutes": self._hour_minutes,
            "is_disturbed": self._is_disturbed,
            "usual": list(self._usual),
            "noise": list(self._noise),
            "tests": [dict(test) for test in self._tests],
            "forecast": self._forecast.checkpoint(),
        }

    @classmethod
    def restore(
        cls, checkpoint: dict[str, Any], false_alarms_per_week: float = 0.1
    ) -> "InflowAlarm":
        """Rebuild an alarm from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema, or broken.
        """
        formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        state: AlarmState = formats.validated(_STATE, checkpoint, "inflow alarm")
        alarm = cls(false_alarms_per_week)
        alarm.minute, alarm._hour_count = state["minute"], state["hour_count"]
        alarm._hour_minutes, alarm._is_disturbed = state["hour_minutes"], state["is_disturbed"]
        alarm._usual, alarm._noise = list(state["usual"]), list(state["noise"])
        alarm._tests = [Excursion(**test) for test in state["tests"]]
        alarm._forecast = InflowForecast.restore(state["forecast"], horizons=2)
        alarm._refer()
        return alarm

    def _learn(self, minute: int, count: int) -> InflowAlert | None:
        alert = None
        if self._forecast.seen >= BURN_IN_HOURS:
            alert = self._watch(minute, count)
        self.minute = minute
        if minute % 60 == 0:
            self._hour_count, self._hour_minutes, self._is_disturbed = 0, 0, False
        self._hour_count += count
        self._hour_minutes += 1
        self._is_disturbed |= self.stands
        # An hour that was not seen from its beginning is no hour.
        if minute % 60 == 59 and self._hour_minutes == 60:
            seen = round(self._usual[1]) if self._is_disturbed else self._hour_count
            self._forecast.learn_one(minute // 60, seen)
            this, after = self._forecast.forecast()
            self._usual = [self._usual[1], this.mean, after.mean]
            self._refer()
        return alert

    def _watch(self, minute: int, count: int) -> InflowAlert | None:
        usual = self._usual_now(minute % 60)
        noise = self._noise_now()
        if not self.stands and self._usual[1] > 0.0:
            expected = self._usual[1] / 60.0
            self._noise[0] = NOISE_MEMORY * self._noise[0] + (count - expected) ** 2
            self._noise[1] = NOISE_MEMORY * self._noise[1] + expected
        alert = None
        for remaining, threshold, least, test in zip(
            REMAINING, self._thresholds, self._least_shares, self._tests, strict=True
        ):
            step = ((1.0 - remaining) * least * usual + count * log(remaining)) / noise
            value = min(max(0.0, test["value"] + step), threshold)
            if not value:
                if test["value"]:
                    test.update(_quiet())
                continue
            if not test["value"]:
                test["since"] = minute
            test["value"] = value
            test["expected"] = min(test["expected"] + least * usual, LARGEST_STATISTIC)
            if value >= threshold and not test["stands"]:
                test["stands"] = True
                told = InflowAlert(minute, test["since"], remaining, test["expected"])
                alert = alert or told
        return alert

    def _usual_now(self, minute_of_hour: int) -> float:
        """Return how many a minute is to bring, at least: the hour's mean hides where they come."""
        before, this, after = self._usual
        place = (minute_of_hour + 0.5) / 60.0
        other = before if place < 0.5 else after
        between = this + abs(place - 0.5) * (other - this)
        return min(this, between) / 60.0

    def _refer(self) -> None:
        """Take from the forecast what holds for an hour."""
        spread = self._forecast.spread_of_level()
        self._least_shares = [exp(-errors * spread) for errors in LEVEL_ERRORS]
        expected = max(1.0, self._forecast.season_total()) / self._noise_now()
        self._thresholds = [
            log(max(2.0, (share - 1.0 - log(share)) * expected * len(REMAINING) / self._wanted))
            for share in REMAINING
        ]

    def _noise_now(self) -> float:
        came, expected = self._noise
        return max(1.0, (came + 1.0) / (expected + 1.0))


def _quiet() -> Excursion:
    return {"value": 0.0, "since": -1, "expected": 0.0, "stands": False}
