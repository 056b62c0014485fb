"""What the examples of this folder share: their options, digits to train on, progress, pictures, and the final table."""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

import minitorch_ndl as ndl
from minitorch_ndl import datasets
from minitorch_ndl.utils.data import TensorDataset
from minitorch_ndl.vision.utils import make_grid, save_image

ROOT = Path(__file__).resolve().parent.parent
START = time.perf_counter()


class Problem(Exception):
    """Something that its message explains; a traceback would add nothing."""


def parser(doc, **defaults):
    """The options that all examples have. `defaults` gives epochs, batch_size and lr; those not given are left out."""
    result = argparse.ArgumentParser(description=doc.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    texts = {"epochs": (positive_int, "N", "passes over the training data"),
             "batch_size": (positive_int, "N", "samples per step"),
             "lr": (positive_float, "X", "learning rate")}
    for name, default in defaults.items():
        kind, metavar, text = texts[name]
        result.add_argument("--" + name.replace("_", "-"), type=kind, default=default, metavar=metavar, help=text)
    result.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same run")
    result.add_argument("--quiet", action="store_true", help="print the final table only")
    return result


def add_digit_options(parser):
    """The options that `load_digits` reads."""
    add = parser.add_argument
    add("--data-dir", metavar="DIR", help="folder with MNIST's four idx files, gzipped or raw; unset: $MINITORCH_NDL_DATA, or "
        "else data/ beside this script's folder; downloaded into it if they are not there")
    add("--dataset", choices=["auto", "mnist", "digits"], default="auto",
        help="mnist: the real thing or an error; digits: drawn by the package; auto: mnist, or digits without a network")
    add("--limit", type=positive_int, metavar="N", help="use the first N training and test images only")


def positive_int(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1; got {text}")
    return value


def positive_float(text):
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0; got {text}")
    return value


class Digits(NamedTuple):
    train: TensorDataset  #: images (N, 1, 28, 28) of 0 to 1, and labels (N,)
    test: TensorDataset
    source: str  #: what they are, for the final table


def load_digits(args):
    """MNIST, or drawn digits, as the options say. Prints a notice if it is not MNIST."""
    try:
        data = datasets.load(args.dataset, args.data_dir, quiet=args.quiet, default_dir=ROOT / "data")
    except datasets.DataError as error:
        raise Problem(error) from None
    if data.notice and not args.quiet:
        print(data.notice, end="\n\n")

    def as_tensors(images, labels):
        x = ndl.from_numpy(images[:args.limit]).unsqueeze(1).float().div_(255)
        return TensorDataset(x, ndl.from_numpy(labels[:args.limit]).long())

    return Digits(as_tensors(data.train_images, data.train_labels), as_tensors(data.test_images, data.test_labels),
                  f"{data.name}: {data.source}")


class Progress:
    """Running means over the steps of an epoch: in a bar on a terminal, in a line at the end elsewhere.

        with Progress("epoch 1/5", len(loader), show) as progress:
            for x, y in loader:
                ...
                progress.step(loss=loss.item())
    """

    def __init__(self, title, total, show=True):
        self.title, self.totals, self.steps, self.show = title, {}, 0, show
        self.on_terminal = sys.stderr.isatty()
        self.bar = tqdm(total=total, desc=title, unit=" steps", disable=not (show and self.on_terminal))

    def __enter__(self):
        return self

    def step(self, **values):
        self.steps += 1
        for name, value in values.items():
            if not math.isfinite(value):
                raise Problem(f"{self.title}: {name} became {value} at step {self.steps}. Try a smaller learning rate.")
            self.totals[name] = self.totals.get(name, 0.0) + value
        if self.steps % 20 == 0 or self.steps == self.bar.total:
            self.bar.set_postfix(self.texts(), refresh=False)
        self.bar.update()

    def texts(self):
        return {name: f"{total / self.steps:.4f}" for name, total in self.totals.items()}

    def __exit__(self, kind, *_):
        self.bar.close()
        if kind is None and self.show and not self.on_terminal:
            print(f"{self.title}: " + ", ".join(f"{name} {text}" for name, text in self.texts().items()), flush=True)


def save_images(images, path, columns=8):
    """Write images (N, C, H, W) of 0 to 1 as one: PNG, or whatever `path` says, through Pillow; PPM where it is not installed.

    Returns the path that it wrote to.
    """
    grid, path = make_grid(images, nrow=columns), Path(path)
    try:
        save_image(grid, path)
    except ImportError:
        path = path.with_suffix(".ppm")
        _, height, width = grid.shape
        pixels = (grid.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        path.write_bytes(f"P6 {width} {height} 255\n".encode() + pixels.tobytes())
    return path


def report(**lines):
    """The final table, and the time it all took; underscores in names stand for spaces."""
    width = max(map(len, lines))
    print()
    for name, text in [*lines.items(), ("time", f"{time.perf_counter() - START:.1f} s")]:
        print(f"{name.replace('_', ' '):<{width}}  {text}")


def run(main):
    """Call an example's main function, and exit with what the problem was, if there was one."""
    try:
        main()
    except (Problem, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
    except KeyboardInterrupt:
        print("\nInterrupted.")
        sys.exit(130)
