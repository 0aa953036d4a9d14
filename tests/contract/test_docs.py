"""The README says every setting, topic and metric, exactly as the code declares them."""

from pathlib import Path

import pytest

from schemas.topics import TOPICS
from stream.documentation import (
    TABLES,
    DocumentationError,
    block,
    declared_metrics,
    main,
    metrics_table,
    rewritten,
    settings_table,
    topics_table,
    variable,
)
from stream.lead.actions import parse_catalogue
from stream.settings import Settings

README = Path(__file__).parents[2] / "README.md"
EMPTY = "\n\n".join(f"<!-- {name} --><!-- /{name} -->" for name in TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_has_the_tables_of_today(name: str) -> None:
    assert block(README.read_text(encoding="utf-8"), name) == f"\n{TABLES[name]()}\n", (
        f"the table of {name} in README.md is not what the code declares: run `make readme`"
    )


def test_the_catalogue_in_the_readme_can_be_used() -> None:
    text = README.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    names = [candidate.name for candidate in parse_catalogue(text).offered("tier_rose")]
    assert "demo_invite:loss" in names


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_has_a_sentence_and_a_row(field: str) -> None:
    description = Settings.model_fields[field].description

    assert description, f"say in stream/settings.py what {field} is"
    assert description.endswith("."), f"{field}: a whole sentence, with a full stop"
    assert f"| `{variable(field)}` |" in settings_table()


def test_every_topic_has_a_row() -> None:
    for topic in TOPICS:
        assert f"| `{topic.name}` | {topic.direction} |" in topics_table()


def test_every_metric_has_a_row_and_the_name_that_prometheus_sees() -> None:
    rows = metrics_table().splitlines()[2:]

    assert len(rows) == len(declared_metrics())
    for metric, row in zip(declared_metrics(), rows, strict=True):
        assert row.startswith(f"| `{metric.name}` | {metric.kind} |")
        assert metric.sentence.endswith(".")
        assert metric.name.endswith("_total") == (metric.kind == "counter")


def test_rows_have_as_many_cells_as_their_head() -> None:
    for table in TABLES.values():
        cells = {line.replace(r"\|", "").count("|") for line in table().splitlines()}
        assert len(cells) == 1


def test_rewriting_fills_the_markers_and_leaves_the_rest() -> None:
    document = f"# before\n\n{EMPTY}\n\nafter\n"

    once = rewritten(document)

    assert once.startswith("# before\n\n")
    assert once.endswith("\n\nafter\n")
    assert all(table() in once for table in TABLES.values())
    assert rewritten(once) == once


@pytest.mark.parametrize(
    "document",
    [
        "",
        EMPTY.replace("<!-- /topics -->", ""),
        EMPTY + "<!-- topics --><!-- /topics -->",
        EMPTY.replace("<!-- topics --><!-- /topics -->", "<!-- /topics --><!-- topics -->"),
    ],
)
def test_a_document_without_its_markers_is_refused(document: str) -> None:
    with pytest.raises(DocumentationError, match="once each, in this order"):
        rewritten(document)


def test_the_command_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "README.md"
    path.write_text(EMPTY, encoding="utf-8")

    assert main(["--check", str(path)]) == 1
    assert "make readme" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == EMPTY
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    assert main([str(tmp_path / "absent.md")]) == 1
    assert "absent.md" in capsys.readouterr().err
    assert main([]) == 2
