"""The course's first assignment: read MNIST, softmax loss, one epoch of SGD on a two-layer net."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..datasets import read_images, read_labels
from . import ops
from .autograd import Tensor


def parse_mnist(image_file: str | os.PathLike[str], label_file: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """An image file and a label file of MNIST: float32 pixels in [0, 1], (n, 784), and uint8 labels, (n,).

    Raises DataError for a file that is missing, damaged, or does not belong with the other.
    """
    images, labels = read_images(image_file), read_labels(label_file)
    if len(images) != len(labels):
        raise ValueError(f"parse_mnist: {image_file} has {len(images)} images, {label_file} has {len(labels)} labels; "
                         f"expected two files of one split.")
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels


def softmax_loss(Z: Tensor, y_one_hot: Tensor) -> Tensor:
    """Mean over the batch of log Σ exp(z) - z[y]. Z: scores (N, K); y_one_hot: (N, K), a 1 in the true class's place.

    >>> Z, y = needle.init.zeros(2, 10), needle.init.one_hot(10, [3, 4])
    >>> round(float(needle.simple_ml.softmax_loss(Z, y).numpy()), 6)
    2.302585
    """
    top = Tensor(Z.numpy().max(axis=1, keepdims=True), requires_grad=False)  # so that exp cannot overflow
    shifted = ops.add(Z, ops.negate(ops.broadcast_to(top, Z.shape)))
    log_sums = ops.log(ops.summation(ops.exp(shifted), axes=(1,)))
    true = ops.summation(ops.multiply(shifted, y_one_hot), axes=(1,))
    return ops.divide_scalar(ops.summation(ops.add(log_sums, ops.negate(true))), Z.shape[0])


def nn_epoch(X: np.ndarray, y: np.ndarray, W1: Tensor, W2: Tensor, lr: float = 0.1,
             batch: int = 100) -> tuple[Tensor, Tensor]:
    """One epoch of SGD, in order, on the net relu(X W1) W2 with softmax loss. Returns the new weights.

    X: (n, d) float32; y: (n,) labels; W1: (d, h); W2: (h, k).
    """
    classes = W2.shape[1]
    for start in range(0, len(X), batch):
        x = Tensor(X[start:start + batch], requires_grad=False)
        y_one_hot = Tensor(np.eye(classes, dtype=np.float32)[y[start:start + batch]], requires_grad=False)
        loss = softmax_loss(ops.matmul(ops.relu(ops.matmul(x, W1)), W2), y_one_hot)
        loss.backward()
        W1, W2 = (Tensor(W.numpy() - _step(lr, W)) for W in (W1, W2))
    return W1, W2


def _step(lr: float, W: Tensor) -> Any:
    return W.grad.numpy() * lr  # type: ignore[union-attr]


def loss_err(h: Tensor, y: np.ndarray) -> tuple[Any, Any]:
    """Mean softmax loss and error rate of scores h (n, k) for labels y (n,)."""
    y_one_hot = Tensor(np.eye(h.shape[-1])[y].astype(np.float32), requires_grad=False)
    return softmax_loss(h, y_one_hot).numpy(), np.mean(h.numpy().argmax(axis=1) != y)
