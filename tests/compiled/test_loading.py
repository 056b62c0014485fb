"""When the compiled kernels are loaded, and what happens where they can't be."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GELU = "import minitorch_ndl as ndl; print(float(ndl.nn.functional.gelu(ndl.ones(3)).sum()))\n"
numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")


def run(program, **environment):
    """What a fresh Python prints, and writes to its standard error."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "MINITORCH_NDL_"))}
    done = subprocess.run([sys.executable, "-c", program], env={**kept, "PYTHONPATH": str(ROOT), **environment},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


def test_nothing_is_loaded_before_it_is_used():
    program = "import sys, minitorch_ndl as ndl; a = ndl.ones(3, 3); a @ a; a + a; print('numba' in sys.modules)"
    assert run(program)[0] == ["False"]


def test_can_be_turned_off():
    out, said = run("import sys\n" + GELU + "print('numba' in sys.modules)", MINITORCH_NDL_FAST="0")
    assert float(out[0]) == pytest.approx(2.524, abs=1e-3) and out[1] == "False" and not said


def test_does_without_numba():
    out, said = run("import sys; sys.modules['numba'] = None\n" + GELU)
    assert float(out[0]) == pytest.approx(2.524, abs=1e-3)


@numba
def test_says_once_that_it_compiles_and_keeps_the_result(tmp_path):
    for time in range(2):
        out, said = run(GELU + "ndl.nn.functional.silu(ndl.ones(3)); ndl.softmax(ndl.ones(3), 0)", NUMBA_CACHE_DIR=str(tmp_path))
        assert float(out[0]) == pytest.approx(2.524, abs=1e-3)
        assert said.count("compiling fast kernels") == (time == 0), said


@numba
def test_does_without_a_cache():
    """Where no folder can be written to, every process compiles for itself."""
    program = "from numba.core import caching\ncaching._CacheImpl._locator_classes = []\n" \
              "caching.CacheImpl._locator_classes = []\n"
    out, said = run(program.replace("caching._CacheImpl._locator_classes = []\n", "") + GELU)
    assert float(out[0]) == pytest.approx(2.524, abs=1e-3)
