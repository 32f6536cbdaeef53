"""The process that asks and tells for a trial is a small one."""

import subprocess
import sys


def test_a_member_and_its_office_load_no_torch() -> None:
    code = "import sys, study.pack.member, study.pack.office; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
