"""Time the workloads: this package, torch eager (where it is installed) and NumPy by hand, interleaved in one run.

    python scripts/bench/run.py                     # all workloads, 1 and 2 threads
    python scripts/bench/run.py w1 --threads 1 --rounds 15

What counts are the ratios of medians: absolute times mean nothing on another machine, and little on this one tomorrow.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORKLOADS = sorted(p.stem for p in (HERE / "workloads").glob("w*.py"))


class Worker:
    """One implementation at work in its own process."""

    def __init__(self, workload, implementation, threads):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), workload, implementation, str(threads)], cwd=HERE,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.losses = self._read()["losses"]
        self.rounds = []

    def round(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.rounds.append(self._read())

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("bench: a worker died; its own message stands above")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(workload, threads, rounds, implementations):
    """The rounds of each implementation, taken in turn."""
    workers = {i: Worker(workload, i, threads) for i in implementations}
    for _ in range(rounds):
        for worker in workers.values():
            worker.round()
    for worker in workers.values():
        worker.close()
    return workers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], help=f"default: all ({', '.join(WORKLOADS)})")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=11, help="of about a tenth of a second each")
    args = parser.parse_args()
    implementations = ["ndl", "numpy"] + (["torch"] if importlib.util.find_spec("torch") else [])
    print("| workload | threads | ndl median (min) | / torch eager | / NumPy by hand | peak memory ndl, torch |")
    print("|---|---|---|---|---|---|")
    for workload in args.workloads or WORKLOADS:
        for threads in args.threads:
            by_hand = "def by_hand" in (HERE / "workloads" / f"{workload}.py").read_text()
            workers = measure(workload, threads, args.rounds, [i for i in implementations if i != "numpy" or by_hand])
            report(workload, threads, workers)


def report(workload, threads, workers):
    reference = workers["ndl"].losses
    for name, worker in workers.items():
        if any(abs(a - b) > 1e-4 * max(1, abs(b)) for a, b in zip(reference, worker.losses)):
            sys.exit(f"bench: {workload}: the losses of ndl, {reference}, and {name}, {worker.losses}, differ")
    # On one thread the processor's time, which others on the machine disturb less; on several the clock's.
    times = {n: [r["cpu" if threads == 1 else "wall"] for r in w.rounds] for n, w in workers.items()}
    # Round by round, since neighbours in time saw the same machine.
    ratio = lambda n: f"{statistics.median(a / b for a, b in zip(times['ndl'], times[n])):.2f}" if n in times else "-"
    memory = ", ".join(f"{workers[n].rounds[-1]['memory'] / 1024:.0f} MB" for n in ("ndl", "torch") if n in workers)
    middle, least = 1e3 * statistics.median(times["ndl"]), 1e3 * min(times["ndl"])
    print(f"| {workload.upper()} | {threads} | {middle:.3f} ms ({least:.3f}) | "
          f"{ratio('torch')} | {ratio('numpy')} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
