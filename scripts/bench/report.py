"""What the measurements come to: checks, tables, and the pages of docs/benchmarks.md that are written by a script."""

import os
import platform
import re
import statistics
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

# Ratios to torch eager that are to be reached, on 1 and 2 threads: NumPy only, and with the compiled kernels.
TARGETS = {
    "w1": {"ndl": (0.75, 0.75), "ndl fast": (0.75, 0.75)}, "w2": {"ndl": (0.65, 0.65), "ndl fast": (0.50, 0.50)},
    "w3": {"ndl": (1.2, 1.3), "ndl fast": (0.85, 0.90)}, "w4": {"ndl": (0.95, 1.0), "ndl fast": (0.85, 0.85)},
    "w5": {"ndl": (1.3, 1.3), "ndl fast": (1.05, 1.05)}, "w5cells": {"ndl": (0.9, 0.7), "ndl fast": (0.7, 0.6)},
    "w6": {"ndl": (0.40, 0.40), "ndl fast": (0.40, 0.40)}}
# What loops by hand took, against torch eager, when the targets were set. One of ours sets a bar only if it is no more
# than a tenth slower: a slow loop by hand would make a framework look good.
BY_HAND = {"w1": (0.65, 0.53), "w2": (0.58, 0.59), "w3": (1.20, 1.63), "w4": (0.87, 0.94), "w5": (1.26, 1.28),
           "w5cells": (0.73, 0.54)}
NAMES = {"ndl": "NumPy only", "ndl fast": "with `fast`", "torch": "torch", "torch fused": "torch, fused optimizer",
         "torch malloc": "torch, our malloc", "numpy": "by hand"}


@dataclass
class Result:
    """One workload on so many threads: of each implementation its first losses, its rounds, its first losses again."""

    workload: str
    threads: int
    first: dict
    rounds: dict
    again: dict
    operations: int | None = None  # per step, where figures are given for one of them

    def check(self):
        """All train alike: to four digits at first, and when started again; to 2 % at the end, as rounding adds up."""
        name = "torch" if "torch" in self.first else "ndl"
        wanted, end = self.first[name], self.rounds[name][-1]["loss"]
        for i in self.first:
            for when, losses in (("", self.first[i]), (" after the rounds", self.again[i])):
                if not agree(losses, wanted, 1e-4):
                    sys.exit(f"bench: {self.workload}: the first losses of {i}{when}, {losses}, differ from those of "
                             f"{name}, {wanted}")
            last = self.rounds[i][-1]["loss"]
            if not agree([last], [end], 0.02):
                sys.exit(f"bench: {self.workload}: the last loss of {i}, {last}, differs from that of {name}, {end}")

    def times(self, implementation):
        """Seconds of each round. On one thread the processor's, which others on the machine disturb less; on several
        the clock's."""
        return [r["cpu" if self.threads == 1 else "wall"] for r in self.rounds[implementation]]

    def ratio(self, a, b="torch"):
        """Median of the rounds' ratios, since neighbours in time saw the same machine; None where one is missing."""
        if a not in self.rounds or b not in self.rounds:
            return None
        return statistics.median(x / y for x, y in zip(self.times(a), self.times(b), strict=True))

    def counts(self):
        """Whether the loop by hand is fast enough to measure others by."""
        wanted = BY_HAND.get(self.workload, (0, 0))[min(self.threads, 2) - 1]
        return self.ratio("numpy") is not None and self.ratio("numpy") <= 1.1 * wanted

    def target(self, implementation):
        """The ratio to torch that is to be reached: the table's, or with NumPy alone 1.25 of by hand if that is looser."""
        bar = TARGETS[self.workload][implementation][min(self.threads, 2) - 1]
        if implementation == "ndl" and self.counts():
            bar = max(bar, 1.25 * self.ratio("numpy"))
        if implementation == "ndl fast" and self.workload == "w2" and self.ratio("torch fused"):
            bar = min(bar, self.ratio("torch fused"))
        return bar

    def time(self, implementation):
        if implementation not in self.rounds:
            return "-"
        scale, unit = (1e6 / self.operations, "µs/op") if self.operations else (1e3, "ms")
        times = self.times(implementation)
        return f"{scale * statistics.median(times):.3g} ({scale * min(times):.3g}) {unit}"

    def verdict(self, implementation):
        ratio = self.ratio(implementation)
        if ratio is None:
            return "-"
        target = self.target(implementation)
        return f"**{ratio:.2f}** of {target:.2f}: {'met' if ratio <= target else 'NO'}"

    def megabytes(self, implementation, what="memory"):
        return max(r[what] for r in self.rounds[implementation]) / 1024

    def line(self):
        """For the one who waits."""
        ratios = ", ".join(f"{i} {number(self.ratio(i))}" for i in self.rounds if i != "torch")
        return f"{self.workload}, {self.threads} threads, / torch eager: {ratios}; losses agree"


def agree(a, b, tolerance):
    return len(a) == len(b) and all(abs(x - y) <= tolerance * max(1, abs(y)) for x, y in zip(a, b, strict=True))


def number(ratio):
    return "-" if ratio is None else f"{ratio:.2f}"


def table(head, rows):
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows])


def tables(results):
    """Ratios, times and memory of the whole run, as Markdown."""
    def place(r):
        return [r.workload.upper().replace("CELLS", " cells"), r.threads]

    ratios = table(
        ["", "threads", NAMES["ndl"], NAMES["ndl fast"], "`fast` / fused torch", NAMES["torch fused"], NAMES["torch malloc"],
         "by hand", "NumPy only / by hand"],
        [[*place(r), r.verdict("ndl"), r.verdict("ndl fast"), number(r.ratio("ndl fast", "torch fused")),
          number(r.ratio("torch fused")), number(r.ratio("torch malloc")), by_hand(r), number(r.ratio("ndl", "numpy"))]
         for r in results])
    columns = [i for i in NAMES if any(i in r.rounds for r in results)]
    times = table(["", "threads", *(NAMES[i] for i in columns)], [[*place(r), *map(r.time, columns)] for r in results])
    memory = table(
        ["", "threads", *(NAMES[i] for i in columns), "at most torch's"],
        [[*place(r), *(f"{r.megabytes(i):.0f} ({r.megabytes(i, 'private'):.0f})" if i in r.rounds else "-" for i in columns),
          at_most(r)] for r in results])
    return (f"Time per step as a ratio to torch eager, with the target and whether it is met:\n\n{ratios}\n\n"
            f"Median and least time per step:\n\n{times}\n\n"
            f"Peak memory in MB above the process after its imports (in brackets: without pages of code):\n\n{memory}")


def by_hand(r):
    ratio = r.ratio("numpy")
    if ratio is None or r.workload not in BY_HAND:
        return number(ratio)
    return f"{ratio:.2f} ({'counts' if r.counts() else 'does not count'}: {BY_HAND[r.workload][min(r.threads, 2) - 1]:.2f})"


def at_most(r):
    if "torch" not in r.rounds:
        return "-"
    ours = [i for i in ("ndl", "ndl fast") if i in r.rounds]
    return ", ".join("met" if r.megabytes(i) <= r.megabytes("torch") else "NO" for i in ours)


def machine():
    """A sentence about what this ran on."""
    try:
        info = Path("/proc/cpuinfo").read_text()
        model = re.search(r"^model name\s*:\s*(.+)$", info, re.M)[1]
    except (OSError, TypeError):
        model = platform.processor() or platform.machine()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    blas = f"{blas['name']} {blas['version']}"
    try:
        from threadpoolctl import threadpool_info

        blas += next((f" for {pool['architecture']}" for pool in threadpool_info() if "architecture" in pool), "")
    except ImportError:
        pass
    versions = [f"NumPy {np.__version__} ({blas})"]
    for package in ("torch", "numba"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return (f"{os.cpu_count()} cores of {model}, {platform.system()}, Python {platform.python_version()}, "
            f"{', '.join(versions)}.")


def write(section, text, page=PAGE):
    """Put `text` between the marks of its section of the page; what stands around it stays."""
    old = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {section}: written by scripts/bench -->\n", f"<!-- end of {section} -->\n"
    if begin not in old or end not in old:
        sys.exit(f"bench: {page.name} has no place for {section}: expected the lines {begin.strip()} and {end.strip()}")
    before, rest = old.split(begin, 1)
    after = rest.split(end, 1)[1]
    page.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}", encoding="utf-8")
    print(f"written: {section}, in docs/{page.name}")
