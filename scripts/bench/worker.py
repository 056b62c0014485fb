"""One implementation of one workload in a process of its own. Started by run.py, which sends it how many steps to take.

    python scripts/bench/worker.py w1 "ndl|ndl fast|torch|torch fused|torch malloc|numpy" THREADS [OPTIONS]

OPTIONS are the workload's, as JSON. For each line it gets, a number of steps or "again", it answers with a line of JSON.
"""

import importlib
import importlib.util
import json
import os
import resource
import sys
import time
from pathlib import Path

FIRST = 5  # losses that are compared one by one


def main():
    name, implementation, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    options = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(threads)  # before NumPy is loaded
    os.environ["MINITORCH_NDL_FAST"] = "1" if implementation == "ndl fast" else "0"
    workload = importlib.import_module(f"workloads.{name}")
    start = starter(implementation, workload, threads, options)
    before = memory()
    step = start()
    answer(losses=[step() for _ in range(FIRST)])
    loss = None
    for line in sys.stdin:
        if line == "again\n":  # the same first steps, after everything has been in use
            step = start()
            answer(losses=[step() for _ in range(FIRST)])
            continue
        steps = int(line)
        begin, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            loss = step()
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        peak, pages, private = memory()
        answer(wall=seconds / steps, cpu=cpu / steps, loss=loss, memory=peak - before[0],
               private=peak - pages - before[2])


def starter(implementation, workload, threads, options):
    """Import what it takes, and give a function that builds the workload."""
    if implementation in ("torch malloc", "numpy") and (implementation != "numpy" or hasattr(workload, "TUNED")):
        tune()
    if implementation == "numpy":
        return lambda: workload.by_hand(**options)
    kind, _, variant = implementation.partition(" ")
    library = importlib.import_module({"ndl": "minitorch_ndl"}.get(kind, kind))
    if variant == "fast":
        importlib.import_module("numba")  # an import like the others: the kernels would load it in the first step
    if kind == "torch":
        library.set_num_threads(threads)
    if variant == "fused":
        options = {**options, "fused": True}
    return lambda: workload.build(library, **options)


def tune():
    """The package's own malloc settings, without the package."""
    file = Path(__file__).resolve().parents[2] / "minitorch_ndl" / "malloc.py"
    spec = importlib.util.spec_from_file_location("malloc", file)
    malloc = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(malloc)
    malloc.tune()


def memory():
    """In KiB: the most that was resident since the first call, and what is now: pages of files (code), and private ones."""
    try:
        if not memory.reset:
            memory.reset = True
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the imports
        status = Path("/proc/self/status").read_text()
        sizes = {n: int(v.split()[0]) for n, _, v in (line.partition(":") for line in status.splitlines()) if v.endswith("kB")}
        return sizes["VmHWM"], sizes["RssFile"], sizes["RssAnon"]
    except OSError:  # not Linux
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak, 0, peak


memory.reset = False


def answer(**values):
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
