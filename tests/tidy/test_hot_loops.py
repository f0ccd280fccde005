"""Between ``# hot: begin`` and ``# hot: end`` a kernel never talks to Python."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.sources import ROOT, files, name

# As in setup.py, fast flavour.
DIRECTIVES = ("boundscheck=False,wraparound=False,initializedcheck=False,nonecheck=False,"
              "cdivision=True,binding=True,embedsignature=True,language_level=3")
HOT = [path for path in files(".pyx", under="ext") if "# hot: begin" in path.read_text("utf-8")]


def test_kernels_when_searched_then_some_are_marked() -> None:
    assert len(HOT) >= 2


@pytest.mark.parametrize("path", HOT, ids=name)
def test_hot_lines_when_annotated_then_without_python(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cython", "-a", "-X", DIRECTIVES, "-I", ".", "--module-name",
         f"dreammaker._ext.{path.stem}", "-o", str(tmp_path / "x.c"), str(path)],
        cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "x.html").read_text(encoding="utf-8")
    scores = {int(line): int(score) for score, line in re.findall(
        r'<pre class="cython line score-(\d+)"[^>]*>.*?<span class="">\s*(\d+)</span>', html)}
    lines = path.read_text("utf-8").splitlines()
    assert len(scores) == len(lines)
    hot, slow, seen = False, [], 0
    for number, line in enumerate(lines, 1):
        hot = (hot or "# hot: begin" in line) and "# hot: end" not in line
        seen += hot
        if hot and scores[number]:
            slow.append(f"{name(path)}:{number} score {scores[number]}: {line.strip()}")
    assert not hot and seen > 3
    assert slow == []
