"""The Cython kernels, compiled on Linux into Windows extension modules.

What is compiled, and how, is told by ``setup.py`` alone: it is run with its last step replaced,
so that sources, macros, directives and flags are the same on both systems.
"""

import json
import os
import runpy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from windows.runtime import HOME, PYTHON_TAG, SITE_PACKAGES
from windows.workspace import (
    CACHE,
    ROOT,
    BuildError,
    digest,
    is_current,
    plain_environment,
    run,
    write_stamp,
)

TARGET = "x86_64-windows-gnu"
FORBIDDEN = ("-ffast-math", "-Ofast", "-march=native", "-funsafe-math-optimizations")
WORK = CACHE / "kernels"


@dataclass(frozen=True)
class Kernel:
    """One extension module as ``setup.py`` describes it.

    Parameters
    ----------
    name : str
        Dotted name.
    sources : tuple of str
        Relative to the project's root; the Cython file first or among C files.
    macros : tuple of (str, str or None)
    flags : tuple of str
        For the C compiler.
    include : tuple of str
        Folders of the project with C headers (NumPy's are added).
    """

    name: str
    sources: tuple[str, ...]
    macros: tuple[tuple[str, str | None], ...]
    flags: tuple[str, ...]
    include: tuple[str, ...]

    @property
    def file(self) -> Path:
        """Where the module goes in a copy of the package."""
        return Path(*self.name.split(".")[:-1],
                    f"{self.name.split('.')[-1]}.cp{PYTHON_TAG}-win_amd64.pyd")


def described() -> tuple[list[Kernel], dict[str, Any], list[str]]:
    """Run ``setup.py`` up to the compilation.

    Returns
    -------
    kernels : list of Kernel
    directives : dict
        Of the Cython compiler.
    include_path : list of str
        Where Cython looks for ``.pxd`` files.
    """
    seen: dict[str, Any] = {}

    def record(extensions: list[Any], **options: Any) -> list[Any]:
        seen.update(options, extensions=extensions)
        return []

    before = Path.cwd()
    flavours = {name: "" for name in ("DM_SAFE", "DM_TRACE")}
    try:
        os.chdir(ROOT)
        with mock.patch("Cython.Build.cythonize", record), mock.patch("setuptools.setup"), \
                mock.patch.dict(os.environ, flavours), mock.patch.object(sys, "argv", ["setup.py"]):
            runpy.run_path(str(ROOT / "setup.py"), run_name="__main__")
    finally:
        os.chdir(before)
    if "extensions" not in seen:
        raise BuildError("setup.py compiled no kernels by Cython.Build.cythonize")
    kernels = [
        Kernel(ext.name, tuple(ext.sources), tuple(ext.define_macros),
               tuple(ext.extra_compile_args),
               tuple(folder for folder in ext.include_dirs if not Path(folder).is_absolute()))
        for ext in seen["extensions"]]
    for kernel in kernels:
        if "-ffp-contract=off" not in kernel.flags or set(kernel.flags) & set(FORBIDDEN):
            raise BuildError(f"{kernel.name}: flags {' '.join(kernel.flags)} do not keep the bits")
    return kernels, seen["compiler_directives"], seen.get("include_path", [])


def build(host: Path, app: Path) -> tuple[list[Kernel], int]:
    """Compile whatever changed and put every kernel into a copy of the package.

    Parameters
    ----------
    host : Path
        Python with Cython and ziglang.
    app : Path
        Folder that holds the copy of ``dreammaker``.

    Returns
    -------
    kernels : list of Kernel
    compiled : int
        How many of them were compiled anew.
    """
    kernels, directives, include_path = described()
    interface = sorted((ROOT / "dreammaker" / "_ext").glob("*.pxd"))
    headers = sorted([*(ROOT / "ext").rglob("*.h"), *(ROOT / "ext").rglob("*.pxi")])
    tools = run([host, "-m", "pip", "freeze", "--all"], env=plain_environment())
    numpy = next(SITE_PACKAGES.glob("numpy-*.dist-info")).name
    common = digest([*interface, *headers, tools, numpy, json.dumps(directives, sort_keys=True),
                     *include_path, TARGET, HOME.name])
    compiled = 0
    for kernel in kernels:
        key = digest([common, repr(kernel), *(ROOT / source for source in kernel.sources)])
        built = WORK / kernel.file.name
        stamp = built.with_suffix(".key")
        if not (built.exists() and is_current(stamp, key)):
            stamp.unlink(missing_ok=True)
            sources = [_to_c(host, kernel, Path(source), directives, include_path)
                       for source in kernel.sources]
            _compile(host, kernel, sources, built)
            write_stamp(stamp, key)
            compiled += 1
        shutil.copyfile(built, app / kernel.file)
    return kernels, compiled


def _to_c(host: Path, kernel: Kernel, source: Path, directives: dict[str, Any],
          include_path: list[str]) -> Path:
    if source.suffix != ".pyx":
        return ROOT / source
    target = WORK / f"{source.stem}.c"
    target.parent.mkdir(parents=True, exist_ok=True)
    options = [f"-X{name}={value}" for name, value in sorted(directives.items())]
    folders = [flag for folder in include_path for flag in ("-I", str(ROOT / folder))]
    run([host, "-m", "cython", "--module-name", kernel.name, *options, *folders,
         "-I", SITE_PACKAGES, source, "-o", target], env=plain_environment(), cwd=ROOT)
    return target


def _compile(host: Path, kernel: Kernel, sources: list[Path], built: Path) -> None:
    zig = str(CACHE / "zig")
    macros = [f"-D{name}" if value is None else f"-D{name}={value}"
              for name, value in kernel.macros]
    folders = [HOME / "include", SITE_PACKAGES / "numpy" / "_core" / "include",
               *(ROOT / folder for folder in kernel.include)]
    run([host, "-m", "ziglang", "cc", "-target", TARGET, "-s", "-shared", *kernel.flags, *macros,
         *(f"-I{folder}" for folder in folders), *sources, f"-L{HOME / 'libs'}",
         f"-lpython{PYTHON_TAG}", "-o", built],
        env={**plain_environment(), "ZIG_GLOBAL_CACHE_DIR": zig, "ZIG_LOCAL_CACHE_DIR": zig})
