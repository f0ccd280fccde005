"""One clock, no ambient randomness, no printing below the program, no evaluated text."""

import ast
from pathlib import Path

import pytest

from tests.tidy.sources import files, name, tree

CLOCK = "dreammaker/engine/clock.py"
TIME = {"time.time", "time.time_ns", "time.perf_counter", "time.perf_counter_ns", "time.monotonic",
        "time.monotonic_ns", "time.sleep", "datetime.now", "datetime.utcnow", "datetime.today",
        "date.today", "datetime.datetime.now", "datetime.datetime.utcnow",
        "datetime.datetime.today", "datetime.date.today", "pd.Timestamp.now"}
NEVER = {"eval", "exec", "compile", "os.system", "pickle.load", "pickle.loads"}


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def faults(path: Path) -> list[str]:
    found = []
    where = name(path)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = ([alias.name for alias in node.names] if isinstance(node, ast.Import)
                       else [node.module or ""])
            if "random" in modules or (isinstance(node, ast.ImportFrom) and node.module == "time"):
                found.append(f"{where}:{node.lineno} imports {modules[0]}")
        if not isinstance(node, ast.Call):
            continue
        call = dotted(node.func)
        if call in TIME and where != CLOCK:
            found.append(f"{where}:{node.lineno} reads the time by {call}")
        if call in NEVER:
            found.append(f"{where}:{node.lineno} calls {call}")
        if call.startswith(("np.random.", "numpy.random.", "random.")) and not (
                call.endswith("default_rng") and node.args):
            found.append(f"{where}:{node.lineno} draws from {call}")
        if call == "print" and "/app/" not in where:
            found.append(f"{where}:{node.lineno} prints")
    return found


def test_sources_when_walked_then_nothing_banned() -> None:
    sources = files(".py", under="dreammaker")
    assert len(sources) > 50
    assert [fault for path in sources for fault in faults(path)] == []


@pytest.mark.parametrize("line", [
    "import random", "from time import time", "time.time()", "datetime.datetime.now()",
    "np.random.normal()", "np.random.default_rng()", "print(1)", "eval('1')"])
def test_walk_when_a_line_is_banned_then_found(line: str, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_text(line)
    monkeypatch.setitem(faults.__globals__, "name", lambda path: "dreammaker/x.py")
    assert len(faults(path)) == 1


def test_approval_when_named_then_only_by_the_gate() -> None:
    naming = [name(path) for path in files(".py", under="dreammaker")
              if any(isinstance(node, ast.ImportFrom) and node.module == "dreammaker.domain.orders"
                     and any(alias.name == "approve" for alias in node.names)
                     for node in ast.walk(tree(path)))]
    assert naming == ["dreammaker/risk/gate.py"]
