"""The least that each party needs, as said by the agents' wiring."""

import shlex

import pytest

from schemas import topics
from stream.rights import PARTIES, rights
from stream.roles import ROLES, WIRING, parse_names
from stream.settings import Settings

SETTINGS = Settings(app_id="scores", topic_prefix="eu-")


def allowed(*parties, settings=SETTINGS, user="u"):
    return {(r.resource, r.name): set(r.operations) for r in rights(settings, parties, user)}


def test_only_an_operator_creates_topics_or_reads_what_senders_sent():
    for party in PARTIES:
        operations = {o for found in allowed(party).values() for o in found}
        assert ("Create" in operations) == (party == "operator"), party
        can_read_letters = "Read" in allowed(party).get(("topic", "eu-dead-letters"), set())
        assert can_read_letters == (party == "operator"), party
    assert not {o for found in allowed("operator").values() for o in found} - {
        *("Alter", "Create", "Describe", "DescribeConfigs", "Read", "Write")
    }


def test_a_sender_writes_inputs_and_does_nothing_else():
    assert allowed("sender") == {("topic", f"eu-{t.name}"): {"Write"} for t in topics.INPUTS}


def test_a_reader_reads_outputs_in_groups_of_its_own_name():
    found = allowed("reader", user="crm")
    assert found.pop(("group", "crm")) == {"Read"}
    assert ("topic", "eu-lead-scores") in found
    assert all(operations == {"Read"} for operations in found.values())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_it_is_wired_to_and_see_the_topics_of_the_others(role):
    found = allowed(role)
    wiring = WIRING[role]
    for topic in topics.TOPICS:
        operations = found.get(("topic", f"eu-{topic.name}"), set())
        assert ("Read" in operations) == (topic in (*wiring.consumes, *wiring.reads)), topic.name
        assert ("Write" in operations) == (topic in wiring.writes), topic.name
        is_shared = any(topic in other.consumes for other in WIRING.values())
        assert bool(operations) >= is_shared, topic.name
    assert found["group", "scores"] == {"Read"}


def test_together_the_roles_consume_every_input_and_write_every_output():
    consumed = {t for wiring in WIRING.values() for t in wiring.consumes}
    assert consumed >= set(topics.INPUTS)
    written = {t for wiring in WIRING.values() for t in wiring.writes}
    assert written >= {t for t in topics.TOPICS if t.direction == "output"}


def test_transactional_ids_are_of_the_partitions_that_a_role_consumes():
    assert allowed("score")["transactional-id", "scores-eu-lead-events-"] == {"Write"}
    for delivery, ids in (("exactly_once", 3), ("at_least_once", 0)):
        settings = Settings(app_id="scores", topic_prefix="eu-", delivery=delivery)
        found = allowed(*PARTIES, settings=settings)
        assert sum(resource == "transactional-id" for resource, _ in found) == ids


def test_parties_are_users_of_their_own_unless_one_is_given():
    assert {r.user for r in rights(SETTINGS)} == {f"scores-{party}" for party in PARTIES}
    together = rights(SETTINGS, ROLES, "worker")
    assert {r.user for r in together} == {"worker"}
    assert len({(r.resource, r.name) for r in together}) == len(together)


def test_commands_are_ready_for_a_shell():
    (group,) = (r for r in rights(SETTINGS, ["reader"], "O=Ex Ample") if r.resource == "group")
    words = shlex.split(group.command("kafka-1:9093"))
    assert words[0] == "kafka-acls.sh"
    assert words[words.index("--allow-principal") + 1] == "User:O=Ex Ample"
    assert words[-4:] == ["--group", "O=Ex Ample", "--resource-pattern-type", "prefixed"]


def test_unknown_parties_are_refused_with_the_choices():
    assert parse_names("route, operator", PARTIES) == ["route", "operator"]
    with pytest.raises(ValueError, match="'admin': give some of route, score, learn"):
        parse_names("route,admin", PARTIES)


def test_an_operator_may_send_dead_letters_again():
    # Into the inputs, to the lead where score refused them, and each with its mark.
    may = allowed("operator")
    for topic in (*topics.INPUTS, topics.LEAD_FORWARDS, topics.DEAD_LETTER_REPLAYS):
        assert "Write" in may["topic", f"eu-{topic.name}"], topic.name


def test_a_deliverer_reads_what_it_delivers_and_writes_what_waits():
    found = allowed("deliver")
    assert found == {
        ("topic", "eu-lead-scores"): {"Read"},
        ("topic", "eu-nurture-triggers"): {"Read"},
        ("topic", "eu-webhook-deliveries"): {"Read", "Write"},
        ("topic", "eu-webhook-endpoints"): {"Read", "Write"},
        ("topic", "eu-dead-letters"): {"Write"},
        ("group", "scores-webhooks-"): {"Read"},
    }
