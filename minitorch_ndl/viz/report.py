"""`TrainingReport`: what a training run did, as one page to open in a browser, or as one picture."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import backend
from ..serialization.files import replacing
from ..tensor import Tensor
from .figures import figure

_FORMATS = (".html", ".png")


@dataclass
class Results:
    """What a classifier makes of a data set."""

    labels: np.ndarray  # (N,)
    predicted: np.ndarray  # (N,)
    certainty: np.ndarray  # (N,) the probability that it gives to what it predicts
    images: np.ndarray | None  # (N, H, W) or (N, H, W, 3), bytes
    classes: list[str]
    confusion: np.ndarray = field(init=False)  # (classes, classes): rows what it is, columns what is predicted
    wrong: np.ndarray = field(init=False)  # the numbers of those that it gets wrong, the surest first

    def __post_init__(self) -> None:
        count = len(self.classes)
        self.confusion = np.bincount(self.labels * count + self.predicted, minlength=count * count).reshape(count, count)
        wrong = np.flatnonzero(self.labels != self.predicted)
        self.wrong = wrong[np.argsort(-self.certainty[wrong], kind="stable")]

    def worst(self) -> tuple[int, int] | None:
        """The commonest mistake: what it is, and what it is taken for."""
        mistakes = self.confusion * (1 - np.eye(len(self.classes), dtype=int))
        row, column = np.unravel_index(mistakes.argmax(), mistakes.shape)
        return (int(row), int(column)) if mistakes[row, column] else None


class TrainingReport:
    """Collects what happens in a training loop and draws it: a web page (.html), a picture (.png), or both.

    The page is one file that needs no network: curves, confusion matrix, the examples that the model gets wrong, weights
    as images, and the numbers in tables. Everything but the paths may be left out.

    title    what was trained
    facts    names and values to list, such as the learning rate
    data     which data was used, in a sentence; `warning`: what must not be overlooked about it

    Raises ImportError without matplotlib, ValueError for another ending, OSError where a path cannot be written: now,
    not when the training is over. Whatever was at a path stays until the new file is whole. ::

        report = ndl.viz.TrainingReport("report.html", title="My network")
        for epoch in range(10):
            for x, y in loader:
                ...
                report.step(loss)
            report.epoch(train={"loss": 0.4, "accuracy": 0.87}, test={"loss": 0.5, "accuracy": 0.85})
        report.results(model(test_x), test_y, test_x)
        report.weights(model.layer1.weight, (28, 28))
        report.save()
    """

    def __init__(self, *paths: Any, title: str = "Training", data: str = "", warning: str = "",
                 facts: Mapping[str, Any] | None = None):
        if not paths:
            raise ValueError('TrainingReport: no file named: give a path, such as "report.html" or "report.png".')
        self.paths = [Path(path) for path in paths]
        for path in self.paths:
            _check(path)
        figure(1, 1, "TrainingReport")
        self.title, self.data, self.warning, self.facts = title, data, warning, dict(facts or {})
        self.note = ""  # what is said about the run as a whole, for example that it was interrupted
        self.first_step = 0
        self.losses: list[float] = []  # one for each step from the first
        self.epochs: list[dict[str, Any]] = []  # "epoch", and for each split its figures by name
        self.tested: Results | None = None
        self.kernels: np.ndarray | None = None  # (N, H, W)
        self.kernel_count = 0

    def step(self, loss: Any) -> None:
        """Note the loss of one step: a number, or a tensor with one element."""
        self.losses.append(float(loss))

    def epoch(self, number: int | None = None, /, **splits: Mapping[str, Any]) -> None:
        """Note an epoch's figures: ``epoch(train={"loss": 0.3}, test={"loss": 0.4})``. `number`: unset, the next one."""
        if number is None:
            number = self.epochs[-1]["epoch"] + 1 if self.epochs else 1
        figures = {split: {name: float(value) for name, value in values.items()} for split, values in splits.items()}
        self.epochs.append({"epoch": number, "steps": self.first_step + len(self.losses), "splits": figures})

    def results(self, scores: Any, labels: Any, images: Any = None, classes: Sequence[str] | None = None) -> None:
        """What the trained model makes of examples.

        scores   (N, K): before softmax, or probabilities; labels (N,): class numbers
        images   (N, H, W), (N, 1, H, W) or (N, 3, H, W), for the page to show those that it gets wrong
        classes  the K classes' names; unset: their numbers
        """
        scores, labels = np.asarray(_array(scores), np.float64), _array(labels).astype(np.int64)
        if scores.ndim != 2 or labels.shape != scores.shape[:1] or (images is not None and len(images) != len(labels)):
            raise ValueError(f"TrainingReport.results: expected scores (N, K), labels (N,) and N images; got scores "
                             f"{scores.shape}, labels {labels.shape}"
                             + ("." if images is None else f" and {len(images)} images."))
        count = scores.shape[1]
        if len(labels) and not 0 <= labels.min() <= labels.max() < count:
            raise ValueError(f"TrainingReport.results: labels go from {labels.min()} to {labels.max()}, but the scores have "
                             f"{count} classes: 0 to {count - 1}.")
        if classes is not None and len(classes) != count:
            raise ValueError(f"TrainingReport.results: {len(classes)} names for {count} classes.")
        predicted = scores.argmax(1) if count else labels
        if len(scores) and (scores.min() < 0 or abs(scores.sum(1) - 1).max() > 1e-3):  # not probabilities yet
            scores = np.exp(scores - scores.max(1, keepdims=True))
            scores /= scores.sum(1, keepdims=True)
        self.tested = Results(labels, predicted, scores.max(1, initial=0), None if images is None else _images(images),
                              [str(c) for c in (range(count) if classes is None else classes)])

    def weights(self, weight: Any, shape: tuple[int, int] | None = None, most: int = 64) -> None:
        """Weights to show as images: of a Linear layer (out, H·W) with their `shape` (H, W), or of a convolution
        (out, in, H, W). The `most` with the largest norm are shown."""
        array = _array(weight)
        if shape is None and array.ndim < 3:
            raise ValueError(f"TrainingReport.weights: weights of shape {array.shape} are no images; give their shape (H, W).")
        height, width = array.shape[-2:] if shape is None else shape
        if array.size == 0 or array[0].size % (height * width):
            raise ValueError(f"TrainingReport.weights: weights of shape {array.shape} are no images of shape "
                             f"{(height, width)}.")
        kernels = array.reshape(-1, height, width)
        strongest = np.argsort(-np.abs(kernels).sum((1, 2)), kind="stable")[:most]
        self.kernels, self.kernel_count = kernels[np.sort(strongest)].copy(), len(kernels)

    def state_dict(self) -> dict[str, Any]:
        """The curves so far, for a checkpoint."""
        return {"first_step": self.first_step, "losses": list(self.losses), "epochs": list(self.epochs)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the curves of a checkpoint."""
        self.first_step, self.losses, self.epochs = state["first_step"], list(state["losses"]), list(state["epochs"])

    def save(self) -> None:
        """Draw what has been collected, and write the files."""
        from . import report_charts, report_page

        for path in self.paths:
            draw = report_page.page if path.suffix.lower() == ".html" else report_charts.poster
            content = draw(self)
            with replacing(path) as file:
                file.write(content)


def _check(path: Path) -> None:
    """Raise if no report can be written to `path`."""
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(f"TrainingReport: cannot write a report to {str(path)!r}: its name must end in "
                         f"{' or '.join(_FORMATS)}.")
    if path.is_dir():
        raise IsADirectoryError(f"TrainingReport: {path} is a folder; name a file in it.")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"TrainingReport: cannot write {path}: there is no folder {folder}. Make it first: "
                                f"mkdir -p {folder}")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise type(error)(error.errno, f"TrainingReport: cannot write into the folder ({error.strerror}); give a path "
                          f"where you may", str(folder)) from None


def _array(values: Any) -> np.ndarray:
    return backend.to_numpy(values._array) if isinstance(values, Tensor) else np.asarray(values)


def _images(images: Any) -> np.ndarray:
    """Images (N, H, W) or (N, H, W, 3) as bytes; what goes below 0 or above 1 is stretched over what there is."""
    array = _array(images)
    if array.ndim == 4 and array.shape[1] in (1, 3):
        array = array[:, 0] if array.shape[1] == 1 else array.transpose(0, 2, 3, 1)
    if array.ndim != 3 and not (array.ndim == 4 and array.shape[3] == 3):
        raise ValueError(f"TrainingReport.results: expected images (N, H, W), (N, 1, H, W) or (N, 3, H, W); got shape "
                         f"{array.shape}. Rows of pixels can be reshaped: x.reshape(-1, 28, 28).")
    if array.dtype == np.uint8:
        return array
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
    if low < 0 or high > 1:
        array = (array - low) / max(high - low, 1e-12)
    return (array * 255).round().astype(np.uint8)
