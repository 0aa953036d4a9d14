import pytest

from stream.merge_patch import PatchError, merged, patch_of

# The cases of RFC 7396, appendix A.
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_patches_do_what_the_rfc_says(target, patch, result):
    assert merged(target, patch) == result


def test_a_patch_leaves_its_target_as_it_was():
    target = {"a": {"b": 1}}
    merged(target, {"a": {"b": None, "c": 2}})
    assert target == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "assignments", "patch"),
    [
        (None, [], None),
        ("{}", [], {}),
        (None, ["a=null", "b=3", "c=x=y", "d=", "e.f.g=true"],
         {"a": None, "b": 3, "c": "x=y", "d": "", "e": {"f": {"g": True}}}),
        ('{"a": {"b": 1}, "c": 2}', ["a.d=3", "c.e=4"], {"a": {"b": 1, "d": 3}, "c": {"e": 4}}),
    ],
)  # fmt: skip
def test_text_and_assignments_make_one_patch(text, assignments, patch):
    assert patch_of(text, assignments) == patch


@pytest.mark.parametrize(
    ("text", "assignments"),
    [("{", []), ("[1]", []), ("null", []), (None, ["a"]), (None, ["a..b=1"])],
)
def test_what_is_no_patch_is_refused_with_an_example(text, assignments):
    with pytest.raises(PatchError, match="give"):
        patch_of(text, assignments)
