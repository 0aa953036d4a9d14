"""How the demo's leads answer to what is done with them, by the pipeline's response function.

A journey is drawn whole when a lead arrives. A reaction adds to it: the contact itself where the
contract has an event for it, the mail opened and followed, the session after it, the webinar or
demo, an unsubscription; and the outcome moves where intent moved enough. Without reactions no
byte changes. Randomness comes from the lead and from the number of its reactions.
"""

from collections import OrderedDict
from random import Random
from typing import Any

from schemas.topics import CRM_UPDATES, DAY_S, EMAIL_EVENTS, FORM_FILLS, LEAD_ACTIVITIES
from stream.simulator.journey import Journey
from stream.simulator.live_leads import LiveLead, live_lead
from stream.simulator.responses import Response, bounded_intent, chances, draw_traits, respond
from stream.simulator.sales import draw_after_sales, draw_value_minor, win_ratio
from stream.simulator.site import SITE, Step, draw_session, landing_context
from stream.simulator.truth import LeadTruth
from stream.simulator.world import (
    ACTIONS,
    CALL,
    CUSTOMER,
    DEMO_INVITE,
    NOTHING,
    WEBINAR,
    WorldParameters,
)

MAX_LEADS = 50_000
"""As many leads can react; the ones that came first are forgotten first."""


class Reactions:
    """The leads that can react.

    Parameters
    ----------
    parameters
        The world.
    seed
        Of all reactions.
    """

    def __init__(self, parameters: WorldParameters, seed: int) -> None:
        self._parameters = parameters
        self._seed = seed
        self._live: OrderedDict[str, LiveLead] = OrderedDict()

    def register(self, journey: Journey, truth: LeadTruth) -> None:
        """Take in the journey of a lead that arrived; one that never gets a name cannot react."""
        if any(step.topic == FORM_FILLS.name for step in journey.steps):
            self._live[truth.lead_id] = live_lead(journey, truth, self._seed)
            if len(self._live) > MAX_LEADS:
                self._live.popitem(last=False)

    def is_dropped(self, lead_id: str, step: Step) -> bool:
        """Return whether a step of the drawn journey does not happen after all."""
        live = self._live.get(lead_id)
        return live is not None and (
            step.at_s >= live.ends_at_s
            or (step.topic == EMAIL_EVENTS.name and step.at_s > live.mails_end_at_s)
        )

    def react(self, lead_id: str, action: str, at_s: float) -> tuple[LiveLead, list[Step]]:
        """Do an action with a lead.

        Parameters
        ----------
        lead_id
            Whose.
        action
            One of ``world.ACTIONS``.
        at_s
            Epoch seconds at which it reaches the lead.

        Returns
        -------
        tuple
            The lead, and what it does because of that, in order of time.

        Raises
        ------
        KeyError
            If there is no such lead, or it came too long ago.
        ValueError
            If there is no such action.
        """
        if action not in ACTIONS:
            raise ValueError(f"action {action!r:.60}: give one of {', '.join(ACTIONS)}")
        live = self._live[lead_id]
        number = ACTIONS.index(action)
        is_lost = live.outcome is not None and live.outcome.at_s <= at_s and not live.is_won
        if number == NOTHING or at_s >= live.unsubscribed_at_s or is_lost:
            return live, []
        live.reactions += 1
        rng = Random(f"{live.seed}/{live.reactions}")  # noqa: S311 - repeatable, not secret
        response = self._respond(live, number, at_s, rng)
        steps = self._answer(live, number, response, at_s, rng)
        if response.unsubscribed:
            live.mails_end_at_s = steps[-1].at_s
            live.unsubscribed_at_s = min(live.unsubscribed_at_s, live.mails_end_at_s)
        effect_s = at_s + max(response.delay_days, 0.1) * DAY_S
        change = response.warmth - response.harm
        if change and live.stage_at(at_s) != CUSTOMER:
            live.warmth = min(self._parameters.warmth_limit, live.warmth + change)
            steps += self._moved_outcome(live, effect_s, rng)
        steps.sort(key=lambda step: step.at_s)
        return live, steps

    def _respond(self, live: LiveLead, action: int, at_s: float, rng: Random) -> Response:
        parameters, lead = self._parameters, live.lead
        since_s = at_s if live.changed_at_s is None else live.changed_at_s
        days = max(0.0, at_s - since_s) / DAY_S
        live.changed_at_s = at_s
        live.fatigue *= 0.5 ** (days / parameters.fatigue_half_life_days)
        live.warmth *= 0.5 ** (days / parameters.warmth_half_life_days)
        traits_rng = Random(f"{live.seed}/traits")  # noqa: S311 - repeatable, not secret
        chance = chances(
            parameters,
            lead.persona,
            draw_traits(traits_rng, lead.persona, parameters),
            bounded_intent(lead.intent + live.warmth),
            live.stage_at(at_s),
            action,
            fatigue=live.fatigue,
            idle_days=live.idle_days(at_s),
            warmth=live.warmth,
        )
        live.fatigue += parameters.actions[ACTIONS[action]].fatigue
        return respond(rng, parameters, action, chance)

    def _answer(
        self, live: LiveLead, action: int, response: Response, at_s: float, rng: Random
    ) -> list[Step]:
        lead, ids = live.lead, {"lead_id": live.lead.lead_id}
        if action == CALL:
            if not response.answered:
                return [_refusal(ids, at_s)] if response.unsubscribed else []
            talk_s = round(min(5_400, rng.lognormvariate(4.6 + 1.6 * lead.intent, 0.8)))
            properties = {"direction": "outbound", "duration_s": talk_s}
            return [_activity(ids, at_s, "call", properties=properties)]
        message = {
            **ids,
            "campaign_id": f"trigger-{ACTIONS[action]}",
            "message_id": f"t-{lead.lead_id[5:]}-{live.reactions}",
        }
        steps: list[Step] = []
        read_s = at_s + min(2 * DAY_S, rng.lognormvariate(9.3, 1.2))
        if response.noticed:
            steps.append(_mail("email_open", read_s, message, context=lead.context))
        if response.unsubscribed:
            steps.append(_mail("email_unsubscribe", read_s + 20, message, context=lead.context))
        if response.answered:
            click_s = read_s + rng.uniform(5, 90)
            url = f"{SITE}/product"
            steps.append(_mail("email_click", click_s, message, url=url, context=lead.context))
            ids_there = {**ids, "anonymous_id": lead.anonymous_ids[-1]}
            landing = landing_context(lead, "email", message["campaign_id"])
            steps += draw_session(rng, lead, ids_there, click_s + 1, landing)[0]
            event_s = read_s + (response.delay_days + 0.1) * DAY_S
            if action == WEBINAR:
                minutes = {"minutes": rng.randint(5, 60)}
                steps.append(_activity(ids, event_s, "webinar_attended", properties=minutes))
            elif action == DEMO_INVITE:
                steps.append(_activity(ids, event_s, "demo"))
        return steps

    def _moved_outcome(self, live: LiveLead, effect_s: float, rng: Random) -> list[Step]:
        """Let the outcome follow the intent: as many more or fewer buy as the share changed."""
        drawn = live.outcome
        if live.is_settled or (drawn is not None and drawn.at_s <= effect_s):
            return []
        before = win_ratio(live.lead.intent)
        ratio = win_ratio(bounded_intent(live.lead.intent + live.warmth))
        ids = {"lead_id": live.lead.lead_id}
        if drawn is not None and live.is_won:
            # A lead that bought is driven away with the share by which fewer would buy; what
            # was refused so far is kept, so that many small losses do not add up to more.
            kept = 1.0 - live.refused
            if ratio >= before * kept or rng.random() * before * kept < ratio:
                live.refused = max(live.refused, 1.0 - ratio / before)
                return []
            live.is_settled, live.ends_at_s = True, drawn.at_s
            live.outcome = _crm("outcome", drawn.at_s, ids, result="lost")
            return [live.outcome]
        gained = max(0.0, ratio - live.refused) / (1.0 - live.refused)
        live.refused = max(live.refused, ratio)
        if rng.random() >= gained:
            return []
        at_s = effect_s + min(42.0, max(2.0, rng.lognormvariate(2.2, 0.6))) * DAY_S
        live.is_settled = True
        live.ends_at_s = at_s if drawn is None else min(at_s, drawn.at_s)
        value_minor = draw_value_minor(rng, live.lead.attributes.get("company_size", 30))
        live.outcome = _crm(
            "outcome", at_s, ids, result="won", value_minor=value_minor, currency="EUR"
        )
        return [live.outcome, *draw_after_sales(rng, live.lead, at_s)]


def _activity(ids: dict[str, str], at_s: float, name: str, **more: Any) -> Step:
    return Step(at_s, LEAD_ACTIVITIES.name, {"type": "activity", **ids, "name": name, **more})


def _crm(kind: str, at_s: float, ids: dict[str, str], **more: Any) -> Step:
    return Step(at_s, CRM_UPDATES.name, {"type": kind, **ids, **more})


def _mail(kind: str, at_s: float, message: dict[str, str], **more: Any) -> Step:
    return Step(at_s, EMAIL_EVENTS.name, {"type": kind, **message, **more})


def _refusal(ids: dict[str, str], at_s: float) -> Step:
    return _crm("consent", at_s + 60, ids, purpose="nurturing", granted=False)
