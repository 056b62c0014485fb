"""Time the workloads: this package without and with its compiled kernels, torch eager (where it is installed) with its
default and its fused optimizers and with this package's malloc settings, and NumPy by hand. Interleaved in one run.

    python scripts/bench/run.py                     # all workloads, 1 and 2 threads
    python scripts/bench/run.py w1 --threads 1 --rounds 15
    python scripts/bench/run.py --write             # and put the figures into docs/benchmarks.md

What counts are the ratios of medians: absolute times mean nothing on another machine, and little on this one tomorrow.
"""

import argparse
import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
WORKLOADS = sorted(p.stem for p in (HERE / "workloads").glob("w*.py"))
IMPLEMENTATIONS = ("ndl", "ndl fast", "torch", "torch fused", "torch malloc", "numpy")
SPIN = 0.15  # seconds: OpenBLAS's idle threads spin for a tenth of one, which would slow down whoever has the next round


class Worker:
    """One implementation at work in its own process."""

    def __init__(self, workload, implementation, threads, options=None):
        path = os.pathsep.join([str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.name = f"{workload}, {implementation}"
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), workload, implementation, str(threads), json.dumps(options or {})],
            cwd=HERE, env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.losses = self._read()["losses"]
        self.rounds = []

    def round(self, steps):
        self.rounds.append(self._ask(steps))
        return self.rounds[-1]

    def finish(self):
        """End the process. Gives the first losses of the same training, started again."""
        again = self._ask("again")["losses"]
        self.close()
        return again

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _ask(self, what):
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"bench: the worker for {self.name} died; its own message stands above")
        return json.loads(line)


def available(workload):
    """The implementations that can run here and that this workload has."""
    module = importlib.import_module(f"workloads.{workload}")
    torch, numba = (importlib.util.find_spec(n) is not None for n in ("torch", "numba"))
    optimizer = "optimizer" in inspect.signature(module.build).parameters
    there = {"ndl": True, "ndl fast": numba, "torch": torch, "torch fused": torch and optimizer, "torch malloc": torch,
             "numpy": hasattr(module, "by_hand")}
    return [i for i in IMPLEMENTATIONS if there[i]]


def measure(workload, threads, rounds, implementations, steps=None):
    """The rounds of each implementation, taken in turn, as `report.Result`."""
    module = importlib.import_module(f"workloads.{workload}")
    workers = {i: Worker(workload, i, threads) for i in implementations}
    for _ in range(rounds):
        for worker in workers.values():
            worker.round(steps or module.STEPS)
            if threads > 1:
                time.sleep(SPIN)
    return report.Result(
        workload, threads, first={i: w.losses for i, w in workers.items()}, rounds={i: w.rounds for i, w in workers.items()},
        again={i: w.finish() for i, w in workers.items()}, operations=getattr(module, "OPS", None))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], help=f"default: all ({', '.join(WORKLOADS)})")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=11, help="of about a tenth of a second each")
    parser.add_argument("--steps", type=int, help="steps of a round (default: the workload's)")
    parser.add_argument("--only", nargs="+", choices=IMPLEMENTATIONS, help="leave the other implementations out")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    args = parser.parse_args(argv)
    if args.write and (args.workloads or args.only or args.steps or args.threads != [1, 2]):
        parser.error("--write: docs/benchmarks.md holds a whole run, not a part of one")
    print(report.machine(), flush=True)
    results = []
    for workload in args.workloads or WORKLOADS:
        implementations = [i for i in available(workload) if not args.only or i in args.only]
        for threads in args.threads:
            result = measure(workload, threads, args.rounds, implementations, args.steps)
            result.check()
            print(result.line(), flush=True)
            results.append(result)
    text = report.tables(results)
    print("\n" + text)
    if args.write:
        report.write("workloads", f"{report.machine()} {args.rounds} rounds.\n\n{text}")


if __name__ == "__main__":
    main()
