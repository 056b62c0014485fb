"""What the DataLoader costs: an epoch of 60,000 digits in shuffled batches of 100, as a share of an epoch of W1.

    python scripts/bench/loader.py                  # the pixels as float32 and as bytes; one thread
    python scripts/bench/loader.py --write          # and put the figures into docs/benchmarks.md
"""

import argparse
import importlib.util
import os
import statistics
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before NumPy is loaded
os.environ.setdefault("MINITORCH_NDL_FAST", "0")

import numpy as np  # noqa: E402
import report  # noqa: E402
from workloads import w1  # noqa: E402

import minitorch_ndl as ndl  # noqa: E402

IMAGES, BATCH = 60_000, 100
BAR = 0.02  # of W1's epoch


def epochs(kind):
    """Name -> a function that goes through the data set once."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (IMAGES, 784), np.uint8).astype(kind)
    y = random.integers(0, 10, IMAGES)
    libraries = [("minitorch_ndl", ndl)]
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        libraries.append(("torch", torch))

    def through(loader):
        return lambda: sum(1 for _ in loader)

    found = {}
    for name, lib in libraries:
        data = lib.utils.data.TensorDataset(lib.from_numpy(x), lib.from_numpy(y))
        found[name] = through(lib.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True))
    data = ndl.utils.data.TensorDataset(ndl.from_numpy(x), ndl.from_numpy(y))
    found["minitorch_ndl, in order"] = through(ndl.utils.data.DataLoader(data, batch_size=BATCH))

    def by_hand():
        order = random.permutation(IMAGES)
        for i in range(0, IMAGES, BATCH):
            x.take(order[i:i + BATCH], axis=0), y.take(order[i:i + BATCH])

    found["NumPy's take, by hand"] = by_hand
    return found


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    args = parser.parse_args(argv)
    step = w1.build(ndl)

    def train():
        for _ in range(IMAGES // BATCH):
            step()

    rows = []
    for kind in ("float32", "uint8"):
        every = {"W1": train, **epochs(kind)}
        times = {name: [] for name in every}
        for count in range(args.rounds + 1):
            for name, epoch in every.items():
                start = time.process_time()
                epoch()
                if count:  # the first is for the caches
                    times[name].append(time.process_time() - start)
        for name in list(every)[1:]:
            share = statistics.median(a / b for a, b in zip(times[name], times["W1"], strict=True))
            rows.append([kind, name, f"{1e3 * statistics.median(times[name]):.1f} ms", f"{100 * share:.1f} %",
                         ("met" if share < BAR else "NO") if name.startswith("minitorch_ndl") else ""])
    text = report.table(["pixels", "an epoch of batches", "time", "of W1's epoch", f"below {100 * BAR:.0f} %"], rows)
    print(report.machine() + "\n\n" + text)
    if args.write:
        report.write("loader", text)


if __name__ == "__main__":
    main()
