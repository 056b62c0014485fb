"""The course's later vocabulary, against the package's own modules, NumPy, and values worked out by hand."""

import pickle

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import needle
from minitorch_ndl.needle import data, init, nn, ops, optim

RANDOM = np.random.RandomState(3)


def rand(*shape):
    return RANDOM.randn(*shape).astype(np.float32)


def close(result, reference, tolerance=1e-5):
    assert isinstance(result, needle.Tensor)
    np.testing.assert_allclose(result.numpy(), getattr(reference, "detach", lambda: reference)(), rtol=tolerance, atol=tolerance)


# --- operations -----------------------------------------------------------------------------------------------------

X = rand(2, 3, 4)
OPERATIONS = [
    ("tanh", ops.tanh, np.tanh, [X]),
    ("logsoftmax", ops.logsoftmax, lambda z: z - np.log(np.exp(z).sum(1, keepdims=True)), [rand(3, 5)]),
    ("logsumexp", ops.logsumexp, lambda z: np.log(np.exp(z).sum()), [X]),
    ("logsumexp axes", lambda z: ops.logsumexp(z, (0, 2)), lambda z: np.log(np.exp(z).sum((0, 2))), [X]),
    ("stack", lambda *a: ops.stack(a, 1), lambda *a: np.stack(a, 1), [rand(2, 3), rand(2, 3), rand(2, 3)]),
    ("split", lambda a: ops.split(a, 1)[2], lambda a: a[:, 2], [X]),
    ("flip", lambda a: ops.flip(a, (0, 2)), lambda a: a[::-1, :, ::-1], [X]),
    ("dilate", lambda a: ops.dilate(a, (0, 2), 2), lambda a: np.kron(a, np.eye(1, 3)[:, None] * np.eye(3, 1)[:, :, None]), [X]),
    ("undilate", lambda a: ops.undilate(ops.dilate(a, (1, 2), 1), (1, 2), 1), lambda a: a, [X]),
    ("conv", lambda a, b: ops.conv(a, b, stride=2, padding=1), lambda a, b: _conv(a, b, 2, 1), [rand(2, 5, 6, 3), rand(3, 3, 3, 4)]),
]


def _conv(images, kernels, stride, padding):
    """Convolution of (N, H, W, C) with (K, K, C, C') by its definition."""
    framed = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    k = kernels.shape[0]
    rows, columns = ((framed.shape[d] - k) // stride + 1 for d in (1, 2))
    return np.stack([np.stack([np.einsum("nijc,ijco->no", framed[:, r * stride:r * stride + k, c * stride:c * stride + k], kernels)
                               for c in range(columns)], 1) for r in range(rows)], 1)


@pytest.mark.parametrize("operation, reference, arrays", [o[1:] for o in OPERATIONS], ids=[o[0] for o in OPERATIONS])
def test_operations_and_their_gradients(operation, reference, arrays):
    arrays = [a.astype(np.float64) for a in arrays]
    inputs = [needle.Tensor(a) for a in arrays]
    out = operation(*inputs)
    expected = reference(*arrays)
    assert out.shape == expected.shape and out.op is not None
    close(out, expected, 1e-10)
    weights = RANDOM.randn(*expected.shape)
    ops.summation(ops.multiply(out, needle.Tensor(weights, requires_grad=False))).backward()
    for tensor, array in zip(inputs, arrays, strict=True):
        grad = np.zeros(array.size)
        for i in range(array.size):  # central differences
            for sign in (1, -1):
                array.flat[i] += sign * 1e-6
                grad[i] += sign * (reference(*arrays) * weights).sum() / 2e-6
                array.flat[i] -= sign * 1e-6
        np.testing.assert_allclose(tensor.grad.numpy().ravel(), grad, rtol=1e-5, atol=1e-6)


def test_split_undoes_stack():
    x = needle.Tensor(X)
    parts = ops.split(x, 2)
    assert len(parts) == 4 and parts[0].shape == (2, 3)
    close(ops.stack(parts, 2), X)


# --- modules --------------------------------------------------------------------------------------------------------


def _same(module, reference, *inputs, swap=()):
    """The same output, and the same gradients of the inputs, as one of the package's modules."""
    ours = [needle.Tensor(a) for a in inputs]
    theirs = [ndl.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs]
    out, expected = module(*ours), reference(*theirs)
    close(out, expected, 2e-5)
    out.backward()
    expected.sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        if b.grad is not None:
            close(a.grad, b.grad, 2e-4)


def test_linear():
    layer, theirs = nn.Linear(5, 3), ndl.nn.Linear(5, 3)
    assert layer.weight.shape == (5, 3) and layer.bias.shape == (1, 3) and layer.weight.dtype == np.float32
    assert np.abs(layer.weight.numpy()).max() <= np.sqrt(2 * 3 / 5) and nn.Linear(5, 3, bias=False).bias is None
    theirs.load_state_dict({"weight": ndl.tensor(layer.weight.numpy().T.copy()), "bias": ndl.tensor(layer.bias.numpy()[0])})
    _same(layer, theirs, rand(4, 5))
    assert layer(needle.Tensor(rand(2, 4, 5))).shape == (2, 4, 3)


@pytest.mark.parametrize("module, reference", [
    (nn.ReLU(), ndl.relu), (nn.Tanh(), ndl.tanh), (nn.Sigmoid(), ndl.sigmoid), (nn.Flatten(), lambda x: x.flatten(1)),
    (nn.Identity(), lambda x: x * 1), (nn.Residual(nn.Tanh()), lambda x: x + x.tanh()), (nn.Sequential(nn.Tanh(), nn.Flatten()),
                                                                                     lambda x: x.tanh().flatten(1))],
    ids=lambda m: type(m).__name__)
def test_simple_modules(module, reference):
    _same(module, reference, X)


def test_softmax_loss():
    labels = np.array([1, 0, 3])
    _same(lambda z: nn.SoftmaxLoss()(z, needle.Tensor(labels)), lambda z: ndl.nn.functional.cross_entropy(z, ndl.tensor(labels)),
          rand(3, 4))


def test_layer_norm():
    _same(nn.LayerNorm1d(6, eps=1e-3), ndl.nn.LayerNorm(6, eps=1e-3), rand(4, 6))
    assert [p.shape for p in nn.LayerNorm1d(6).parameters()] == [(6,), (6,)]


def test_batch_norm():
    norm, x = nn.BatchNorm1d(3, momentum=0.2), rand(5, 3)
    _same(norm, ndl.nn.BatchNorm1d(3), x)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.2 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(norm.running_var.numpy(), 0.8 + 0.2 * x.var(0), rtol=1e-5)  # over N: the course's convention
    norm.eval()
    mean, var = norm.running_mean.numpy().copy(), norm.running_var.numpy().copy()
    close(norm(needle.Tensor(x)), (x - mean) / np.sqrt(var + 1e-5))
    np.testing.assert_array_equal(norm.running_mean.numpy(), mean)  # evaluation leaves them as they are
    _same(nn.BatchNorm2d(3), ndl.nn.BatchNorm2d(3), rand(2, 3, 4, 5))


def test_dropout():
    layer, x = nn.Dropout(0.25), needle.init.ones(100, 100)
    out = layer(x).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)} and abs((out == 0).mean() - 0.25) < 0.02
    layer.eval()
    assert layer(x) is x


@pytest.mark.parametrize("kernel, stride, bias", [(3, 1, True), (3, 2, False), (5, 1, True), (1, 2, True)])
def test_conv(kernel, stride, bias):
    layer, theirs = nn.Conv(3, 4, kernel, stride, bias), ndl.nn.Conv2d(3, 4, kernel, stride, kernel // 2, bias=bias)
    assert layer.weight.shape == (kernel, kernel, 3, 4)
    assert np.abs(layer.weight.numpy()).max() <= np.sqrt(6 / (3 * kernel ** 2))
    theirs.weight.data = ndl.tensor(layer.weight.numpy().transpose(3, 2, 0, 1).copy())
    if bias:
        assert np.abs(layer.bias.numpy()).max() <= 1 / np.sqrt(3 * kernel ** 2)
        theirs.bias.data = ndl.tensor(layer.bias.numpy())
    _same(layer, theirs, rand(2, 3, 6, 7))


def test_embedding():
    layer, indices = nn.Embedding(7, 3), np.array([[0, 6], [2, 2]])
    out = layer(needle.Tensor(indices.astype(np.float32)))  # get_batch gives floats
    np.testing.assert_array_equal(out.numpy(), layer.weight.numpy()[indices])
    out.backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy()[:, 0], [1, 0, 2, 0, 0, 0, 1])


def _copy(theirs, cells):
    """The weights of the course's cells in one of the package's recurrent modules."""
    for layer, cell in enumerate(cells):
        for theirs_name, name in (("weight_ih", "W_ih"), ("weight_hh", "W_hh"), ("bias_ih", "bias_ih"), ("bias_hh", "bias_hh")):
            value = getattr(cell, name)
            if value is not None:
                getattr(theirs, f"{theirs_name}_l{layer}").data = ndl.tensor(value.numpy().T.copy())
    return theirs


@pytest.mark.parametrize("nonlinearity, bias, start", [("tanh", True, True), ("relu", False, False)])
def test_rnn(nonlinearity, bias, start):
    layer = nn.RNN(4, 5, 2, bias, nonlinearity)
    theirs = _copy(ndl.nn.RNN(4, 5, 2, nonlinearity=nonlinearity, bias=bias), layer.rnn_cells)
    h0 = [rand(2, 3, 5)] if start else []
    for i in (0, 1):
        _same(lambda *a, i=i: layer(*a)[i], lambda *a, i=i: theirs(*a)[i], rand(6, 3, 4), *h0)
    assert np.abs(layer.rnn_cells[0].W_ih.numpy()).max() <= 1 / np.sqrt(5)
    with pytest.raises(ValueError, match="nonlinearity must be 'tanh' or 'relu'; got 'gelu'"):
        nn.RNNCell(1, 1, nonlinearity="gelu")


@pytest.mark.parametrize("bias", [True, False])
def test_lstm(bias):
    layer = nn.LSTM(4, 5, 2, bias)
    theirs = _copy(ndl.nn.LSTM(4, 5, 2, bias=bias), layer.lstm_cells)
    pick = {0: lambda r: r[0], 1: lambda r: r[1][0], 2: lambda r: r[1][1]}
    for take in pick.values():
        _same(lambda x, h, c, take=take: take(layer(x, (h, c))), lambda x, h, c, take=take: take(theirs(x, (h, c))),
              rand(6, 3, 4), rand(2, 3, 5), rand(2, 3, 5))
    assert layer(needle.Tensor(rand(6, 3, 4)))[0].shape == (6, 3, 5)
    assert layer.lstm_cells[0].W_ih.shape == (4, 20)


def test_parameters_and_modes_of_nested_modules():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 3), {"a": nn.BatchNorm1d(3)}]
            self.tied = self.layers[0].weight
            self.last = nn.Sequential(nn.Dropout(0.5), nn.Residual(nn.Linear(3, 3)))

    net = Net()
    assert len(net.parameters()) == 6 and len({id(p) for p in net.parameters()}) == 6
    net.eval()
    assert not net.training and not net.last.modules[0].training and not net.layers[1]["a"].training
    net.train()
    assert net.last.modules[1].fn.training


# --- optimizers -----------------------------------------------------------------------------------------------------


def test_sgd_is_the_course_s():
    p = nn.Parameter(np.array([1.0, -2.0]))
    optimizer, value, u = optim.SGD([p], lr=0.1, momentum=0.9, weight_decay=0.5), np.array([1.0, -2.0]), 0
    for _ in range(3):
        optimizer.reset_grad()
        assert p.grad is None
        (p * p).backward()
        optimizer.step()
        u = 0.9 * u + 0.1 * (2 * value + 0.5 * value)
        value = value - 0.1 * u
        np.testing.assert_allclose(p.numpy(), value, rtol=1e-12)
    before = p.numpy().copy()
    optimizer.reset_grad()
    optimizer.step()  # nothing has a gradient
    np.testing.assert_array_equal(p.numpy(), before)


def test_adam_follows_torch_s():
    p, q = nn.Parameter(np.array([1.0, -2.0])), ndl.tensor([1.0, -2.0], dtype=ndl.float64, requires_grad=True)
    ours, theirs = optim.Adam([p], lr=0.1, beta1=0.8, weight_decay=0.3), ndl.optim.Adam([q], 0.1, (0.8, 0.999), weight_decay=0.3)
    for _ in range(4):
        ours.reset_grad()
        theirs.zero_grad()
        (p * p * p).backward()
        (q * q * q).sum().backward()
        ours.step()
        theirs.step()
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-9)


def test_clip_grad_norm():
    p = nn.Parameter(np.array([3.0, 4.0]))
    (p * p).backward()
    optim.SGD([p]).clip_grad_norm(0.5)
    np.testing.assert_allclose(p.grad.numpy(), [0.3, 0.4], rtol=1e-5)


@pytest.mark.parametrize("optimizer", [lambda p: optim.SGD(p, lr=0.3, momentum=0.5), lambda p: optim.Adam(p, lr=0.02)])
def test_a_residual_net_learns(optimizer):
    x = rand(60, 4)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.uint8)
    net = nn.Sequential(nn.Linear(4, 24), nn.Residual(nn.Sequential(nn.Linear(24, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.1))),
                        nn.LayerNorm1d(24), nn.ReLU(), nn.Linear(24, 2))
    opt, loss = optimizer(net.parameters()), nn.SoftmaxLoss()
    for _ in range(25):
        for batch, labels in data.DataLoader(data.NDArrayDataset(x, y), 20, shuffle=True):
            opt.reset_grad()
            loss(net(batch), labels).backward()
            opt.step()
    net.eval()
    assert (net(needle.Tensor(x)).numpy().argmax(1) == y).mean() > 0.9
    assert all(p.dtype == np.float32 for p in net.parameters())


# --- initial values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make, std", [
    (init.xavier_uniform, np.sqrt(2 / 150)), (init.xavier_normal, np.sqrt(2 / 150)),
    (init.kaiming_uniform, np.sqrt(2 / 100)), (init.kaiming_normal, np.sqrt(2 / 100))])
def test_initial_distributions(make, std):
    w = make(100, 50)
    assert w.shape == (100, 50) and w.dtype == np.float32 and not w.requires_grad
    assert abs(w.numpy().std() / std - 1) < 0.05 and abs(w.numpy().mean()) < std / 10
    if "uniform" in make.__name__:
        assert np.abs(w.numpy()).max() <= std * np.sqrt(3)
    if "kaiming" in make.__name__:
        assert make(100, 50, shape=(2, 2, 25, 50)).shape == (2, 2, 25, 50)


# --- data -----------------------------------------------------------------------------------------------------------


def test_random_flip_and_crop():
    image = np.arange(24.0).reshape(4, 3, 2)
    np.testing.assert_array_equal(data.RandomFlipHorizontal(1.0)(image), image[:, ::-1])
    assert data.RandomFlipHorizontal(0.0)(image) is image
    np.random.seed(0)
    down, right = np.random.randint(-2, 3, size=2)
    np.random.seed(0)
    moved = data.RandomCrop(2)(image)
    assert moved.shape == image.shape
    for i in range(4):
        for j in range(3):
            inside = 0 <= i + down < 4 and 0 <= j + right < 3
            np.testing.assert_array_equal(moved[i, j], image[i + down, j + right] if inside else 0)


def test_loader_shuffles_all_samples_together():
    x, y = np.arange(10), np.arange(10) * 2
    loader = data.DataLoader(data.NDArrayDataset(x, y), batch_size=4, shuffle=True)
    for _ in range(2):
        batches = list(loader)
        assert [len(b[0].numpy()) for b in batches] == [4, 4, 2] and len(loader) == 3
        first = np.concatenate([b[0].numpy() for b in batches])
        assert sorted(first) == list(x) and list(first) != list(x)
        np.testing.assert_array_equal(np.concatenate([b[1].numpy() for b in batches]), first * 2)


def test_mnist(tmp_path):
    images, labels = RANDOM.randint(0, 256, (5, 28, 28), dtype=np.uint8), np.array([3, 1, 4, 1, 5], np.uint8)
    (tmp_path / "images").write_bytes(np.array([2051, 5, 28, 28], ">i4").tobytes() + images.tobytes())
    (tmp_path / "labels").write_bytes(np.array([2049, 5], ">i4").tobytes() + labels.tobytes())
    plain = data.MNISTDataset(tmp_path / "images", tmp_path / "labels")
    assert len(plain) == 5 and plain[2][0].shape == (28, 28, 1) and plain[2][1] == 4
    np.testing.assert_allclose(plain[1:3][0][..., 0], images[1:3] / 255, rtol=1e-6)
    flipped = data.MNISTDataset(tmp_path / "images", tmp_path / "labels", [data.RandomFlipHorizontal(1.0)])
    np.testing.assert_allclose(flipped[[0, 4]][0][..., 0], images[[0, 4], :, ::-1] / 255, rtol=1e-6)


def test_cifar10(tmp_path):
    rows = RANDOM.randint(0, 256, (6, 3072), dtype=np.uint8)
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        (tmp_path / name).write_bytes(pickle.dumps({"data": rows[i:i + 1], "labels": [i]}))
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    train, test = data.CIFAR10Dataset(tmp_path, True), data.CIFAR10Dataset(tmp_path, train=False)
    assert len(train) == 5 and len(test) == 1 and test[0][1] == 5
    image, label = train[3]
    assert image.shape == (3, 32, 32) and image.dtype == np.float32 and label == 3
    np.testing.assert_allclose(image.ravel(), rows[3] / 255, rtol=1e-6)
    flipped = data.CIFAR10Dataset(tmp_path, True, transforms=[data.RandomFlipHorizontal(1.0)])
    np.testing.assert_array_equal(flipped[:2][0], train[:2][0][..., ::-1])


def test_text(tmp_path):
    (tmp_path / "train.txt").write_text("a b a\nc b\n")
    (tmp_path / "test.txt").write_text("c d\n")
    corpus = data.Corpus(tmp_path)
    assert corpus.train == [0, 1, 0, 2, 3, 1, 2] and corpus.test == [3, 4, 2] and len(corpus.dictionary) == 5
    assert corpus.dictionary.idx2word == ["a", "b", "<eos>", "c", "d"] and data.Corpus(tmp_path, max_lines=1).train == [0, 1, 0, 2]
    batches = data.batchify(list(range(11)), 2)
    np.testing.assert_array_equal(batches, [[0, 5], [1, 6], [2, 7], [3, 8], [4, 9]])
    x, y = data.get_batch(batches, 1, 2)
    assert x.numpy().tolist() == [[1, 6], [2, 7]] and y.numpy().tolist() == [2, 7, 3, 8]
    x, y = data.get_batch(batches, 3, 10)  # fewer rows are left
    assert x.shape == (1, 2) and y.numpy().tolist() == [4, 9]


def test_a_language_model_learns():
    ids = [i % 5 for i in range(60)]
    batches = data.batchify(ids, 3)
    table, lstm, head = nn.Embedding(5, 8), nn.LSTM(8, 12), nn.Linear(12, 5)
    opt = optim.Adam([*table.parameters(), *lstm.parameters(), *head.parameters()], lr=0.05)
    for step in range(8):
        x, y = data.get_batch(batches, step % 3 * 6, 6)
        out, _ = lstm(table(x))
        loss = nn.SoftmaxLoss()(head(ops.reshape(out, (out.shape[0] * 3, 12))), y)
        opt.reset_grad()
        loss.backward()
        opt.step()
    assert float(loss.numpy()) < 0.6
