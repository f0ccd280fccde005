"""Sizes, docstrings, pins, and what must not be written down."""

import ast
import re
import tomllib

from tests.tidy.sources import ROOT, files, name, tree

MAX_FILE_LINES, MAX_FUNCTION_LINES = 420, 75
LARGER = {".pyx": 520, "tests": 600}
HOSTS = ("pypi." + "org", "files.python" + "hosted", "artifact" + "ory", "registry." + "npmjs",
         "nexus" + "-")
PATHS = re.compile(r"(?<![\w.<])/(?:root|home|work|Users)/[\w.]|[A-Z]:\\\\?Users\\\\?\w")


def test_files_when_counted_then_small() -> None:
    long = [f"{name(path)}: {count} lines"
            for path in files(".py", ".pyx", ".pxd")
            if (count := len(path.read_text(encoding="utf-8").splitlines()))
            > max(MAX_FILE_LINES, LARGER.get(path.suffix, 0),
                  LARGER.get(path.relative_to(ROOT).parts[0], 0))]
    assert long == []


def test_functions_when_counted_then_small() -> None:
    long = []
    for path in files(".py", under="dreammaker"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.FunctionDef):
                continue
            body = node.body
            docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
            first = body[0].end_lineno + 1 if docstring else node.lineno
            if (lines := (node.end_lineno or 0) - first + 1) > MAX_FUNCTION_LINES:
                long.append(f"{name(path)}:{node.lineno} {node.name}: {lines} lines")
    assert long == []


def test_public_names_when_read_then_they_have_docstrings() -> None:
    bare = []
    for path in files(".py", under="dreammaker"):
        module = tree(path)
        if not ast.get_docstring(module):
            bare.append(name(path))
        for owner in [module, *(n for n in module.body if isinstance(n, ast.ClassDef))]:
            if isinstance(owner, ast.ClassDef) and owner.name.startswith("_"):
                continue
            bare += [f"{name(path)}:{node.lineno} {node.name}" for node in owner.body
                     if isinstance(node, ast.FunctionDef | ast.ClassDef)
                     and not node.name.startswith("_") and not ast.get_docstring(node)]
    assert bare == []


def test_pins_when_read_then_the_same_in_both_places() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {line.split(";")[0].strip() for line in lines if line.strip() and line[0] != "#"}
    assert pins == set(settings["tool"]["uv"]["constraint-dependencies"])
    assert set(settings["tool"]["uv"]["build-constraint-dependencies"]) <= pins
    assert all("==" in pin for pin in pins)


def test_files_when_read_then_no_path_of_a_machine_and_no_package_host() -> None:
    found = []
    for path in files(".py", ".pyx", ".pxd", ".pyi", ".toml", ".md", ".txt", ".yml", ".h", ".c",
                      ".nsi", ".spec", ".ps1"):
        text = path.read_text(encoding="utf-8")
        found += [f"{name(path)}: {host}" for host in HOSTS if host in text]
        found += [f"{name(path)}: {match[0]}" for match in PATHS.finditer(text)]
    assert found == []


def test_files_when_read_then_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
    found = [f"{name(path)}: {match[0]}" for path in files(".py", ".pyx", ".pxd", ".toml", ".md")
             for match in marks.finditer(path.read_text(encoding="utf-8"))]
    assert found == []
