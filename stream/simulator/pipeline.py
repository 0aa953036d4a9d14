"""The dynamics of the sales pipeline: what a day does to a lead, and an action on that day.

Personas, sessions, forms, the way sales judges and the share that buys are the demo's. Nothing
here learns or decides; all randomness comes from the generator that is handed in.
"""

from random import Random

from schemas.topics import DAY_S
from stream.simulator.customers import customer_day, greet_customer
from stream.simulator.personas import draw_lead
from stream.simulator.prospect import NEVER, PAGES, Hidden, Pending, Prospect
from stream.simulator.responses import Chances, chances, decay, draw_traits, respond
from stream.simulator.sales import draw_value_minor, sales_accepts, win_ratio
from stream.simulator.site import MAX_PAGES, draw_return_gap_s
from stream.simulator.world import (
    ACTIONS,
    CALL,
    CHURNED,
    CUSTOMER,
    DEMO_INVITE,
    DISCOUNT,
    ENGAGED,
    KNOWN,
    LOST,
    NOTHING,
    OPPORTUNITY,
    QUALIFIED,
    VISITOR,
    WEBINAR,
    WorldParameters,
)

_PAGE_NUMBERS = {page: number for number, page in enumerate(PAGES)}
_DOCS = _PAGE_NUMBERS["docs"]
_ENGAGED_AFTER_VISITS = 3
_HARM_UNIT = 0.02
"""The loss of intent that ``satisfaction_harm`` is given for."""
_REQUESTS = {"contact", "demo_request"}


class Pipeline:
    """The world, ready to live in.

    Parameters
    ----------
    parameters
        Its magnitudes.

    Examples
    --------
    >>> pipeline, rng = Pipeline(WorldParameters()), Random(1)
    >>> lead = pipeline.named_lead(rng)
    >>> while not lead.is_over:
    ...     pipeline.day(lead, NOTHING, rng)
    >>> lead.visits > 0, sum(lead.contacts)
    (True, 0)
    """

    def __init__(self, parameters: WorldParameters) -> None:
        self.parameters = parameters
        self._fatigue_left = decay(parameters.fatigue_half_life_days)
        self._warmth_left = decay(parameters.warmth_half_life_days)
        self._week_left = decay(7.0)
        self._month_left = decay(30.0)

    def named_lead(self, rng: Random) -> Prospect:
        """Return a lead on the day on which it got a name; those that never do are passed over.

        A visitor without a name cannot be contacted, so that there is nothing to decide before.
        """
        while True:
            lead = draw_lead(rng)
            hidden = Hidden(
                intent=lead.intent, traits=draw_traits(rng, lead.persona, self.parameters)
            )
            prospect = Prospect(lead=lead, hidden=hidden)
            for _ in range(MAX_PAGES):
                self._visit(prospect, rng)
                if prospect.stage != VISITOR:
                    # Later visits come by the clock that starts with the name.
                    prospect.active_day = prospect.entered_stage_day = 0
                    return prospect
                if hidden.next_visit_day == NEVER:
                    break

    def chances(self, prospect: Prospect, action: int) -> Chances:
        """Return how the lead would answer to an action now, without doing it."""
        return chances(
            self.parameters,
            prospect.lead.persona,
            prospect.hidden.traits,
            prospect.intent,
            prospect.stage,
            action,
            fatigue=prospect.hidden.fatigue,
            idle_days=max(0.0, prospect.day - prospect.active_day),
            warmth=prospect.hidden.warmth,
        )

    def day(self, prospect: Prospect, action: int, rng: Random) -> None:
        """Let a day pass on which an action is done; one that may not be done is not done.

        Parameters
        ----------
        prospect
            The lead; it changes.
        action
            By its number in ``world.ACTIONS``.
        rng
            Where chance comes from.
        """
        hidden, happened = prospect.hidden, prospect.happened
        happened.clear()
        prospect.day += 1
        hidden.fatigue *= self._fatigue_left
        hidden.warmth *= self._warmth_left
        prospect.visits_week *= self._week_left
        prospect.contacts_week *= self._week_left
        prospect.visits_month *= self._month_left
        prospect.contacts_month *= self._month_left
        prospect.answers_month *= self._month_left
        if action != NOTHING and prospect.may_be_contacted:
            self._contact(prospect, action, rng)
        if hidden.pending:
            self._take_effect(prospect, rng)
        if prospect.stage == CUSTOMER:
            customer_day(self.parameters, prospect, rng)
            if prospect.is_retained and prospect.day >= self._customer_until(prospect):
                prospect.is_over = True
        elif not hidden.is_elsewhere:
            self._lead_day(prospect, rng)
        if prospect.stage in {LOST, CHURNED} or (
            prospect.stage != CUSTOMER and prospect.day >= self.parameters.lead_days
        ):
            prospect.is_over = True

    def _customer_until(self, prospect: Prospect) -> int:
        return (prospect.won_day or 0) + self.parameters.customer_days

    def _contact(self, prospect: Prospect, action: int, rng: Random) -> None:
        hidden, parameters = prospect.hidden, self.parameters
        chance = self.chances(prospect, action)
        effect = parameters.actions[ACTIONS[action]]
        hidden.fatigue += effect.fatigue
        prospect.contacts[action] += 1
        prospect.contacts_week += 1.0
        prospect.contacts_month += 1.0
        prospect.contacted_day = prospect.day
        prospect.unanswered += 1
        prospect.cost_minor += effect.cost_minor
        prospect.happened.append(f"contact:{ACTIONS[action]}")
        if hidden.is_elsewhere:
            return
        response = respond(rng, parameters, action, chance)
        if prospect.stage == CUSTOMER:
            # What is too much for a lead makes a customer unhappy instead.
            harm = parameters.satisfaction_harm * response.harm / _HARM_UNIT
            hidden.satisfaction = max(0.0, hidden.satisfaction - harm)
        else:
            hidden.warmth -= response.harm
        if action != CALL:
            prospect.mails += 1
            if response.noticed and (response.answered or hidden.traits.shows_opens):
                prospect.opens += 1
                prospect.happened.append("open")
        if response.unsubscribed:
            prospect.unsubscribed = True
            prospect.happened.append("unsubscribe")
        if response.answered:
            prospect.answers_month += 1.0
            prospect.unanswered = 0
            prospect.answered_day = prospect.active_day = prospect.day
            if action == CALL:
                prospect.happened.append("call")
            else:
                prospect.clicks += 1
                prospect.happened.append("click")
            due = prospect.day + response.delay_days
            hidden.pending.append(Pending(due, action, response.warmth))

    def _take_effect(self, prospect: Prospect, rng: Random) -> None:
        hidden, parameters = prospect.hidden, self.parameters
        due = [effect for effect in hidden.pending if effect.day <= prospect.day]
        if not due:
            return
        hidden.pending = [effect for effect in hidden.pending if effect.day > prospect.day]
        for _, action, warmth in due:
            hidden.warmth = min(parameters.warmth_limit, hidden.warmth + warmth)
            if prospect.stage == CUSTOMER:
                care = parameters.satisfaction_from_care * max(0.0, hidden.traits.openness)
                hidden.satisfaction += care * (1.0 - hidden.satisfaction)
                continue
            if action == WEBINAR:
                prospect.happened.append("webinar_attended")
            elif action == DEMO_INVITE:
                prospect.happened.append("demo")
            elif action == DISCOUNT:
                prospect.discount_until = prospect.day + parameters.discount_days
            if action in {CALL, DEMO_INVITE} and prospect.stage < OPPORTUNITY:
                self._sales_looks(prospect, rng)
            elif prospect.stage == KNOWN:
                prospect.enter(ENGAGED, "engaged")
            # Whoever answers to a mail looks around on the site as well.
            hidden.next_visit_day = min(hidden.next_visit_day, prospect.day)

    def _sales_looks(self, prospect: Prospect, rng: Random) -> None:
        if sales_accepts(rng, prospect.intent):
            prospect.enter(OPPORTUNITY, "opportunity")
        elif prospect.stage == QUALIFIED:
            prospect.enter(ENGAGED, "recycled")

    def _lead_day(self, prospect: Prospect, rng: Random) -> None:
        hidden, parameters = prospect.hidden, self.parameters
        if prospect.day >= hidden.next_visit_day:
            self._visit(prospect, rng)
        if prospect.stage == QUALIFIED:
            if rng.random() < parameters.sales_per_day:
                self._sales_looks(prospect, rng)
        elif prospect.stage == OPPORTUNITY and rng.random() < parameters.decision_per_day:
            self._decide(prospect, rng)
        if prospect.stage < CUSTOMER and (
            rng.random() < parameters.elsewhere_per_day * hidden.intent
        ):
            hidden.is_elsewhere = True
            if prospect.stage == OPPORTUNITY or rng.random() < parameters.lost_ratio:
                prospect.enter(LOST, "lost")

    def _visit(self, prospect: Prospect, rng: Random) -> None:
        lead, hidden = prospect.lead, prospect.hidden
        intent = prospect.intent
        prospect.visits += 1
        prospect.visits_week += 1.0
        prospect.visits_month += 1.0
        prospect.active_day = prospect.day
        prospect.happened.append("visit")
        # Who wants no seller reads instead.
        reads_docs = max(0.0, -hidden.traits.openness)
        for _ in range(MAX_PAGES):
            page = _PAGE_NUMBERS[lead.persona.pages.draw(rng)]
            prospect.pages[_DOCS if rng.random() < reads_docs else page] += 1
            if rng.random() > 0.46 + 0.24 * intent:
                break
        if rng.random() < lead.persona.form_ratio + 0.15 * intent:
            self._send_form(prospect, rng)
        elif prospect.stage == KNOWN and prospect.visits >= _ENGAGED_AFTER_VISITS:
            prospect.enter(ENGAGED, "engaged")
        if ENGAGED <= prospect.stage < OPPORTUNITY and (
            rng.random() < self.parameters.self_service_ratio
        ):
            self._decide(prospect, rng)
        gap_s = draw_return_gap_s(rng, intent)
        gap_days = NEVER if gap_s is None else gap_s / DAY_S / max(1e-9, self.parameters.activity)
        hidden.next_visit_day = prospect.day + gap_days

    def _send_form(self, prospect: Prospect, rng: Random) -> None:
        kind = prospect.lead.persona.forms.draw(rng)
        prospect.forms += 1
        prospect.happened.append(f"form:{kind}")
        if kind in _REQUESTS:
            prospect.requests += 1
            if prospect.stage < QUALIFIED:
                prospect.enter(QUALIFIED, "qualified")
        elif prospect.stage == VISITOR:
            prospect.enter(KNOWN, "known")
        elif prospect.stage == KNOWN:
            prospect.enter(ENGAGED, "engaged")
        if kind == "webinar" and rng.random() < 0.4 + 0.4 * prospect.intent:
            warmth = self.parameters.actions["webinar"].warmth
            openness = max(0.0, prospect.hidden.traits.openness)
            day = prospect.day + rng.randint(1, 6)
            prospect.hidden.pending.append(Pending(day, WEBINAR, warmth * openness))

    def _decide(self, prospect: Prospect, rng: Random) -> None:
        hidden, parameters = prospect.hidden, self.parameters
        ratio = self.win_ratio(prospect)
        hidden.decisions += 1
        was_opportunity = prospect.stage == OPPORTUNITY
        # The share between what was refused before and now: nothing new, no new answer.
        if rng.random() * (1.0 - hidden.refused) < ratio - hidden.refused:
            prospect.won_day = prospect.day
            prospect.deals = 1
            value_minor = draw_value_minor(rng, prospect.company_size)
            if prospect.day <= prospect.discount_until:
                value_minor = round(value_minor * (1.0 - parameters.discount_ratio))
            prospect.value_minor = value_minor
            prospect.enter(CUSTOMER, "won")
            greet_customer(prospect, rng)
            return
        hidden.refused = max(hidden.refused, ratio)
        if was_opportunity:
            prospect.refusals += 1
            if rng.random() < parameters.lost_ratio:
                prospect.enter(LOST, "lost")
            else:
                prospect.enter(ENGAGED, "recycled")

    def win_ratio(self, prospect: Prospect) -> float:
        """Return the share of leads like this one that would buy if they decided now."""
        return win_ratio(prospect.intent, self.parameters.win_midpoint)
