from io import StringIO

from rich.console import Console
from test_quality_curves import leads

from stream.cli.evaluation_tables import print_report, ways_of
from stream.quality import quality

LEARNER = {"examples_per_s": 1_234.5, "predict_with_reasons_us": 50.2, "main_facts": {"age": 0.5}}


def report():
    found = leads(300, scores=3)
    found = [lead._replace(tiers=["hot" if p > 0.7 else "cold" for p in lead.p]) for lead in found]
    worse = [lead._replace(p=[1 - p for p in lead.p]) for lead in found]
    counts = dict.fromkeys(("events", "leads", "decided", "positives", "undecided"), 300)
    return {
        **counts, "dead_letters": 1, "first_dead_letters": ["page-views: [bad]"],
        "events_per_s": None, **quality(found),
        "models": {"logistic": {**quality(worse), **LEARNER}, "rules": quality([])},
    }  # fmt: skip


def printed(width=80, **console):
    out = StringIO()
    print_report(report(), Console(file=out, width=width, **console))
    return out.getvalue()


def test_each_way_to_score_has_its_line_of_figures_within_80_columns():
    text = printed()
    found = report()
    assert list(ways_of(found)) == ["as served", "logistic", "rules"]
    for way in (found, found["models"]["logistic"]):
        assert f"{way['auc']:.3f}" in text
        assert f"{way['tiers']['hot']['lift']:.2f}" in text
    assert "…" not in text
    assert "page-views: [bad]" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_best_of_a_column_is_marked():
    found = report()
    coloured = printed(force_terminal=True, color_system="standard")
    assert f"\x1b[1;32m{found['auc']:.3f}\x1b[0m" in coloured
    assert f"\x1b[1;32m{found['models']['logistic']['auc']:.3f}\x1b[0m" not in coloured
    assert f"\x1b[1;32m{found['log_loss']:.3f}\x1b[0m" in coloured
