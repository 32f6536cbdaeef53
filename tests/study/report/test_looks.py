import subprocess
import sys

from cnn_core.methods import METHODS
from study.report.looks import METHOD_LOOKS, PALETTE, look, looks_of
from tests.study.competing import PLAIN, competing


def test_every_method_has_its_own_colour_and_marker() -> None:
    assert set(METHODS) <= set(METHOD_LOOKS)
    assert len({look.colour for look in METHOD_LOOKS.values()}) == len(METHOD_LOOKS)
    assert len({look.marker for look in METHOD_LOOKS.values()}) == len(METHOD_LOOKS)
    assert look("of a user's own").colour not in {look.colour for look in METHOD_LOOKS.values()}


def test_they_are_known_without_matplotlib() -> None:
    code = "import sys, study.report.looks; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=100, check=False).returncode == 0


def test_contestants_differ_and_those_named_like_a_method_look_like_it() -> None:
    among = ("soft-adam", "null-space", "soft-soap", *(f"other-{number}" for number in range(9)))
    looks = [look(name, among) for name in among]
    assert len(set(looks)) == len(among)
    assert looks[1] == METHOD_LOOKS["null-space"]
    assert len({one.colour for one in looks[:10]}) == 10
    assert look("soft-adam", among) != look("soft-adam") == look("of a user's own")


def test_a_look_depends_on_the_order_in_the_file_alone() -> None:
    looks = looks_of(competing(contestants={"one": PLAIN, "other": PLAIN}))
    assert [looks("other"), looks("one")] == [look("other", ("one", "other")), look("one", ("one", "other"))]
    assert looks_of(competing(contestants={}))("soft") == look("soft")


def test_more_contestants_than_looks_are_no_error() -> None:
    among = [f"c{number}" for number in range(len(PALETTE) + 3)]
    assert look(among[-1], among) == look(among[2], among)
