"""One implementation of one workload in a process of its own. Started by run.py; does a round for each line it is sent.

    python scripts/bench/worker.py w1 ndl|torch|numpy THREADS
"""

import importlib
import json
import os
import resource
import sys
import time


def main():
    name, implementation, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)  # before NumPy is loaded
    workload = importlib.import_module(f"workloads.{name}")
    if implementation == "numpy":
        before = peak()
        step = workload.by_hand()
    else:
        torch = importlib.import_module("torch" if implementation == "torch" else "minitorch_ndl")
        if implementation == "torch":
            torch.set_num_threads(threads)
        before = peak()
        step = workload.build(torch)
    losses = [step() for _ in range(3)]
    print(json.dumps({"losses": losses}), flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(workload.STEPS):
            step()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(json.dumps({"wall": seconds / workload.STEPS, "cpu": cpu / workload.STEPS, "memory": peak() - before}),
              flush=True)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
