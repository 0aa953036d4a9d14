import pytest
from refused_files import check_told

from stream.lead.point_rules import Condition, RulesFileError, parse_point_rules

EVENT_RULE = '[[rule]]\nname = "x"\npoints = 1\nevent = "page_view"\n'
ATTRIBUTE_RULE = '[[rule]]\nname = "x"\npoints = 1\nattribute = "size"\n'

REFUSED = {
    "not TOML": ("schema_version =\n", "line 1", "TOML"),
    "unknown field": ("nme = 3\n", "line 1", "nme"),
    "unknown field of a rule": (EVENT_RULE + "point = 2\n", "line 5", "point"),
    "unknown test": (EVENT_RULE + 'where.url.contain = "a"\n', "line 5", "contain"),
    "schema version": ("\nschema_version = 2\n", "line 2", "schema_version"),
    "no list of rules": ("rule = 5\n", "line 1", "rule"),
    "no name": ('[[rule]]\npoints = 1\nevent = "page_view"\n', "line 1", "name"),
    "bad name": (EVENT_RULE.replace('"x"', '"A b"'), "line 2", "name"),
    "no points": ('[[rule]]\nname = "x"\nevent = "page_view"\n', "line 1", "points"),
    "text for points": (EVENT_RULE.replace("1", '"1"'), "line 3", "points"),
    "too many points": (EVENT_RULE.replace("1", "1001"), "line 3", "points"),
    "points without end": (EVENT_RULE.replace("1", "inf"), "line 3", "points"),
    "neither event nor attribute": (EVENT_RULE[: EVENT_RULE.index("event")], "line 1", "event"),
    "both": (EVENT_RULE + 'attribute = "size"\n', "line 1", "attribute"),
    "unknown event": (EVENT_RULE.replace("page_view", "page_vew"), "line 1", "page_vew"),
    "event of no lead": (EVENT_RULE.replace("page_view", "cost"), "line 1", "cost"),
    "attribute without is": (ATTRIBUTE_RULE, "line 1", "is ="),
    "attribute with cap": (
        ATTRIBUTE_RULE + "is.at_least = 1\nmax_points = 5\n", "line 1", "max_points",
    ),
    "event with is": (EVENT_RULE + "is.at_least = 1\n", "line 1", "where"),
    "test that tests nothing": (ATTRIBUTE_RULE + "is = {}\n", "line 5", "at_least"),
    "text for a number": (ATTRIBUTE_RULE + 'is.at_least = "5"\n', "line 5", "at_least"),
    "no number": (ATTRIBUTE_RULE + "is.at_least = nan\n", "line 5", "at_least"),
    "no cap": (EVENT_RULE + "max_points = 0\n", "line 5", "max_points"),
    "no half-life": (EVENT_RULE + "half_life_s = -1\n", "line 5", "half_life_s"),
    "range upside down": ("\nmin_points = 5\nmax_points = 1\n", "line 3", "min_points"),
    "range of no number": ("\nmin_points = nan\n", "line 2", "min_points"),
    "same name twice": (EVENT_RULE * 2, "line 6", "'x'"),
    "behind a comment": (
        "# points = 3\n" + EVENT_RULE.replace("points = 1", "# points = 1\npoints = 'a'"),
        "line 5", "points",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_faulty_file_is_refused_with_line_field_and_remedy(text, line, field):
    with pytest.raises(RulesFileError) as refused:
        parse_point_rules(text, "my.toml")
    check_told(refused.value, line, field)


def test_the_fault_of_the_second_rule_is_found_there():
    text = EVENT_RULE + EVENT_RULE.replace('"x"', '"y"').replace("points = 1", "points = []")
    with pytest.raises(RulesFileError, match=r"line 7: points"):
        parse_point_rules(text)


def test_an_empty_file_has_no_rules():
    rules = parse_point_rules("")
    assert rules.rule == ()
    assert list(rules.of_event("page_view")) == []


@pytest.mark.parametrize(
    ("test", "passes", "fails"),
    [
        ({"equals": "Hot"}, ["HOT", "hot"], ["hotter", None, 1]),
        ({"contains": "/Pri"}, ["a/PRICING"], ["a", None, 3, ["/pri"]]),
        ({"one_of": ["A", 2]}, ["a", 2], ["b", None, [], {}]),
        ({"at_least": 5}, [5, 5.5], [4, "5", None, True]),
        ({"at_least": 1, "at_most": 5}, [1, 5], [0, 6]),
        ({"equals": True}, [True], [False, None, "true"]),
    ],
)
def test_conditions_hold_for_what_they_say_and_nothing_else(test, passes, fails):
    condition = Condition.model_validate(test)
    assert all(condition.holds(value) for value in passes)
    assert not any(condition.holds(value) for value in fails)


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5_000, "0x" + "f" * 5_000, "[" * 50_000, "inf", "nan", '"' + "x" * 100_000 + '"',
        "{ " + ".".join("a" * 500) + " = 1 }", "[[[[1]]]]", "1979-05-27",
    ],
    ids=lambda value: value[:8],
)  # fmt: skip
@pytest.mark.parametrize(
    "field", ["points", "max_points", "name", "where", "min_points", "a" * 500]
)
def test_whatever_stands_there_ends_in_a_short_sentence(field, value):
    text = EVENT_RULE.replace("points = 1\n", "") if field == "points" else EVENT_RULE
    with pytest.raises(RulesFileError) as error:
        parse_point_rules(f"{text}\n{field} = {value}\n")
    assert len(str(error.value)) < 2_000
