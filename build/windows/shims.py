"""Two libraries that Wine 8 lacks or has incomplete: for tests under Wine, never shipped."""

import re
import shutil
from pathlib import Path

from windows.workspace import CACHE, BuildError, run

HERE = Path(__file__).resolve().parent
SOURCES = (HERE / "ucrt_complex.c", HERE / "process_prng.c", HERE / "shims.py")
GCC = "x86_64-w64-mingw32-gcc"
BUILTIN = b"Wine builtin DLL"
"""What Wine writes into the header of its own libraries."""


def install_shims(host: Path, system32: Path) -> None:
    """Put ``ucrtbase.dll`` (with Wine's own behind it) and ``bcryptprimitives.dll`` into a prefix.

    The new ``ucrtbase.dll`` forwards every export to Wine's own library, renamed
    ``wucrtbase.dll``, except the complex functions, which it brings itself.

    Parameters
    ----------
    host : Path
        Python with pefile.
    system32 : Path
        Folder of a prefix that has just been made: its ``ucrtbase.dll`` is still Wine's.
    """
    work = CACHE / "shims"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    original = (system32 / "ucrtbase.dll").read_bytes()
    if original.count(BUILTIN) != 1:
        raise BuildError("ucrtbase.dll of the Wine prefix is not Wine's own library")
    # Without the mark Wine loads the copy as if it came with the program.
    (work / "wucrtbase.dll").write_bytes(original.replace(BUILTIN, bytes(len(BUILTIN))))
    run([GCC, "-O2", "-c", SOURCES[0], "-o", work / "complex.o"])
    symbols = run(["x86_64-w64-mingw32-nm", "--defined-only", work / "complex.o"])
    ours = set(re.findall(r" T shim_(\w+)", symbols))
    exports = set(run([host, "-c", _LIST_EXPORTS, system32 / "ucrtbase.dll"]).split())
    lines = [f" {name} = " + (f"shim_{name}" if name in ours else f"wucrtbase.{name}")
             for name in sorted(exports | ours)]
    (work / "ucrtbase.def").write_text(
        "\n".join(["LIBRARY ucrtbase.dll", "EXPORTS", *lines, ""]), encoding="ascii")
    run([GCC, "-shared", "-static-libgcc", "-o", work / "ucrtbase.dll", work / "complex.o",
         work / "ucrtbase.def"])
    run([GCC, "-O2", "-shared", "-static-libgcc", "-o", work / "bcryptprimitives.dll", SOURCES[1],
         "-ladvapi32"])
    for name in ("ucrtbase.dll", "wucrtbase.dll", "bcryptprimitives.dll"):
        (system32 / name).unlink(missing_ok=True)
        shutil.copyfile(work / name, system32 / name)


_LIST_EXPORTS = """
import sys, pefile
for symbol in pefile.PE(sys.argv[1]).DIRECTORY_ENTRY_EXPORT.symbols:
    if symbol.name:
        print(symbol.name.decode())
"""
