"""Imports run one way, and the live path stays light."""

import re
import subprocess
import sys

from tests.tidy.sources import ROOT, files, name

HEAVY = ("pandas", "sklearn", "lightgbm", "plotly", "scipy", "exchange_calendars", "joblib")


def test_live_path_when_imported_then_nothing_heavy_comes_along() -> None:
    code = ("import sys, dreammaker.assembly.session, dreammaker.app.session_run\n"
            f"print(sorted(set({HEAVY!r}) & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_arrows_when_checked_then_kept() -> None:
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    done = subprocess.run([sys.executable, "-c", code, "--no-cache"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kernels_when_they_import_then_libc_numpy_and_kernels_only() -> None:
    # The linter cannot look into compiled modules.
    allowed = re.compile(r"(libc|numpy|cpython|dreammaker\._ext)(\.|$)")
    statement = re.compile(r"^\s*(?:from\s+(\S+)\s+c?import|c?import\s+(\S+))", re.M)
    kernels = [*files(".pyx", under="ext"), *files(".pxd", under="dreammaker/_ext")]
    assert len(kernels) > 10
    for path in kernels:
        for match in statement.finditer(path.read_text(encoding="utf-8")):
            module = (match[1] or match[2]).rstrip(",")
            assert allowed.match(module), f"{name(path)} imports {module}"
