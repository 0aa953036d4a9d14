import sys

import pytest
from test_quality_curves import leads

from stream import plots
from stream.plots import PlotsMissingError, check_plots, write_plots
from stream.quality import ScoredLead

LARGEST_BYTES = 300_000
DAY_S = 86_400.0


def first_at_s(ways):
    return [1.7e9 + n * DAY_S for n in range(len(next(iter(ways.values()))))]


def test_each_plot_is_a_small_png(tmp_path):
    pytest.importorskip("matplotlib")
    ways = {"as served": leads(), "logistic": leads(), "rules": leads()}
    files = write_plots(ways, first_at_s(ways), tmp_path)
    assert [file.name for file in files] == ["calibration.png", "lift.png", "auc_over_time.png"]
    for file in files:
        assert file.read_bytes().startswith(b"\x89PNG")
        assert 10_000 < file.stat().st_size < LARGEST_BYTES
    assert "matplotlib.pyplot" not in sys.modules  # no figures and no backend for all


def test_titles_say_what_was_found():
    pytest.importorskip("matplotlib")
    found = leads()
    ways = {"as served": found, "upside down": [x._replace(p=[1 - p for p in x.p]) for x in found]}
    assert "as served: off by" in plots.calibration_plot(ways).get_suptitle()
    lift = plots.lift_plot(ways)
    assert lift.get_suptitle().startswith("Contacting the best 20 % of leads reaches 3")
    assert "no clear change" in plots.auc_plot(ways, first_at_s(ways)).get_suptitle()
    colours = [line.get_color() for line in lift.axes[1].get_lines()[1:]]
    assert colours == list(plots.COLOURS[:2])


def test_nothing_decided_is_drawn_as_nothing(tmp_path):
    pytest.importorskip("matplotlib")
    for few in ([], [ScoredLead(None, [0.5], ["cold"])], [ScoredLead(False, [0.5], ["cold"])]):
        ways = {"as served": few}
        assert len(write_plots(ways, first_at_s(ways), tmp_path)) == 3


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(
        PlotsMissingError, match=r"^plots need .*pip install 'leadstream\[plots\]'$"
    ):
        check_plots()
