"""The drawn digits: the same for the same seed, different from each other, and worth learning from."""

from __future__ import annotations

import numpy as np
import pytest

from minitorch_ndl.datasets import digits, draw_digits


@pytest.fixture(scope="module")
def drawn():
    return draw_digits(6000, seed=5)


def test_shape_type_and_balance(drawn):
    images, labels = drawn
    assert images.shape == (6000, 28, 28) and images.dtype == labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [600] * 10
    assert abs(np.diff(labels.astype(int))).mean() > 2.5  # shuffled; sorted labels would give almost 0


@pytest.mark.parametrize("n", [0, 1, 33])
def test_any_number(n):
    images, labels = draw_digits(n)
    assert images.shape == (n, 28, 28) and labels.shape == (n,)


@pytest.mark.parametrize("seed", [0, -1, 2**40 + 3])
def test_same_seed_same_digits_other_seed_other_digits(seed):
    images, labels = draw_digits(100, seed)
    again, labels_again = draw_digits(100, seed)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, labels_again)
    assert (images != draw_digits(100, seed + 1)[0]).any(axis=(1, 2)).all()


def test_chunks_do_not_show(monkeypatch):
    images, _ = draw_digits(100, seed=1)
    for chunk in (1, 7, 1000):
        monkeypatch.setattr(digits, "_CHUNK", chunk)
        np.testing.assert_array_equal(draw_digits(100, seed=1)[0], images)


def test_no_two_are_alike(drawn):
    assert len(np.unique(drawn[0].reshape(6000, -1), axis=0)) == 6000


def test_they_fill_the_image_as_mnist_does(drawn):
    images = drawn[0] / 255
    assert 0.11 < images.mean() < 0.15  # MNIST: 0.13
    assert 0.17 < (images > 0).mean() < 0.22  # MNIST: 0.19
    frame = np.ones((28, 28), bool)
    frame[2:-2, 2:-2] = False
    assert images[:, frame].mean() < 0.01
    assert images.max(axis=(1, 2)).min() > 0.7  # every one is there
    gray = (images > 0.1) & (images < 0.7)
    assert 0.1 < gray.sum() / (images > 0).sum() < 0.5  # soft edges, not stairs


def test_ink_lies_where_the_pen_went():
    rng = np.random.RandomState(0)
    path = digits._distort(digits._pen_paths(np.arange(10, dtype=np.uint8), rng), rng)
    images = digits._render(path, rng)
    row, column = np.mgrid[:28, :28]
    for image, points in zip(images, path):
        distance = np.min([np.hypot(column - x, row - y) for x, y in points], axis=0)
        assert (image[distance < 0.1] > 170).all()
        assert (image[distance > 3] == 0).all()


def test_every_style_is_drawn_within_its_box():
    for styles in digits._STYLES.values():
        assert len(styles) >= 3
        for style in styles:
            points, basis = digits._curve(style)
            path = basis @ points
            np.testing.assert_allclose(basis.sum(axis=1), 1)  # so that moving all points moves the curve
            assert (np.abs(path) < (8.5, 11)).all() and np.ptp(path[:, 1]) > 18
            step = np.hypot(*np.diff(path, axis=0).T)
            assert np.sort(step)[-4] < 1.2  # apart from lifting the pen, no gap that would show


def test_a_hidden_layer_pays(drawn):
    """Plain NumPy, so that nothing but the data is tested."""
    images, labels = drawn
    x = (images.reshape(6000, -1) / 255).astype(np.float32)
    x, x_test, y, y_test = x[:5000], x[5000:], labels[:5000], labels[5000:]

    def accuracy(*sizes):
        rng = np.random.default_rng(0)
        weights = [rng.normal(0, (2 / m) ** 0.5, (m, n)).astype(np.float32) for m, n in zip(sizes, sizes[1:])]
        moved = [np.zeros_like(w) for w in weights]
        for _ in range(10):
            for rows in rng.permutation(5000).reshape(50, 100):
                inputs = [x[rows]]
                for w in weights[:-1]:
                    inputs.append(np.maximum(inputs[-1] @ w, 0))
                g = np.exp(inputs[-1] @ weights[-1])
                g /= g.sum(axis=1, keepdims=True)
                g[np.arange(100), y[rows]] -= 1
                for w, m, h in zip(weights[::-1], moved[::-1], inputs[::-1]):
                    step, g = h.T @ g / 100, g @ w.T * (h > 0)
                    m *= 0.9
                    m -= 0.1 * step
                    w += m
        h = x_test
        for w in weights[:-1]:
            h = np.maximum(h @ w, 0)

        return ((h @ weights[-1]).argmax(axis=1) == y_test).mean()

    linear, two_layers = accuracy(784, 10), accuracy(784, 100, 10)
    assert 0.85 < linear < 0.95
    assert two_layers > 0.955 and (1 - two_layers) < 0.7 * (1 - linear)
