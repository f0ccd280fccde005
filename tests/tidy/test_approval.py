"""Only the risk gate approves orders: nothing else in the program names what makes an approval."""

import ast
from pathlib import Path

import dreammaker

PACKAGE = Path(dreammaker.__file__).parent
HOME = PACKAGE / "domain" / "orders.py"
GATE = PACKAGE / "risk" / "gate.py"
SECRETS = {"approve", "approve_replace", "_SEAL"}


def names(tree):
    """Every name a module could reach `approve` by, strings included (getattr)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield from (node.name, node.asname)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def makers(tree):
    """Calls of ApprovedOrder or ApprovedReplace, by whatever path."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            target = node.func
            name = getattr(target, "id", getattr(target, "attr", ""))
            if name in ("ApprovedOrder", "ApprovedReplace"):
                yield node.lineno


def test_only_the_gate_names_approve():
    found = {path.relative_to(PACKAGE).as_posix()
             for path in sorted(PACKAGE.rglob("*.py")) if path not in (HOME, GATE)
             if SECRETS & set(names(ast.parse(path.read_text(encoding="utf-8"))))}
    assert found == set()
    assert "approve" in set(names(ast.parse(GATE.read_text(encoding="utf-8"))))
    assert "_SEAL" not in set(names(ast.parse(GATE.read_text(encoding="utf-8"))))


def test_only_its_own_module_makes_an_approved_order():
    calls = {path.relative_to(PACKAGE).as_posix(): list(makers(ast.parse(path.read_text("utf-8"))))
             for path in sorted(PACKAGE.rglob("*.py"))}
    assert [path for path, lines in calls.items() if lines] == ["domain/orders.py"]
    assert len(calls["domain/orders.py"]) == 2


def test_nothing_goes_round_the_seal():
    """`object.__setattr__` and `copy.replace` could change what was approved."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != HOME:
            text = path.read_text(encoding="utf-8")
            assert "object.__setattr__" not in text or "ApprovedOrder" not in text, path
