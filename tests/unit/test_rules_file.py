import pytest

from stream.lead.point_rules import RulesFileError, parse_point_rules
from stream.rules_file import (
    RulesChangedError,
    diff_of,
    read_rules,
    replace_rules,
    sha256_of,
    with_points,
)
from stream.settings import DEFAULT_RULES

TEXT = read_rules(DEFAULT_RULES)


def test_only_the_numbers_change_comments_and_layout_stay():
    changed = with_points(TEXT, {"careers_page": 5, "target_industry": 21})
    pairs = [(a, b) for a, b in zip(TEXT.split("\n"), changed.split("\n"), strict=True) if a != b]
    assert pairs == [
        ("points = 15", "points = 21"),
        ("points = -10", "points = 5"),
        ("max_points = 20", "max_points = 10"),
    ]
    rules = parse_point_rules(changed).by_name
    assert rules["careers_page"].points == 5
    assert rules["mail_bounced"].points == -10


def test_the_cap_moves_along_so_that_a_rule_counts_as_often():
    rules = parse_point_rules(with_points(TEXT, {"pricing_page": 33})).by_name
    assert rules["pricing_page"].max_points / rules["pricing_page"].points == 2


def test_line_ends_and_comments_after_numbers_stay():
    text = '[[rule]]\r\nname = "a"\r\npoints = 10 # guess\r\nevent = "form_fill"\r\n'
    assert with_points(text, {"a": 12}) == text.replace("10", "12")


@pytest.mark.parametrize(
    "text",
    [
        'rule = [{ name = "a", points = 10, event = "form_fill" }]',
        '[[rule]]\nname = "a"\n"points" = 10\nevent = "form_fill"\n',
    ],
)
def test_numbers_that_cannot_be_found_are_refused(text):
    with pytest.raises(RulesFileError, match="in place"):
        with_points(text, {"a": 12})


def test_text_that_looks_like_a_rule_is_not_taken_for_one():
    text = (
        '[[rule]]\nname = "a"\npoints = 10\nevent = "page_view"\nwhere.url.contains = """\n'
        '[[rule]]\npoints = 1\n"""\n[[rule]]\nname = "b"\npoints = 20\nevent = "form_fill"\n'
    )
    with pytest.raises(RulesFileError, match="in place"):
        with_points(text, {"b": 12})


def test_a_diff_shows_what_changes():
    diff = diff_of("a\nb\n", "a\nc\n", "rules.toml")
    assert diff.startswith("--- rules.toml\n+++ rules.toml\n")
    assert "-b\n+c\n" in diff
    assert not diff_of("a\n", "a\n", "rules.toml")


def test_it_is_written_whole_with_the_rights_it_had(tmp_path):
    path, link = tmp_path / "rules.toml", tmp_path / "link.toml"
    path.write_bytes(TEXT.encode())
    path.chmod(0o640)
    link.symlink_to(path)
    changed = with_points(TEXT, {"webinar": 7})
    replace_rules(link, sha256_of(TEXT), changed)
    assert read_rules(path) == changed
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(tmp_path.iterdir()) == [link, path]


def test_a_file_that_changed_since_is_left_alone(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(TEXT + "# a later thought\n", encoding="utf-8")
    with pytest.raises(RulesChangedError, match="changed since"):
        replace_rules(path, sha256_of(TEXT), with_points(TEXT, {"webinar": 7}))
    assert read_rules(path).endswith("# a later thought\n")
    path.unlink()
    with pytest.raises(RulesChangedError, match="not there"):
        replace_rules(path, sha256_of(TEXT), TEXT)


def test_what_is_no_rules_file_is_never_written(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_bytes(TEXT.encode())
    with pytest.raises(RulesFileError):
        replace_rules(path, sha256_of(TEXT), "[[rule]]\npoints = 1")
    assert read_rules(path) == TEXT
