from stream.lead import contact_history
from stream.lead.actions import parse_catalogue
from stream.lead.limits import MAX_HISTORY

CATALOGUE = parse_catalogue("""
[[action]]
name = "mail"
channel = "email"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
cooldown_s = 100

[[action]]
name = "banner"
channel = "web"
rules = ["absence"]
at_most = { times = 32, within_s = 1_000 }

[[action]]
name = "alert"
channel = "sales"
rules = ["absence"]
""")
MAIL, BANNER, ALERT = CATALOGUE.action


def test_only_what_counts_to_something_is_noted_and_only_for_as_long():
    history = []
    contact_history.note(history, ALERT, 0.0, CATALOGUE)
    assert history == []
    contact_history.note(history, MAIL, 0.0, CATALOGUE)
    contact_history.note(history, BANNER, 50.0, CATALOGUE)
    assert history == [[0.0, "mail", "email"], [50.0, "banner", "web"]]
    contact_history.note(history, ALERT, 100.0, CATALOGUE)
    assert history == [[50.0, "banner", "web"]]


def test_an_action_that_is_gone_from_the_catalogue_still_counts_to_the_caps_of_its_channel():
    capped = parse_catalogue(
        '[[action]]\nname = "mail"\nchannel = "email"\n'
        'rules = ["high_intent", "tier_rose", "tier_fell", "absence"]\n'
        "[governance]\nmost_contacts.all.per_day = 1"
    )
    history = [[0.0, "letter", "post"]]
    cap = capped.governance.most_contacts["all"]
    assert contact_history.still_counting(history, 86_399.0, capped) == history
    assert contact_history.still_counting(history, 86_400.0, capped) == []
    assert contact_history.breaks_cap(history, cap, "all", 1.0, capped)


def test_histories_that_are_joined_lose_what_stops_counting_first():
    ours = [[float(t), "banner", "web"] for t in range(20)]
    theirs = [[float(t), "mail", "email"] for t in range(10, 30)]
    contact_history.merge(ours, theirs, CATALOGUE)
    assert len(ours) == MAX_HISTORY
    assert [entry[0] for entry in ours] == sorted(entry[0] for entry in ours)
    assert [e[0] for e in ours if e[1] == "banner"] == [float(t) for t in range(20)]
    assert [e[0] for e in ours if e[1] == "mail"] == [float(t) for t in range(18, 30)]


def test_joining_is_the_same_from_either_side():
    one = [[1.0, "mail", "email"], [5.0, "banner", "web"]]
    two = [[1.0, "banner", "web"], [3.0, "mail", "email"]]
    from_one, from_two = [list(e) for e in one], [list(e) for e in two]
    contact_history.merge(from_one, two, CATALOGUE)
    contact_history.merge(from_two, one, CATALOGUE)
    assert from_one == from_two


def test_what_another_partition_noted_ahead_of_this_ones_clock_counts():
    assert contact_history.is_cooling([[500.0, "mail", "email"]], MAIL, 0.0)
