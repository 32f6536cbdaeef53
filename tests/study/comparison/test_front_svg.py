import re
from dataclasses import replace
from xml.etree import ElementTree

from study.comparison.front_svg import front_svg
from study.comparison.fronts import front, points
from tests.study.comparison import synthetic
from tests.study.comparison.made_up import CONSTRAINT, around, comparison, entry, problem

MADE = synthetic.comparison(synthetic.PROBLEMS[:1], studies=2, seeds=3, trials=2)
(WAVES,) = MADE.problems


def test_every_point_is_a_link_to_its_run() -> None:
    drawn = front_svg(MADE, WAVES, lambda run: f"http://server/#/runs/{run}")
    root = ElementTree.fromstring(drawn)
    assert [link.tag for link in root if link.get("class") == "point"] == ["a"] * len(points(WAVES))
    chosen = {search.chosen.run for one in WAVES.entries for search in one.searches if search.chosen}
    assert {(link.get("href") or "").rpartition("/")[2] for link in root.iter("a")} <= chosen


def test_points_say_their_settings_without_javascript_and_to_screen_readers() -> None:
    root = ElementTree.fromstring(front_svg(MADE, WAVES, lambda run: None))
    for point in (child for child in root if child.get("class") == "point"):
        assert point.get("tabindex") == "0"
        assert point.find("title") is not None
        assert "training.method.weight = 12.5" in (point.get("aria-label") or "")


def test_the_pareto_set_is_numbered() -> None:
    texts = re.findall(r'font-weight="bold">(\d+)<', front_svg(MADE, WAVES, lambda run: None))
    assert [int(text) for text in texts] == list(range(1, len(front(points(WAVES))) + 1))


def test_names_and_addresses_are_escaped() -> None:
    made = comparison(problem("a<b>", entry("soft", around(1.0)), entry("batch", around(0.5))))
    drawn = front_svg(made, made.problems[0], lambda run: f'http://server/?a="&b={run}')
    assert "<b>" not in drawn
    assert ElementTree.fromstring(drawn).get("aria-label", "").startswith("a<b>:")


def test_a_single_point_and_an_exact_one_are_drawn() -> None:
    made = comparison(problem("waves", entry("soft", [[0.0]], constraint=0.0)))
    assert "nan" not in front_svg(made, made.problems[0], lambda run: None)


def test_nothing_is_drawn_where_nothing_trades_off() -> None:
    assert front_svg(MADE, replace(WAVES, error=CONSTRAINT), lambda run: None) == ""
