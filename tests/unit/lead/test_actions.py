import pytest
from refused_files import check_told

from stream.lead.action import RULES
from stream.lead.actions import ActionsFileError, candidates, default_catalogue, parse_catalogue
from stream.lead.purchases import Purchases
from stream.lead.state import LeadState

ONE = '[[action]]\nname = "call"\nchannel = "phone"\n'
ALL_RULES = 'rules = ["high_intent", "tier_rose", "tier_fell", "absence"]\n'
CALL = ONE + ALL_RULES
MAIL = CALL.replace('"call"', '"mail"').replace('"phone"', '"email"')

REFUSED = {
    "not TOML": ("action =\n", "line 1", "TOML"),
    "no actions": ("", "line 1", "high_intent"),
    "no action for a rule": (CALL.replace(', "absence"', ""), "line 1", "absence"),
    "unknown field": (CALL + "cost = 3\n", "line 5", "cost"),
    "unknown field of the file": ("curency = 'EUR'\n" + CALL, "line 1", "curency"),
    "no name": (CALL.replace('name = "call"\n', ""), "line 1", "name"),
    "bad name": (CALL.replace('"call"', '"call:loss"'), "line 2", "name"),
    "unknown channel": (CALL.replace('"phone"', '"phnoe"'), "line 3", "phnoe"),
    "unknown rule": (CALL.replace("absence", "absense"), "line 4", "absense"),
    "rule twice": (CALL.replace('"absence"', '"absence", "absence"'), "line 1", "absence"),
    "no rules": (ONE + "rules = []\n", "line 4", "rules"),
    "negative cost": (CALL + "cost_minor = -1\n", "line 5", "cost_minor"),
    "half a cent": (CALL + "cost_minor = 0.5\n", "line 5", "cost_minor"),
    "unknown test": (CALL + "eligible.stage = ['a']\n", "line 5", "not_stages"),
    "unknown tier": (CALL + 'eligible.tiers = ["hott"]\n', "line 5", "hott"),
    "score out of range": (CALL + "eligible.min_score = 101\n", "line 5", "min_score"),
    "scores upside down": (
        CALL + "eligible = { min_score = 50, max_score = 40 }\n", "line 5", "min_score",
    ),
    "condition without a test": (
        CALL + "eligible.attributes.size = {}\n", "line 5", "at_least",
    ),
    "text for a number": (
        CALL + 'eligible.attributes.size.at_least = "5"\n', "line 5", "at_least",
    ),
    "cap of nothing": (CALL + "at_most = { times = 1 }\n", "line 5", "within_s"),
    "cap above what is remembered": (
        CALL + "at_most = { times = 33, within_s = 60 }\n", "line 5", "times",
    ),
    "unknown action in excludes": (
        CALL + "excludes = { mial = 60 }\n" + MAIL, "line 5", "known: call, mail",
    ),
    "excludes itself": (CALL + "excludes = { call = 60 }\n", "line 5", "cooldown_s"),
    "excludes nothing": (
        CALL + "excludes = { nothing = 60 }\n", "line 5", "no action that is done",
    ),
    "unknown framing": (CALL + 'framings = ["los"]\n', "line 5", "los"),
    "texts of no framing": (CALL + 'texts.loss.de = "x"\n', "line 1", "loss"),
    "texts of an unknown framing": (CALL + 'texts.los.de = "x"\n', "line 5", "los"),
    "budget of nothing": (CALL + "budget = {}\n", "line 5", "times_per_day"),
    "same name twice": (CALL + CALL, "line 6", "'call'"),
    "nothing by phone": (CALL.replace('"call"', '"nothing"'), "line 1", "channel"),
    "nothing that costs": (
        CALL + '[[action]]\nname="nothing"\nchannel="none"\nrules=["absence"]\ncost_minor = 5',
        "line 5", "take out cost_minor",
    ),
    "unknown zone": (CALL + '[governance]\ntimezone = "Berlin"\n', "line 6", "Europe/Berlin"),
    "unknown field of governance": (CALL + "[governance]\nttl = 5\n", "line 6", "ttl_s"),
    "cooldown of an unknown rule": (
        CALL + "[governance]\ncooldown_s.absense = 5\n", "line 6", "known: high_intent",
    ),
    "cap of an unknown channel": (
        CALL + "[governance.most_contacts]\nemial = { per_day = 1 }\n", "line 6", "emial",
    ),
    "cap without end": (
        CALL + "[governance.most_contacts]\nemail = { per_day = 99 }\n", "line 6", "per_day",
    ),
    "no time of day": (
        CALL + '[governance.quiet_hours]\nall = { from = "24:00", until = "08:00" }\n',
        "line 6", "from",
    ),
    "a quiet moment": (
        CALL + '[governance.quiet_hours.phone]\nfrom = "08:00"\nuntil = "08:00"\n',
        "line 5", "differ",
    ),
    "stage of an unknown event": (
        CALL + '[[stage]]\nname = "a"\nenter.event = "page_vew"\n', "line 7", "page_vew",
    ),
    "stage that leads nowhere": (
        CALL + '[[stage]]\nname = "a"\nleave = { to = "b", max_score = 5 }\n', "line 7", "'b'",
    ),
    "stage twice": (CALL + '[[stage]]\nname = "a"\n' * 2, "line 8", "'a'"),
    "age of a stage that nothing answers": (
        CALL + '[[stage]]\nname = "a"\nafter_s = 60\n', "line 1", "stage_age",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_a_faulty_file_is_refused_with_line_field_and_remedy(text, line, told):
    with pytest.raises(ActionsFileError) as refused:
        parse_catalogue(text, "my.toml")
    check_told(refused.value, line, told)


def test_the_default_catalogue_is_one_action_a_rule():
    default = default_catalogue()
    assert {rule: [c.name for c in default.offered(rule)] for rule in RULES} == {
        "high_intent": ["call"],
        "tier_rose": ["sales_alert"],
        "tier_fell": ["nurture_email"],
        "absence": ["win_back_email"],
        "churn_risk": [],
        "stage_age": [],
        "urgent_negative": ["call"],
    }
    mails = {action.name for action in default.action if "email" in action.purposes}
    assert mails == {"nurture_email", "win_back_email"}
    hour_s, day_s = 3_600.0, 86_400.0
    assert default.governance.cooldown_s == {
        "high_intent": hour_s, "tier_rose": day_s, "tier_fell": day_s, "absence": 7 * day_s,
        "urgent_negative": day_s,
    }  # fmt: skip
    assert {default.ttl_s(action) for action in default.action} == {3 * day_s}
    assert not default.has_budgets
    assert not default.for_closed
    assert default.stage == ()


def test_candidates_are_actions_in_each_framing_in_the_files_order():
    catalogue = parse_catalogue(
        MAIL + 'framings = ["loss", "plain"]\n' + CALL
        + '[[action]]\nname = "nothing"\nchannel = "none"\nrules = ["absence"]\n'
    )  # fmt: skip
    state = LeadState.new("L", 0.0)
    absence = candidates(state, "absence", 0.0, catalogue)
    assert [c.name for c in absence] == ["mail:loss", "mail", "call", "nothing"]
    assert [c.framing for c in absence] == ["loss", None, None, None]
    assert [c.name for c in candidates(state, "tier_rose", 0.0, catalogue)] == [
        "mail:loss", "mail", "call",
    ]  # fmt: skip
    assert candidates(state, "no_rule_yet", 0.0, catalogue) == []


@pytest.mark.parametrize(
    ("test", "is_for"),
    [
        ('stages = ["Customer"]', True),
        ('stages = ["lead"]', False),
        ('not_stages = ["CUSTOMER "]', False),
        ('not_stages = ["lead"]', True),
        ('tiers = ["hot", "warm"]', True),
        ('tiers = ["cold"]', False),
        ("min_score = 60", True),
        ("min_score = 60.1", False),
        ("max_score = 59.9", False),
        ("attributes.size.at_least = 50", True),
        ("attributes.size.at_least = 51", False),
        ('attributes.industry.equals = "software"', False),
        ('owns_one_of = ["crm", "mail"]', True),
        ('owns_one_of = ["mail"]', False),
        ('owns_none_of = ["mail"]', True),
        ('owns_none_of = ["CRM"]', False),
    ],
)
def test_an_action_is_offered_to_those_that_it_is_for(test, is_for):
    state = LeadState.new("L", 0.0)
    state.stage, state.tier, state.attributes = "customer", "warm", {"size": 50}
    state.purchases = Purchases(count=1, products={"CRM": 1})
    catalogue = parse_catalogue(f"{CALL}eligible.{test}\n")
    assert bool(candidates(state, "absence", 60.0, catalogue)) == is_for


def test_a_lead_of_which_little_is_known_is_in_no_stage_and_owns_nothing():
    state = LeadState.new("L", 0.0)

    def is_for(test):
        return bool(candidates(state, "absence", 0.0, parse_catalogue(f"{CALL}eligible.{test}\n")))

    assert not is_for('stages = ["lead"]')
    assert is_for('not_stages = ["lead"]')
    assert not is_for('owns_one_of = ["CRM"]')
    assert is_for('owns_none_of = ["CRM"]')
    assert not is_for('tiers = ["cold"]')


def test_a_channel_of_the_house_reaches_the_lead_and_others_may_be_told_to():
    fax = CALL.replace('"phone"', '"fax"')
    with pytest.raises(ActionsFileError, match="fax"):
        parse_catalogue(fax)
    web = CALL.replace('"call"', '"banner"').replace('"phone"', '"web"')
    chat = CALL.replace('"call"', '"chat"').replace('"phone"', '"web"') + "contact = true\n"
    catalogue = parse_catalogue('channels = ["fax"]\n' + fax + web + chat)
    assert [a.is_contact for a in catalogue.action] == [True, False, True]


def test_texts_are_found_by_framing_and_the_nearest_locale():
    [action] = parse_catalogue(
        CALL + 'framings = ["plain", "loss"]\ntexts.loss = { de-AT = "a", de = "d", "*" = "e" }\n'
    ).action
    assert [action.text("loss", locale) for locale in ("de_at", "de-CH", "fr", None)] == [
        "a", "d", "e", "e",
    ]  # fmt: skip
    assert action.text(None, "de") is None


def test_a_trigger_lives_as_long_as_its_action_says_or_else_the_house():
    catalogue = parse_catalogue(CALL + "ttl_s = 60\n" + MAIL + "[governance]\nttl_s = 90\n")
    assert [catalogue.ttl_s(action) for action in catalogue.action] == [60.0, 90.0]


def test_exclusion_holds_both_ways_and_the_longer_of_two_counts():
    catalogue = parse_catalogue(CALL + "excludes.mail = 60\n" + MAIL + "excludes.call = 90\n")
    assert catalogue.apart_s == {"call": {"mail": 90.0}, "mail": {"call": 90.0}}


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5_000, "0x" + "f" * 5_000, "[" * 50_000, "inf", "nan", '"' + "x" * 100_000 + '"',
        "{ " + ".".join("a" * 500) + " = 1 }", "[[[[1]]]]", "1979-05-27", '"\\u0000"',
    ],
    ids=lambda value: value[:8],
)  # fmt: skip
@pytest.mark.parametrize(
    "field",
    ["name", "cost_minor", "cooldown_s", "rules", "eligible", "texts", "excludes", "a" * 500],
)
def test_whatever_stands_there_ends_in_a_short_sentence(field, value):
    lines = [line for line in CALL.splitlines() if not line.startswith(field)]
    with pytest.raises(ActionsFileError) as error:
        parse_catalogue("\n".join([*lines, f"{field} = {value}"]))
    assert len(str(error.value)) < 1_000


@pytest.mark.parametrize("where", ["[governance]\n", "[governance.budget]\n", "[[stage]]\n"])
@pytest.mark.parametrize("value", ["9" * 5_000, "inf", "nan", "[]", "{}", '"x"', "-1"])
def test_so_it_does_in_every_part_of_the_file(where, value):
    for field in ("timezone", "ttl_s", "most_contacts.email", "times_per_day", "enter", "after_s"):
        with pytest.raises(ActionsFileError) as error:
            parse_catalogue(f"{CALL}{where}{field} = {value}\n")
        assert len(str(error.value)) < 1_000
