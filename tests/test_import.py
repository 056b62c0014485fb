"""`import minitorch_ndl` is cheap and quiet: heavy and optional modules load when they are used."""

import subprocess
import sys

import pytest

HEAVY = {
    "asyncio",
    "concurrent.futures",
    "cupy",
    "email",
    "http.client",
    "logging",
    "matplotlib",
    "multiprocessing",
    "numba",
    "pytest",
    "scipy",
    "ssl",
    "threadpoolctl",
    "torch",
    "tqdm",
    "unittest",
    "urllib.request",
}


def run(code):
    """What a fresh interpreter prints, warnings being errors."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def loaded():
    """The modules that importing the package adds to those that NumPy and the interpreter have loaded."""
    return set(
        run(
            "import numpy, sys; before = set(sys.modules);"
            "import minitorch_ndl; print(*sorted(set(sys.modules) - before))"
        )
    )


def test_heavy_modules_stay_unloaded(loaded):
    assert "minitorch_ndl" in loaded
    assert loaded & HEAVY == set()


def test_every_module_can_be_imported():
    run(
        "import importlib, importlib.util, pkgutil, minitorch_ndl as ndl\n"
        "numba = importlib.util.find_spec('numba')\n"
        "for module in pkgutil.walk_packages(ndl.__path__, 'minitorch_ndl.'):\n"
        "    if not module.name.endswith('__main__') and (numba or '.compiled.' not in module.name):\n"
        "        importlib.import_module(module.name)"
    )
