"""Train a two-layer classifier on MNIST: Linear, ReLU, Linear, SoftmaxLoss, SGD.

    python scripts/train_mnist.py --epochs 5 --lr 0.1
    python scripts/train_mnist.py --save mnist.pt --resume mnist.pt    # may be stopped at any moment and started again
    python scripts/train_mnist.py --plot report.html                   # curves, confusion matrix, mistakes, weights

MNIST is looked for in --data-dir, in the folder that MINITORCH_NDL_DATA names, or in data/, and downloaded if it is in
none of them. Without a network, digits that the package draws itself take its place, and the script says so.
"""

import argparse
import math
import pickle
import sys
import time
from pathlib import Path

from tqdm import tqdm

import minitorch_ndl as ndl
from minitorch_ndl import datasets, nn, optim, viz
from minitorch_ndl.utils.data import DataLoader, TensorDataset

ROOT = Path(__file__).resolve().parent.parent


class TwoLayerNet(nn.Module):
    """Images (N, 784) to scores for ten classes (N, 10)."""

    def __init__(self, hidden):
        super().__init__()
        self.layer1 = nn.Linear(784, hidden)
        self.relu = nn.ReLU()
        self.layer2 = nn.Linear(hidden, 10)

    def forward(self, x):
        return self.layer2(self.relu(self.layer1(x)))


class Diverged(Exception):
    """The loss is no longer a number."""


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Train a two-layer classifier on MNIST.", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--data-dir", metavar="DIR", help="folder with MNIST's four idx files, gzipped or raw; "
        "unset: $MINITORCH_NDL_DATA, or else data/ beside this script's folder; downloaded into it if they are not there")
    add("--dataset", choices=["auto", "mnist", "digits"], default="auto",
        help="mnist: the real thing or an error; digits: drawn by the package; auto: mnist, or digits without a network")
    add("--epochs", type=positive_int, default=10, metavar="N", help="passes over the training images")
    add("--batch-size", type=positive_int, default=64, metavar="N", help="images per step")
    add("--hidden", type=positive_int, default=256, metavar="N", help="size of the hidden layer")
    add("--lr", type=float, default=0.1, metavar="X", help="learning rate of the first epoch; it falls linearly from there")
    add("--momentum", type=float, default=0.9, metavar="X", help="momentum of SGD")
    add("--weight-decay", type=float, default=1e-5, metavar="X", help="weight decay of SGD")
    add("--seed", type=int, default=0, metavar="N", help="the same seed gives the same weights")
    add("--save", metavar="FILE", type=Path, help="write a checkpoint to FILE after each epoch")
    add("--resume", metavar="FILE", type=Path, help="go on from this checkpoint, to the weights that a run without a "
        "break would reach; the other options must be the same. If it is --save's FILE, it need not be there yet")
    add("--plot", metavar="FILE", type=Path, action="append", help="write a report of the training to FILE: a page (.html) "
        "or a picture (.png); may be given for both. Needs matplotlib")
    add("--quiet", action="store_true", help="print the final table only")
    return parser.parse_args()


def positive_int(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1; got {text}")
    return value


def as_tensors(images, labels):
    """Pixels (N, 28, 28) of 0 to 255 as rows (N, 784) of 0 to 1, and labels (N,)."""
    x = ndl.from_numpy(images).reshape(len(images), -1).float().div_(255)
    return TensorDataset(x, ndl.from_numpy(labels).long())


def train_epoch(model, loss_function, optimizer, loader, title, show, plot):
    """One pass over the training images. Shows a bar on a terminal, and prints a line elsewhere."""
    total, correct, seen, start = 0.0, 0, 0, time.perf_counter()
    on_terminal = sys.stderr.isatty()
    bar = tqdm(total=len(loader.dataset), desc=title, unit=" samples", unit_scale=True,
               disable=not (show and on_terminal))
    with bar:
        for step, (x, y) in enumerate(loader, 1):
            scores = model(x)
            loss = loss_function(scores, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            value = loss.item()
            if not math.isfinite(value):
                raise Diverged(f"{title}: the loss became {value} at step {step} of {len(loader)}. "
                               f"Try a smaller --lr (it was {optimizer.param_groups[0]['lr']:g}) or less --momentum.")
            if plot:
                plot.step(value)
            total += value * len(y)
            correct += (scores.argmax(1) == y).sum().item()
            seen += len(y)
            bar.update(len(y))
            if step % 50 == 0 or step == len(loader):
                bar.set_postfix(loss=f"{total / seen:.4f}", accuracy=f"{correct / seen:.2%}")
    if show and not on_terminal:
        rate = seen / (time.perf_counter() - start)
        print(f"{title}: loss {total / seen:.4f}, accuracy {correct / seen:.2%}, {rate:,.0f} samples/s", flush=True)


@ndl.no_grad()
def evaluate(model, loss_function, dataset):
    """Mean loss and accuracy."""
    model.eval()
    total, correct = 0.0, 0
    for x, y in DataLoader(dataset, batch_size=1000):
        scores = model(x)
        total += loss_function(scores, y).item() * len(y)
        correct += (scores.argmax(1) == y).sum().item()
    model.train()
    return total / len(dataset), correct / len(dataset)


def save_checkpoint(args, epoch, model, optimizer, plot):
    """All that the epochs to come depend on. The order of the images comes from the random numbers."""
    ndl.save({"options": training_options(args), "epoch": epoch, "model": model.state_dict(),
              "optimizer": optimizer.state_dict(), "random": ndl.get_rng_state(),
              "curves": plot and plot.state_dict()}, args.save)


def load_checkpoint(args, model, optimizer, plot):
    """Take up the run where the checkpoint left it; returns how many epochs are done."""
    try:
        saved = ndl.load(args.resume)
    except FileNotFoundError:
        if args.resume == args.save:
            return 0
        raise
    different = [f"--{name.replace('_', '-')} {value}" for name, value in saved["options"].items()
                 if value != getattr(args, name)]
    if different:
        raise ValueError(f"{args.resume} is from a run with {', '.join(different)}. Give the same options.")
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    ndl.set_rng_state(saved["random"])
    if plot and saved.get("curves"):
        plot.load_state_dict(saved["curves"])
    return saved["epoch"]


def training_options(args):
    return {name: value for name, value in vars(args).items()
            if name not in ("data_dir", "save", "resume", "quiet", "plot")}


def report(model, loss_function, train, test, data, epochs_done, epochs, seconds):
    train_loss, train_accuracy = evaluate(model, loss_function, train)
    test_loss, test_accuracy = evaluate(model, loss_function, test)
    print(f"""
             loss  accuracy
train    {train_loss:8.4f}  {train_accuracy:8.2%}
test     {test_loss:8.4f}  {test_accuracy:8.2%}

epochs   {epochs_done} of {epochs} in {seconds:.1f} s
data     {data.name}: {data.source}""")


@ndl.no_grad()
def save_plot(plot, model, test, data, status):
    """Complete the report that --plot asks for with what the network makes of the test images, and write it."""
    plot.data = f"{data.name}: {data.source}"
    plot.warning = "" if data.is_mnist else f"NOT MNIST\n{data.notice}"
    plot.note = f"Interrupted after {len(plot.losses):,} steps. The curves end with the last whole epoch." if status else ""
    scores = ndl.cat([model(x) for x, _ in DataLoader(test, batch_size=1000)])
    plot.results(scores, data.test_labels, data.test_images)
    plot.weights(model.layer1.weight, (28, 28))
    plot.save()
    print("report  ", *plot.paths)


def main():
    args = parse_arguments()
    show = not args.quiet
    plot = None
    try:
        if args.plot:  # what could fail at the end fails here
            plot = viz.TrainingReport(*args.plot, title="Two-layer classifier", facts=training_options(args))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"train_mnist: {error}")
    try:
        data = datasets.load(args.dataset, args.data_dir, quiet=args.quiet, default_dir=ROOT / "data")
    except datasets.DataError as error:
        sys.exit(f"train_mnist: {error}")
    if data.notice and show:
        print(data.notice, end="\n\n")

    ndl.manual_seed(args.seed)
    train = as_tensors(data.train_images, data.train_labels)
    test = as_tensors(data.test_images, data.test_labels)
    loader = DataLoader(train, batch_size=args.batch_size, shuffle=True)
    model = TwoLayerNet(args.hidden)
    loss_function = nn.SoftmaxLoss()
    try:
        optimizer = optim.SGD(model.parameters(), args.lr, args.momentum, weight_decay=args.weight_decay)
        done = load_checkpoint(args, model, optimizer, plot) if args.resume else 0
    except (ValueError, OSError, RuntimeError, pickle.UnpicklingError) as error:
        sys.exit(f"train_mnist: {error}")

    if plot and not plot.losses:
        plot.first_step = done * len(loader)
    status, start = 0, time.perf_counter()
    try:
        for epoch in range(done, args.epochs):
            for group in optimizer.param_groups:
                group["lr"] = args.lr * (1 - epoch / args.epochs)
            train_epoch(model, loss_function, optimizer, loader, f"epoch {epoch + 1}/{args.epochs}", show, plot)
            done += 1
            if plot:
                plot.epoch(done, **{split: dict(zip(("loss", "accuracy"), evaluate(model, loss_function, dataset)))
                                    for split, dataset in (("train", train), ("test", test))})
            if args.save:
                save_checkpoint(args, done, model, optimizer, plot)
    except KeyboardInterrupt:
        print("\nInterrupted; this is what was reached:")
        status = 130
    except Diverged as error:
        sys.exit(f"train_mnist: {error}")
    report(model, loss_function, train, test, data, done, args.epochs, time.perf_counter() - start)
    if plot:
        try:
            save_plot(plot, model, test, data, status)
        except (OSError, RuntimeError) as error:  # the disk is full, the folder is gone
            sys.exit(f"train_mnist: no report: {error}")
    return status


if __name__ == "__main__":
    sys.exit(main())
