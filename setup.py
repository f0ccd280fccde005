"""Builds the Cython kernels: every ``ext/X.pyx`` becomes ``dreammaker._ext.X``.

Environment
-----------
DM_SAFE=1   bounds, wraparound and None checks on (the whole suite must pass here too)
DM_TRACE=1  line tracing for coverage
"""

import os
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

SAFE = os.environ.get("DM_SAFE") == "1"
TRACE = os.environ.get("DM_TRACE") == "1"
CHECKED = SAFE or TRACE

if sys.platform == "win32":
    compile_args = ["/O2", "/fp:precise"]
else:
    # No fast-math and no contraction: the same bits on every machine.
    compile_args = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-Wno-unused-function"]

macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
          ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]
if TRACE:
    macros.append(("CYTHON_TRACE_NOGIL", "1"))

directives = {
    "language_level": "3",
    "binding": True,
    "embedsignature": True,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "nonecheck": CHECKED,
    "cdivision": True,
    "linetrace": TRACE,
}

extensions = [
    Extension(
        f"dreammaker._ext.{source.stem}",
        [source.as_posix()],
        include_dirs=[numpy.get_include(), "ext"],
        define_macros=macros,
        extra_compile_args=compile_args,
    )
    for source in sorted(Path("ext").glob("*.pyx"))
]

flavour = "safe" if SAFE else "trace" if TRACE else "fast"
setup(
    ext_modules=cythonize(
        extensions,
        build_dir=f".cache/cython-{flavour}",
        compiler_directives=directives,
        include_path=["."],
        nthreads=0 if sys.platform == "win32" else 2,
        show_all_warnings=False,
    ),
    options={"build": {"build_base": f".cache/setuptools-{flavour}"}},
)
