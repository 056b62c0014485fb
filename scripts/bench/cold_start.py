"""Cold start: a process that imports the library, loads a saved two-layer model, and predicts once. And what installing
the library brings onto the disk.

    python scripts/bench/cold_start.py              # this package against torch, and an empty Python and NumPy for scale
    python scripts/bench/cold_start.py --write      # and put the figures into docs/benchmarks.md
"""

import argparse
import importlib.util
import marshal
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import report

ROOT = Path(__file__).resolve().parents[2]
LINUX = sys.platform.startswith("linux")
BAR = 0.25  # of torch's time, and of its memory
NAMES = {"minitorch_ndl": "minitorch_ndl", "torch": "torch", "numpy": "`import numpy` alone", "": "Python alone"}
MODEL = "model = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))\n"
SAVE = "import sys, {0} as torch\n" + MODEL + "torch.save(model.state_dict(), sys.argv[1])"
PREDICT = ("import sys, {0} as torch\n" + MODEL + "model.load_state_dict(torch.load(sys.argv[1]))\n"
           "with torch.no_grad(): print(model(torch.ones(1, 784)).argmax().item())")


# (What wait4 calls the most memory of a process includes what it had before it became Python.)
PEAK = "\nprint('\\n' + next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"


def run(code, file):
    """Seconds by the clock, megabytes at most, and what it printed, of a process of its own."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code + PEAK * LINUX, str(file)], env={**os.environ, "PYTHONPATH": path},
                               stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = status
    process.stdout.close()
    if status:
        sys.exit("cold_start: a process failed; its own message stands above")
    printed, _, peak = printed.rstrip().rpartition("\n") if LINUX else (printed, "", usage.ru_maxrss)
    return seconds, int(peak) / 1024, printed


def measure(libraries, rounds):
    """Of each, the medians of time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pt"
        run(SAVE.format("minitorch_ndl"), file)  # torch reads it too
        codes = {lib: f"import {lib}" if lib == "numpy" else PREDICT.format(lib) if lib else "" for lib in libraries}
        found = {lib: [run(code, file)] for lib, code in codes.items()}  # the first reads files that the others find in memory
        answers = {f[0][2] for lib, f in found.items() if lib in ("minitorch_ndl", "torch")}
        if len(answers) > 1:
            sys.exit(f"cold_start: the predictions differ: {answers}")
        for _ in range(rounds):
            for lib, code in codes.items():
                found[lib].append(run(code, file))
    return {lib: [statistics.median(column) for column in list(zip(*runs[1:], strict=True))[:2]] for lib, runs in found.items()}


def installed(package, seen=None):
    """Distribution -> bytes, of `package` and all that it requires here."""
    seen = {} if seen is None else seen
    name = re.sub(r"[-_.]+", "-", package).lower()
    if name in seen:
        return seen
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return seen
    seen[name] = sum(f.locate().stat().st_size for f in distribution.files or () if f.locate().is_file())
    for requirement in distribution.requires or ():
        if "extra ==" not in requirement:  # (a requirement for another system is not installed here)
            installed(re.match(r"[\w.-]+", requirement)[0], seen)
    return seen


def ours():
    """The same for this package, whether it is installed or not: a wheel's files, as compiled by pip, and what it requires."""
    files = [f for pattern in ("*.py", "*.pyi", "py.typed") for f in (ROOT / "minitorch_ndl").rglob(pattern)]
    compiled = sum(len(marshal.dumps(compile(f.read_bytes(), str(f), "exec"))) for f in files if f.suffix == ".py")
    sizes = {"minitorch-ndl": sum(f.stat().st_size for f in files) + compiled}
    for package in ("numpy", "tqdm"):
        installed(package, sizes)
    return sizes


def sizes_line(sizes):
    parts = ", ".join(f"{n} {b / 1e6:.1f}" for n, b in sorted(sizes.items(), key=lambda item: -item[1]) if b >= 5e5)
    return f"{sum(sizes.values()) / 1e6:.0f} MB ({parts})"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    args = parser.parse_args(argv)
    libraries = [lib for lib in NAMES if not lib or importlib.util.find_spec(lib) or lib == "minitorch_ndl"]
    found = measure(libraries, args.rounds)
    rows = []
    for lib, (seconds, megabytes) in found.items():
        row = [NAMES[lib], f"{seconds:.2f} s", f"{megabytes:.0f} MB"]
        if "torch" in found:
            row += [f"{a / b:.2f}" for a, b in zip((seconds, megabytes), found["torch"], strict=True)]
        rows.append(row)
    head = ["", "time", "peak memory", *(["time / torch", "memory / torch"] if "torch" in found else [])]
    text = report.table(head, rows)
    if "torch" in found:
        met = [a <= BAR * b for a, b in zip(found["minitorch_ndl"], found["torch"], strict=True)]
        text += f"\n\nTo be reached: {BAR} of each. Time: {'met' if met[0] else 'NO'}; memory: {'met' if met[1] else 'NO'}."
    text += f"\n\nOn the disk: `pip install .` brings {sizes_line(ours())}"
    text += f"; torch {sizes_line(installed('torch'))}." if "torch" in found else "."
    print(report.machine() + "\n\n" + text)
    if args.write:
        report.write("cold start", text)


if __name__ == "__main__":
    main()
