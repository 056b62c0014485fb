"""The thirteen things in real PyTorch scripts that surprise a small framework, each as scripts write it.

What is expected here is what PyTorch does.
"""

import inspect
import io

import numpy as np
import pytest

import minitorch_ndl as torch
from minitorch_ndl import nn, optim
from minitorch_ndl.nn import functional as F
from minitorch_ndl.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset, WeightedRandomSampler

# 1. `.data`


def test_1_data_shares_storage_and_bypasses_autograd():
    p = nn.Parameter(torch.tensor([1.0, 2.0]))
    (p * p).sum().backward()
    p.data += -0.5 * p.grad  # an in-place write to a leaf, which autograd would refuse
    assert p.tolist() == [0.0, 0.0] and p.requires_grad and p.is_leaf
    p.data.add_(3).mul_(2)
    assert p.tolist() == [6.0, 6.0]
    p.data.fill_(1)
    p.data.numpy()[0] = 5
    assert p.tolist() == [5.0, 1.0]
    p.data.normal_(0, 1)
    assert p.tolist() != [5.0, 1.0]
    p.data = torch.ones(3)
    assert p.shape == (3,) and p.requires_grad
    p.grad = None
    before = p.data
    loss = (p ** 2).sum()
    before[0] = 2.0  # goes unnoticed by the graph, as with torch
    loss.backward()
    assert p.grad.tolist() == [4.0, 2.0, 2.0]


def test_1_data_cuts_the_graph():
    w = torch.ones(1, requires_grad=True)
    h = torch.zeros(1)
    for _ in range(2):
        h = h.data + w
    h.backward()
    assert w.grad.item() == 1.0 and not h.data.requires_grad


# 2. Views that share storage, and in-place writes through them


def test_2_writes_through_views():
    x = torch.arange(12.0).reshape(3, 4)
    x[:, :2] *= 0
    x[range(3), torch.tensor([3, 2, 3])] = -1.0
    x[-1] += x[0]
    assert x.tolist() == [[0, 0, 2, -1], [0, 0, -1, 7], [0, 0, 12, -2]]
    logits = torch.tensor([[1.0, 3.0, 2.0], [5.0, 4.0, 6.0]])
    v, _ = torch.topk(logits, 2)
    logits[logits < v[:, [-1]]] = -float("Inf")
    assert logits.tolist() == [[-np.inf, 3, 2], [5, -np.inf, 6]]
    row = logits.view(-1)[3:].view(3)
    row.zero_()
    assert logits[1].tolist() == [0, 0, 0]


def test_2_gradients_through_in_place_writes():
    a, b = torch.ones(2, 3, requires_grad=True), torch.full((2,), 2.0, requires_grad=True)
    x = a * 3
    x[:, 0] = b
    x[:, 1:] *= b.unsqueeze(1)
    x.sum().backward()
    assert a.grad.tolist() == [[0, 6, 6], [0, 6, 6]] and b.grad.tolist() == [7, 7]


@pytest.mark.parametrize("pick", [lambda x, i: x[i, :], lambda x, i: x[:, i, :], lambda x, i: x[i, ...], lambda x, i: x[:, i, 1:]])
def test_2_gradients_of_picked_rows(pick):
    x, i = torch.zeros(4, 3, 2, requires_grad=True), torch.tensor([2, 0, 2])
    pick(x, i).sum().backward()
    expected = np.zeros((4, 3, 2))
    np.add.at(expected, tuple(p.numpy() if isinstance(p, torch.Tensor) else p for p in pick(_Index(), i)), 1)
    assert x.grad.tolist() == expected.tolist()


class _Index:
    def __getitem__(self, index):
        return index


@pytest.mark.parametrize("copies", [(1, 1), (4, 1), (1, 3), (2, 1, 1)])
def test_2_repeat_copies(copies):
    x = torch.ones(1, 1)
    y = x.repeat(*copies)
    y.div_(2.0)
    y[0] += 1
    assert x.item() == 1.0 and y.is_contiguous() and y.sum().item() == y.numel() * 0.5 + y[0].numel()


def test_2_tens_of_thousands_of_tiny_writes():
    counts = torch.zeros(5, 5, dtype=torch.int32)
    grads, step = torch.zeros(5, 2), torch.ones(2)
    for k in range(20_000):
        counts[k % 5, k % 3] += 1
        grads[k % 5] += step
    assert counts.sum().item() == 20_000 and grads[0].tolist() == [4000, 4000]


# 3. The older API


def test_3_old_names():
    x = torch.autograd.Variable(torch.FloatTensor([[1, 2], [3, 4]]), requires_grad=True)
    assert isinstance(x, torch.autograd.Variable) and isinstance(x, torch.Tensor) and x.data.type() == "torch.FloatTensor"
    assert torch.Tensor(3, 4).shape == (3, 4) and torch.Tensor([3, 4]).tolist() == [3, 4]
    assert torch.LongTensor([1]).dtype == torch.int64 and torch.LongTensor(2, 3).nelement() == 6
    assert x.type(torch.LongTensor).tolist() == [[1, 2], [3, 4]] and x.long().type(torch.FloatTensor).dtype == torch.float32
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert nn.MSELoss(size_average=False)(x, x + 1).item() == 4
    with pytest.raises(IndexError):
        x.sum().data[0]

    def annotated(t: torch.Tensor) -> torch.Tensor:
        return t

    assert annotated(x) is x


# 4. Grad modes as decorators and as context managers


def test_4_grad_modes():
    w = torch.ones(2, requires_grad=True)

    @torch.no_grad()
    def evaluate(t):
        return t * w

    @torch.inference_mode()
    def infer(t):
        return t * w

    assert not evaluate(w).requires_grad and not infer(w).requires_grad and (w * 2).requires_grad
    with torch.set_grad_enabled(False):
        assert not (w * 2).requires_grad
        with torch.enable_grad():
            assert (w * 2).requires_grad
    assert torch.is_grad_enabled()


# 5. NumPy habits


def test_5_numpy_habits():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.sum(axis=1, keepdims=True).tolist() == [[3], [7]] and x.argmax(axis=0).tolist() == [1, 1]
    scaled = x / np.sqrt(4)
    assert type(scaled) is torch.Tensor and scaled.dtype == torch.float32 and (np.float64(2) * x).dtype == torch.float32
    assert type(np.exp(x)) is torch.Tensor and np.mean([x[0, 0], x[0, 1]]) == 1.5
    assert np.maximum(x, 2.5).tolist() == [[2.5, 2.5], [3, 4]] and np.maximum(1.5, torch.tensor([1, 2])).tolist() == [1.5, 2]
    assert np.concatenate([x, x]).shape == (4, 2)
    assert np.where(x > 2, 1, 0).tolist() == [[0, 0], [1, 1]]
    shared = np.asarray(x)
    shared[0, 0] = 9
    assert x[0, 0] == 9 and torch.from_numpy(shared).data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError, match="requires grad"):
        x.requires_grad_().numpy()


# 6. 0-d tensors


def test_6_zero_dimensional_tensors():
    loss = torch.tensor(1.25)
    assert "%.4f %d" % (loss, torch.tensor(3)) == "1.2500 3" and f"{loss:.1f}" == "1.2" and f"{loss}" == "1.25"
    assert (float(loss), int(torch.tensor(7.9)), bool(torch.tensor(0))) == (1.25, 7, False)
    assert ["a", "b"][torch.tensor(1)] == "b" and list(range(torch.tensor(2))) == [0, 1] and chr(torch.tensor(65)) == "A"
    correct = 0
    correct += (torch.tensor([1, 2]) == torch.tensor([1, 3])).sum()
    assert correct.item() == 1 and 100.0 * correct / 2 == 50
    a, b = torch.tensor([3, 4])
    assert a + b == 7 and [t.item() for t in torch.arange(3)] == [0, 1, 2] and sum(torch.ones(3)) == 3


# 7. What comes back


def test_7_returns():
    x = torch.tensor([[1.0, 5.0, 3.0]])
    values, indices = x.max(1)
    result = torch.max(x, dim=1)
    assert result.values == values == result[0] and result[1] == result.indices == indices == 1
    assert x.topk(2)[1].tolist() == [[1, 2]] and x.sort(descending=True).values.tolist() == [[5, 3, 1]]
    out, h = nn.GRU(3, 4)(torch.ones(2, 1, 3), None)
    assert out.shape == (2, 1, 4) and h.shape == (1, 1, 4)
    out, (h, c) = nn.LSTM(3, 4, bidirectional=True, batch_first=True)(torch.ones(1, 2, 3))
    assert out.shape == (1, 2, 8) and h.shape == c.shape == (2, 1, 4)
    assert nn.LSTMCell(3, 4)(torch.ones(1, 3))[1].shape == (1, 4)


# 8. Modules


class _Net(nn.Module):
    def __init__(self):
        super(_Net, self).__init__()
        for i in range(2):
            setattr(self, "fc%i" % i, nn.Linear(3, 3, bias=False))
        self.fc1.weight = self.fc0.weight
        self.register_buffer("steps", torch.zeros(1), persistent=False)

    def train(self, mode=True):
        super().train(mode)
        self.fc0.training = False
        return self

    def forward(self, x):
        return self.fc1(torch.relu(self.fc0(x)))


class _Scaled(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.scale = nn.Parameter(torch.ones(1))


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, low):
        ctx.save_for_backward(x)
        ctx.low = low
        return x.clamp(min=low)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        grad = grad.clone()
        grad[x < ctx.low] = -1
        return grad, None


def test_8_modules():
    net = _Net()
    assert len(list(net.parameters())) == 1 and list(net.state_dict()) == ["fc0.weight", "fc1.weight"]

    def init(m):
        if m.__class__.__name__.find("Linear") != -1:
            m.weight.data.fill_(0.5)

    net.apply(init)
    assert net(torch.ones(1, 3)).tolist() == [[2.25] * 3]
    assert str(net) == ("_Net(\n  (fc0): Linear(in_features=3, out_features=3, bias=False)\n"
                        "  (fc1): Linear(in_features=3, out_features=3, bias=False)\n)")
    net.eval()
    net.train()
    assert net.training and net.fc1.training and not net.fc0.training
    assert [n for n, _ in _Scaled(2, 1).named_parameters()] == ["weight", "bias", "scale"]
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    _Clamp.apply(x, 0.0).sum().backward()
    assert x.grad.tolist() == [1, -1]
    assert torch.nn.modules.linear.Linear is nn.Linear and nn.modules.conv.Conv2d is nn.Conv2d


def test_8_lazy_layers():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))
    assert net(torch.ones(1, 3, 5, 5)).shape == (1, 2)
    assert type(net[2]) is nn.Linear and net[2].in_features == 36 and net[0].weight.shape == (4, 3, 3, 3)


# 9. Saving


def test_9_saving(tmp_path):
    net, path = _Scaled(2, 1), tmp_path / "net.pt"
    torch.save({"model": net.state_dict(), "epoch": 3}, path)
    checkpoint = torch.load(path, map_location=torch.device("cpu"), weights_only=True)
    other = _Scaled(2, 1)
    assert str(other.load_state_dict(checkpoint["model"])) == "<All keys matched successfully>"
    assert torch.equal(other.weight, net.weight) and checkpoint["epoch"] == 3
    torch.save(net, path)
    with pytest.raises(Exception, match="_Scaled"):
        torch.load(path)
    whole = torch.load(path, weights_only=False)
    assert type(whole) is _Scaled and torch.equal(whole(torch.ones(1, 2)), net(torch.ones(1, 2)))
    file = io.BytesIO()
    torch.save([net.weight.data, net.weight.data[0]], file)
    file.seek(0)
    matrix, row = torch.load(file, map_location=lambda storage, location: storage)
    row.zero_()
    assert matrix.tolist() == [[0, 0]]  # one storage, as before
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        _Scaled(3, 1).load_state_dict(net.state_dict())


# 10. DataLoader


class _Huge(Dataset):
    def __len__(self):
        return 10 ** 9

    def __getitem__(self, i):
        return i


def test_10_loaders():
    class Named(Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return {"x": np.full(2, i, np.float32), "name": f"item{i}", "y": i}

    loader = DataLoader(Named(), batch_size=2, num_workers=0, pin_memory=True)
    first = next(iter(loader))
    assert first["name"] == ["item0", "item1"] and first["y"].tolist() == [0, 1] and first["x"].shape == (2, 2)
    assert len(loader) == 3 and len(loader.dataset) == 5
    pairs = TensorDataset(torch.arange(4.0), torch.arange(4))
    g = torch.Generator().manual_seed(0)
    order = [y.tolist() for _, y in DataLoader(pairs, 2, shuffle=True, generator=g)]
    assert sorted(sum(order, [])) == [0, 1, 2, 3]
    assert order == [y.tolist() for _, y in DataLoader(pairs, 2, True, generator=torch.Generator().manual_seed(0))]
    assert DataLoader(pairs, 4, collate_fn=len).__iter__().__next__() == 4
    picks = list(WeightedRandomSampler([0.0, 1.0], 6))
    assert picks == [1] * 6


def test_10_samplers_are_lazy():
    assert next(iter(DataLoader(_Huge(), batch_size=3))).tolist() == [0, 1, 2]
    endless = DataLoader(_Huge(), 2, sampler=RandomSampler(_Huge(), replacement=True, num_samples=10 ** 10))
    assert next(iter(endless)).shape == (2,)


# 11. Devices


def test_11_devices():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = nn.Linear(2, 1).to(device)
    x = torch.ones(1, 2, device=device, dtype=torch.float64).to("cpu").to(device, torch.float32)
    assert net(x).device == torch.device(x.device) and x.device.type == device.type and not torch.ones(1).is_cuda
    assert torch.zeros(2, device="cpu", dtype=torch.long).dtype == torch.int64
    assert net.double().weight.dtype == torch.float64 and net(x.double()).dtype == torch.float64
    if not torch.cuda.is_available():
        with pytest.raises((RuntimeError, AssertionError)):
            torch.ones(1).cuda()


# 12. Optimizers


def test_12_optimizers():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    name = "SGD"
    optimizer = getattr(optim, name)([{"params": net[0].parameters(), "lr": 0.1}, {"params": net[1].parameters()}], lr=0.01)
    for group in optimizer.param_groups:
        group["lr"] *= 0.5
    assert [g["lr"] for g in optimizer.param_groups] == [0.05, 0.005]
    before = net[0].bias.detach().clone()
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert torch.allclose(before - net[0].bias, 0.05 * net[0].bias.grad)
    assert {"lr", "betas", "eps", "weight_decay", "fused"} <= set(inspect.signature(optim.AdamW).parameters)
    w = torch.zeros(1, requires_grad=True)
    lbfgs = optim.LBFGS([w], lr=1)

    def closure():
        lbfgs.zero_grad()
        loss = ((w - 3) ** 2).sum()
        loss.backward()
        return loss

    assert lbfgs.step(closure).item() == 9
    assert abs(w.item() - 3) < 1e-4


# 13. Generators


def test_13_generators():
    g = torch.Generator().manual_seed(42)
    draws = [torch.randn(2, generator=g), torch.randint(0, 9, (3,), generator=g), torch.randperm(4, generator=g),
             torch.multinomial(torch.ones(5), 2, generator=g), torch.rand(1, generator=g)]
    torch.manual_seed(0)
    torch.rand(5)  # the default generator is another one
    g.manual_seed(42)
    again = [torch.randn(2, generator=g), torch.randint(0, 9, (3,), generator=g), torch.randperm(4, generator=g),
             torch.multinomial(torch.ones(5), 2, generator=g), torch.rand(1, generator=g)]
    assert all(torch.equal(a, b) for a, b in zip(draws, again, strict=True))
    assert torch.manual_seed(1).initial_seed() == 1 and g.initial_seed() == 42
    parts = torch.utils.data.random_split(range(10), [7, 3], generator=torch.Generator().manual_seed(42))
    assert parts[0].indices == [2, 6, 1, 8, 4, 5, 0] and F.dropout(torch.ones(4), 0.0).tolist() == [1, 1, 1, 1]
