"""The tracked source files, found without git so that a copy of the tree can be tested too."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SKIPPED = {".git", ".venv", ".cache", "dist", "__pycache__", "sessions", "data", ".pytest_cache",
            ".hypothesis", ".mypy_cache", ".ruff_cache"}


def files(*suffixes: str, under: str = ".") -> list[Path]:
    """Source files with one of the suffixes, below a folder of the repository."""
    return sorted(path for path in (ROOT / under).rglob("*")
                  if path.suffix in suffixes and path.is_file()
                  and not _SKIPPED & set(path.relative_to(ROOT).parts)
                  and not any(part.endswith(".egg-info") for part in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    """Syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name(path: Path) -> str:
    """A file as messages call it."""
    return path.relative_to(ROOT).as_posix()
