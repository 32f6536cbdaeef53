import subprocess
import sys

from cnn_core.methods import METHODS
from study.report.looks import METHOD_LOOKS, look


def test_every_method_has_its_own_colour_and_marker() -> None:
    assert set(METHODS) <= set(METHOD_LOOKS)
    assert len({look.colour for look in METHOD_LOOKS.values()}) == len(METHOD_LOOKS)
    assert len({look.marker for look in METHOD_LOOKS.values()}) == len(METHOD_LOOKS)
    assert look("of a user's own").colour not in {look.colour for look in METHOD_LOOKS.values()}


def test_they_are_known_without_matplotlib() -> None:
    code = "import sys, study.report.looks; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=100, check=False).returncode == 0
