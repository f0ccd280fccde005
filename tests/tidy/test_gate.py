"""Only the deployment gate marks a bundle tradable."""

import ast
from pathlib import Path

import pytest

from tests.tidy.sources import files, name, tree

MARKS = {"write_gate", "mark_tradable"}
ALLOWED = {"dreammaker/models/bundle.py", "dreammaker/models/bundle_files.py",
           "dreammaker/research/gate.py"}


def naming(path: Path) -> set[str]:
    """Ways to the mark that a file names, strings included (getattr)."""
    found = set()
    for node in ast.walk(tree(path)):
        for part in (getattr(node, "id", None), getattr(node, "attr", None),
                     node.name if isinstance(node, ast.alias) else None,
                     node.value if isinstance(node, ast.Constant) else None):
            if isinstance(part, str):
                found.add(part)
    return found & MARKS


def test_mark_when_searched_then_named_by_the_bundle_and_the_gate_alone() -> None:
    found = {name(path) for path in files(".py", under="dreammaker") if naming(path)}
    assert found <= ALLOWED
    assert "dreammaker/models/bundle.py" in found


@pytest.mark.parametrize("line", ["bundle.mark_tradable(1, 2)", "getattr(b, 'mark_tradable')",
                                  "from x import write_gate"])
def test_search_when_a_line_names_the_mark_then_found(line: str, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(line)
    assert naming(path)
