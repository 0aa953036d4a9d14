"""What will come in, by hour and day, and whether something that should come has stopped."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.inflow_alarm import InflowAlarm
from online_models.inflow_buckets import MAX_BUCKET
from online_models.inflow_forecast import Forecast, InflowForecast, over_capacity
from schemas.milestones import InflowCounted, LeadEntered, Milestone
from stream.reports.report import Bars, Table, Terms, View, date_of, money

SCHEMA = 1
LIBRARY = "leadstream forecast report"
SERIES = ("lead", "won", "revenue")
WATCHED = "page_view"
FORM = "form:"
MAX_WATCHED = 33
"""Page views, and so many forms but one: those that come first."""
GRACE_MINUTES = 2
"""Partitions do not tell of a minute at the same time."""
ALERTS_KEPT = 50
_HOUR, _DAY = 60, 1_440
_HOURLY = {"season": 168, "day": 24, "horizons": 24}
_DAILY = {"season": 7, "day": 1, "horizons": 7}
_WORDS = {"lead": "new leads", "won": "deals", "revenue": "revenue"}

Minute = Annotated[int, Field(ge=0, le=MAX_BUCKET)]
Counts = dict[str, formats.Count]


@with_config(formats.STRICT)
class ForecastReportState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    minutes: dict[Annotated[str, Field(pattern=r"^\d{1,12}$")], Counts]
    closed: Annotated[int, Field(ge=-1, le=MAX_BUCKET)]
    is_live: bool
    hour: Counts
    day: Counts
    hour_from: Minute
    day_from: Minute
    hourly: dict[str, dict[str, Any]]
    daily: dict[str, dict[str, Any]]
    alarms: Annotated[dict[str, dict[str, Any]], Field(max_length=MAX_WATCHED)]
    alerts: Annotated[list[dict[str, Any]], Field(max_length=ALERTS_KEPT)]


_STATE: TypeAdapter[Any] = TypeAdapter(ForecastReportState)


class ForecastReport:
    """Forecasts of leads, deals and revenue, and alarms on live page views and each form.

    Parameters
    ----------
    terms
        How many leads can be dealt with a day: days that are to bring more are told.
    """

    name: ClassVar[str] = "forecast"

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._minutes: dict[int, dict[str, int]] = {}
        self._closed = -1
        self._is_live = False
        self._sums: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._from = [0, 0]
        self._hourly = {name: InflowForecast(**_HOURLY) for name in SERIES}
        self._daily = {name: InflowForecast(**_DAILY) for name in SERIES}
        self._alarms: dict[str, InflowAlarm] = {}
        self.alerts: list[dict[str, Any]] = []

    def learn(self, milestone: Milestone) -> None:
        """Take in what a partition counted within a minute."""
        if isinstance(milestone, LeadEntered) and self._minutes:
            counts = self._minutes[max(self._minutes)]
            counts["lead"] = counts.get("lead", 0) + 1
        if not isinstance(milestone, InflowCounted):
            return
        self._is_live = milestone.is_live
        # What comes too late for its minute counts in the first that is open.
        minute = max(milestone.minute, self._closed + 1)
        counts = self._minutes.setdefault(minute, {})
        for name, count in milestone.counts.items():
            counts[name] = counts.get(name, 0) + count
        newest = max(self._minutes)
        for done in sorted(m for m in self._minutes if m <= newest - GRACE_MINUTES):
            self._close(done, self._minutes.pop(done))

    @property
    def standing(self) -> dict[str, bool]:
        """Whether the inflow of each series that is watched is far below the usual."""
        return {name: alarm.stands for name, alarm in self._alarms.items()}

    def next_day(self) -> dict[str, Forecast]:
        """Return what the next day is to bring, by series; nothing before a day was seen."""
        return {n: of[0] for n, m in self._daily.items() if (of := m.forecast())}

    def figures(self, today: int) -> dict[str, Any]:  # noqa: ARG002
        """Return forecasts by hour and day, days beyond capacity, and alarms."""
        daily = {name: model.forecast() for name, model in self._daily.items()}
        crowded = []
        if self._terms.leads_per_day:
            crowded = over_capacity(daily["lead"], self._terms.leads_per_day)
        return {
            "currency": self._terms.currency,
            "as_of_minute": self._closed,
            "hourly": {n: _told(m.forecast(), _HOUR) for n, m in self._hourly.items()},
            "daily": {n: _told(found, _DAY) for n, found in daily.items()},
            "is_warm": self._daily["lead"].is_warm,
            "leads_per_day": self._terms.leads_per_day,
            "over_capacity": [date_of(forecast.bucket) for forecast in crowded],
            "watched": {
                name: {"stands": alarm.stands, "minutes_to_tell": _finite(alarm.minutes_to_tell())}
                for name, alarm in self._alarms.items()
            },
            "alerts": self.alerts,
        }

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say what is to come, and what has stopped."""
        broken = [name for name, one in figures["watched"].items() if one["stands"]]
        sentences = [f"{name.removeprefix(FORM)}: far fewer come than usual." for name in broken]
        if not figures["daily"]["lead"]:
            return View([*sentences, "Nothing is forecast before a day has passed."], [])
        if not figures["is_warm"]:
            sentences.append("A week has not passed yet: days of the week are taken as alike.")
        sentences += [
            f"{day} is to bring more leads than the {figures['leads_per_day']:,} that can be "
            "dealt with."
            for day in figures["over_capacity"]
        ]
        currency = figures["currency"]
        rows = [
            [day["at"], *(_between(name, figures["daily"][name][n], currency) for name in SERIES)]
            for n, day in enumerate(figures["daily"]["lead"])
        ]
        heads = ["day", *(_WORDS[name] for name in SERIES)]
        tables = [Table("The days to come, with 90 % intervals", heads, rows)]
        if figures["watched"]:
            tables.append(
                Table(
                    "What is watched",
                    ["", "now", "a full stop is told after"],
                    [
                        [
                            name.removeprefix(FORM),
                            "far below the usual" if one["stands"] else "as usual",
                            _minutes(one["minutes_to_tell"]),
                        ]
                        for name, one in figures["watched"].items()
                    ],
                )
            )
        return View(sentences, tables)

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return the leads of the days to come."""
        days = figures["daily"]["lead"]
        if not days:
            return []
        total = sum(day["mean"] for day in days)
        return [
            Bars(
                f"The next {len(days)} days bring about {total:,.0f} new leads",
                [day["at"] for day in days],
                [day["mean"] for day in days],
                "leads",
                [day["lower"] for day in days],
                [day["upper"] for day in days],
            )
        ]

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "minutes": {str(minute): counts for minute, counts in self._minutes.items()},
            "closed": self._closed,
            "is_live": self._is_live,
            "hour": self._sums[0],
            "day": self._sums[1],
            "hour_from": self._from[0],
            "day_from": self._from[1],
            "hourly": {name: model.checkpoint() for name, model in self._hourly.items()},
            "daily": {name: model.checkpoint() for name, model in self._daily.items()},
            "alarms": {name: alarm.checkpoint() for name, alarm in self._alarms.items()},
            "alerts": self.alerts,
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        state: ForecastReportState = formats.validated(_STATE, checkpoint, "forecast report")
        report = cls(terms)
        report._minutes = {int(minute): dict(of) for minute, of in state["minutes"].items()}
        report._closed, report._is_live = state["closed"], state["is_live"]
        report._sums = (dict(state["hour"]), dict(state["day"]))
        report._from = [state["hour_from"], state["day_from"]]
        if {*state["hourly"]} != {*SERIES} or {*state["daily"]} != {*SERIES}:
            raise formats.ModelFormatError("forecast report is broken: series: see who wrote it")
        for models, kept, buckets in (
            (report._hourly, state["hourly"], _HOURLY),
            (report._daily, state["daily"], _DAILY),
        ):
            models |= {n: InflowForecast.restore(of, **buckets) for n, of in kept.items()}
        report._alarms = {n: InflowAlarm.restore(of) for n, of in state["alarms"].items()}
        report.alerts = [dict(alert) for alert in state["alerts"]]
        return report

    def _close(self, minute: int, counts: Mapping[str, int]) -> None:
        for number, (length, models) in enumerate(((_HOUR, self._hourly), (_DAY, self._daily))):
            if self._closed < 0:
                self._from[number] = -(-minute // length)  # a part of a bucket is none
            self._roll(number, minute // length, models)
            sums = self._sums[number]
            for name in SERIES:
                sums[name] = sums.get(name, 0) + counts.get(name, 0)
        self._closed = minute
        if self._is_live:
            self._watch(minute, counts)

    def _watch(self, minute: int, counts: Mapping[str, int]) -> None:
        """Weigh a minute against the usual.

        An alarm is of what happens now, and history is replayed in a thousandth of its time.
        """
        for name in counts:
            is_watched = name == WATCHED or name.startswith(FORM)
            if is_watched and name not in self._alarms and len(self._alarms) < MAX_WATCHED:
                self._alarms[name] = InflowAlarm()
        for name, alarm in self._alarms.items():
            try:
                alert = alarm.learn_one(minute, counts.get(name, 0))
            except ValueError:  # more than weeks without a word: what was usual is long ago
                self._alarms[name] = InflowAlarm()
                continue
            if alert is not None:
                self.alerts = [*self.alerts, {"series": name, **alert._asdict()}][-ALERTS_KEPT:]

    def _roll(self, number: int, bucket: int, models: dict[str, InflowForecast]) -> None:
        """Learn a bucket that is over, as the first minute of another one comes."""
        length = (_HOUR, _DAY)[number]
        last = self._closed // length if self._closed >= 0 else bucket
        if bucket == last:
            return
        if last >= self._from[number]:
            for name in SERIES:
                try:
                    models[name].learn_one(last, self._sums[number].get(name, 0))
                except ValueError:  # as above
                    models[name] = InflowForecast(**(_HOURLY, _DAILY)[number])
                    models[name].learn_one(last, self._sums[number].get(name, 0))
        self._sums[number].clear()


def _told(forecasts: Sequence[Forecast], length: int) -> list[dict[str, Any]]:
    told = []
    for forecast in forecasts:
        day, minute = divmod(forecast.bucket * length, _DAY)
        at = date_of(day) if length == _DAY else f"{date_of(day)}T{minute // 60:02d}:00Z"
        mean = round(forecast.mean, 3)
        told.append({"at": at, "mean": mean, "lower": forecast.lower, "upper": forecast.upper})
    return told


def _between(name: str, day: Mapping[str, Any], currency: str) -> str:
    if name == "revenue":
        low, high = (money(day[end], currency).split()[0] for end in ("lower", "upper"))
        return f"{money(day['mean'], currency)} ({low} to {high})"
    return f"{day['mean']:,.1f} ({day['lower']:,} to {day['upper']:,})"


def _finite(minutes: float) -> float | None:
    return round(minutes, 1) if isfinite(minutes) else None


def _minutes(minutes: float | None) -> str:
    return "not yet, or not at this hour" if minutes is None else f"{minutes:,.0f} minutes"
