"""Build the environments of the peers that the benchmarks measure themselves against.

Run ``python benchmarks/peers.py [name ...]``; needs uv and a C compiler. Each peer gets a Python
3.11 environment of its own under ``.cache/peers``, since they want other versions than we do:
hawkeslib 0.2.2 builds only with NumPy below 2 and Cython below 3, tick lacks numpydoc and six among
its requirements. A peer that does not build is reported, and the benchmark skips it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / ".cache" / "peers"
# Steps of installation: packages, then packages built against what is there already.
PEERS = {
    "hawkeslib": (["numpy<2", "cython<3", "setuptools<70", "wheel", "scipy<1.14", "numba"],
                  ["hawkeslib==0.2.2"]),
    "hawkes": (["numpy<2", "cython<3", "setuptools<70", "wheel", "scipy<1.14", "pandas<2.3",
                "matplotlib"], ["Hawkes==1.0"]),
    "tick": (["numpydoc", "six", "tick==0.8.0.1"], []),
    "skfolio": (["skfolio>=1.12,<1.13"], []),
    "hftbacktest": (["hftbacktest==2.4.4"], []),
}


def interpreter(name: str) -> Path:
    """Python of a peer's environment, whether or not it exists."""
    return FOLDER / name / "bin" / "python"


def build(name: str) -> str:
    """Build one environment; returns what went wrong, or an empty string."""
    first, second = PEERS[name]
    commands = [["uv", "venv", "-q", "--clear", "--python", "3.11", str(FOLDER / name)]]
    install = ["uv", "pip", "install", "-q", "--python", str(interpreter(name))]
    commands.append([*install, *first])
    if second:
        commands.append([*install, "--no-build-isolation", *second])
    for command in commands:
        # Away from the project, whose pins are for its own environment.
        done = subprocess.run(command, cwd=tempfile.gettempdir(), capture_output=True, text=True,
                              check=False)
        if done.returncode:
            return done.stderr.strip()[-2000:]
    return ""


def main() -> int:
    """Build the peers named on the command line, or all."""
    failures = 0
    for name in sys.argv[1:] or PEERS:
        problem = build(name)
        failures += bool(problem)
        print(f"{name}: {problem or 'ready'}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
