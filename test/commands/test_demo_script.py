"""The demo's script tells its options before it installs anything, and its page has all of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from checkout_scripts import FOLDER
from in_process import invoke


def test_help_installs_nothing(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(FOLDER / "demo.sh", scripts)
    done = subprocess.run(
        ["bash", str(scripts / "demo.sh"), "--help"], capture_output=True, text=True, check=True
    )
    assert "--seed" in done.stdout
    assert "set -euo" not in done.stdout
    assert list(tmp_path.iterdir()) == [scripts]


def test_the_page_of_the_demo_has_every_option() -> None:
    code, said = invoke("demo", "--help")
    options = set(re.findall(r"--[a-z][a-z-]*", said)) - {"--help"}
    page = (FOLDER.parent / "docs" / "demo.md").read_text(encoding="utf-8")
    assert code == 0
    assert "--seed" in options
    assert [option for option in sorted(options) if f"`{option}`" not in page] == []
