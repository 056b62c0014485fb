"""How time and memory grow: W1 over its hidden size and its batch, W4 over its block and its width, beside torch.

    python scripts/bench/scaling.py                 # draws docs/images/scaling-*.svg; one thread, some five minutes
    python scripts/bench/scaling.py hidden --rounds 9

Each point has fresh processes, one for each implementation, whose rounds take turns. A "bend" is a point where our time
per step, compared with torch's, is off the line between its neighbours by more than a fifth (at the end: off its neighbour).
"""

import argparse
import importlib.util
import statistics
from pathlib import Path

from run import Worker

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SWEEPS = {  # name -> workload, what it is called on the axis, its values
    "hidden": ("w1", "hidden size of W1", [32, 64, 128, 256, 512, 1024, 2048, 4096]),
    "batch": ("w1", "batch of W1", [1, 4, 16, 64, 256, 1024, 4096]),
    "block": ("w4", "block of W4", [8, 16, 32, 64, 128, 256]),
    "width": ("w4", "width of W4", [16, 32, 64, 128, 256, 512]),
}
COLOURS = {"torch": "#e07b39", "ndl": "#3b8ed0", "ndl fast": "#2fa36b"}
LABELS = {"torch": "torch eager", "ndl": "minitorch_ndl", "ndl fast": "minitorch_ndl with `fast`"}
GREY = "#808080"  # can be read on white and on black
ROUND = 0.08  # seconds, about


def point(workload, option, value, implementations, rounds):
    """Median seconds of processor time per step and megabytes at most, of each implementation."""
    workers = {i: Worker(workload, i, 1, {option: value}) for i in implementations}
    steps = max(1, round(ROUND / max(w.round(1)["cpu"] for w in workers.values())))
    for w in workers.values():
        w.rounds.clear()
    # No more than about three seconds for the large ones: they repeat well.
    spent = 0.0
    for count in range(rounds):
        for w in workers.values():
            spent += w.round(steps)["wall"] * steps
        if count >= 2 and spent > 3 * len(workers):
            break
    for w in workers.values():
        w.close()
    return {i: (statistics.median(r["cpu"] for r in w.rounds), w.rounds[-1]["memory"] / 1024) for i, w in workers.items()}


def bends(values, ours, theirs):
    """Where the ratio of our time to torch's leaves the line through its neighbours; at the end, its last neighbours."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    found = []
    for i in range(1, len(values)):
        last = i == len(values) - 1
        expected = ratios[i - 1] if last else (ratios[i - 1] * ratios[i + 1])**0.5
        if not 1 / 1.2 < ratios[i] / expected < 1.2:
            after = "" if last else f" and {ratios[i + 1]:.2f} after"
            found.append(f"at {values[i]}: {ratios[i]:.2f} of torch's time, {ratios[i - 1]:.2f} before{after}")
    return found


def draw(name, label, values, series):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 11, "text.color": GREY,
                         "axes.labelcolor": GREY, "axes.edgecolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
                         "font.family": ["sans-serif"], "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for axis, which, title in zip(axes, (0, 1), ("ms per step", "peak memory, MB above the imports"), strict=True):
        for implementation, points in series.items():
            axis.plot(values, [p[which] * (1e3 if which == 0 else 1) for p in points], marker="o", markersize=5, linewidth=2,
                      color=COLOURS[implementation], label=LABELS[implementation].replace("`", ""))
        axis.set(title=title, xlabel=label, xscale="log", yscale="log")
        axis.set_xticks(values, [str(v) for v in values])
        axis.minorticks_off()
        axis.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda v, _: f"{v:g}"))
        axis.grid(color=GREY, alpha=0.25)
    axes[0].legend(frameon=False, labelcolor=GREY)
    IMAGES.mkdir(exist_ok=True)
    file = IMAGES / f"scaling-{name}.svg"
    figure.savefig(file, transparent=True, metadata={"Date": None})
    plt.close(figure)
    print(f"written: {file.name}, {file.stat().st_size / 1e3:.0f} kB")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("sweeps", nargs="*", choices=[*SWEEPS, []], help=f"default: all ({', '.join(SWEEPS)})")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args(argv)
    if importlib.util.find_spec("matplotlib") is None:
        parser.exit(1, "scaling: draws with matplotlib, which is not installed; pip install 'minitorch_ndl[bench]'\n")
    there = {"torch": "torch", "ndl": "numpy", "ndl fast": "numba"}
    implementations = [i for i, needs in there.items() if importlib.util.find_spec(needs)]
    for name in args.sweeps or SWEEPS:
        workload, label, values = SWEEPS[name]
        series = {i: [] for i in implementations}
        print(f"| {label} | " + " | ".join(f"{LABELS[i]}, ms | MB" for i in implementations) + " |")
        print("|---" * (1 + 2 * len(implementations)) + "|")
        for value in values:
            found = point(workload, name, value, implementations, args.rounds)
            for i in implementations:
                series[i].append(found[i])
            print(f"| {value} | " + " | ".join(f"{1e3 * s:.3g} | {m:.0f}" for s, m in found.values()) + " |", flush=True)
        for i in implementations:
            if i != "torch" and "torch" in series:
                here = bends(values, *([s for s, _ in series[k]] for k in (i, "torch")))
                print(f"bends of {LABELS[i]}: {'; '.join(here) or 'none'}")
        draw(name, label, values, series)


if __name__ == "__main__":
    main()
