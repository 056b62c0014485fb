"""`viz.health`: each illness is named in a model that has it, and a healthy model gets no finding."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn, optim
from minitorch_ndl.datasets import draw_digits
from minitorch_ndl.nn import functional as F


@pytest.fixture(scope="module")
def digits():
    images, labels = draw_digits(512)
    return ndl.tensor(images.astype("float32") / 255), ndl.tensor(labels.astype("int64"))


def mlp(*between, width=64, activation=nn.ReLU, layers=1):
    inner = [part for _ in range(layers - 1) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), activation(), *inner, *between, nn.Linear(width, 10))


def cnn():
    return nn.Sequential(nn.Unflatten(1, (1, 28)), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(400, 10))


def train(model, opt, digits, steps=12, zero=True, last_step=False, batch=64):
    images, labels = digits
    for step in range(steps):
        part = slice(step * batch % 512, step * batch % 512 + batch)
        if zero:
            opt.zero_grad(**({} if zero is True else {"set_to_none": False}))
        F.cross_entropy(model(images[part]), labels[part]).backward()
        if step < steps - 1 or last_step:
            opt.step()
    return images[part]


def kinds(result):
    return [f.kind for f in result.findings]


def look(*args, **options):
    return ndl.viz.health(*args, show=False, **options)


# --- health -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [mlp, cnn, lambda: mlp(nn.LayerNorm(64), layers=4, activation=nn.GELU), lambda: mlp(layers=6)])
@pytest.mark.parametrize("kind, lr", [(optim.SGD, 0.1), (optim.Adam, 1e-3), (optim.RMSprop, 1e-3)])
def test_healthy_models_get_no_finding(digits, make, kind, lr):
    model = make()
    opt = kind(model.parameters(), lr=lr)
    for steps in (1, 12):
        batch = train(model, opt, digits, steps)
        result = look(model, opt, batch=batch)
        assert result.healthy and result.findings == [], str(result)
        assert "Nothing suspicious." in str(result)
    assert look(model).healthy


@pytest.mark.parametrize("zero", [True, "fill"])
@pytest.mark.parametrize("steps", range(1, 31, 3))
@pytest.mark.parametrize("clip", [False, True])
def test_zeroing_in_any_way_is_no_finding(zero, steps, clip):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    opt = optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    for step in range(steps):
        opt.zero_grad(set_to_none=zero is True)
        model(ndl.randn(32, 4)).square().mean().backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if step < steps - 1:
            opt.step()
    assert look(model, opt).healthy


def test_a_healthy_transformer():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(50, 32)
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 3)
            self.head = nn.Linear(32, 50)

        def forward(self, ids):
            return self.head(self.encoder(self.embed(ids)))

    model = Model()
    opt = optim.Adam(model.parameters(), lr=1e-3)
    ids = ndl.randint(0, 50, (16, 10))
    for _ in range(3):
        opt.zero_grad()
        F.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
        assert look(model, opt, batch=ids).healthy
        opt.step()


# --- figures ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, options", [
    (optim.SGD, {"lr": 0.1}), (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adam, {"lr": 0.01}), (optim.AdamW, {"lr": 0.01, "weight_decay": 0.5}), (optim.Adam, {"amsgrad": True}),
    (optim.RMSprop, {"lr": 0.01}), (optim.Adagrad, {"lr": 0.01}), (optim.SGD, {"lr": 0.1, "maximize": True})])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_update_ratio_is_that_of_the_step_that_follows(digits, kind, options, steps):
    model = mlp(width=16)
    opt = kind(model.parameters(), **options)
    train(model, opt, digits, steps)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    state = {i: {k: ndl.as_tensor(v).tolist() for k, v in s.items() if v is not None} for i, s in opt.state_dict()["state"].items()}
    result = look(model, opt)
    now = {i: {k: ndl.as_tensor(v).tolist() for k, v in s.items() if v is not None} for i, s in opt.state_dict()["state"].items()}
    assert state == now and all(p.equal(before[name]) for name, p in model.named_parameters()), "it changes nothing"
    opt.step()
    for row, (name, p) in zip(result.rows, model.named_parameters(), strict=True):
        old = before[name].double()
        assert row.name == name and row.shape == tuple(p.shape)
        assert row.update_ratio == pytest.approx(((p.double() - old).norm() / old.norm()).item(), rel=1e-4)
        assert row.norm == pytest.approx(old.norm().item()) and row.finite and row.requires_grad
        assert row.grad_norm == pytest.approx(p.grad.double().norm().item())
        assert row.zeros == pytest.approx((p.grad == 0).double().mean().item())


def test_without_an_optimizer_or_with_one_that_needs_a_closure_there_is_no_ratio(digits):
    model = mlp()
    train(model, optim.SGD(model.parameters(), lr=0.1), digits, 1)
    for opt in (None, optim.LBFGS(model.parameters())):
        assert {row.update_ratio for row in look(model, opt).rows} == {None}
        assert "update" not in str(look(model, opt))


def test_it_prints_and_returns(capsys):
    model = nn.Sequential(nn.Linear(2, 3))
    model(ndl.ones(1, 2)).sum().backward()
    result = ndl.viz.health(model)
    assert capsys.readouterr().out == str(result) + "\n"
    assert repr(result) == "<Health of 2 parameters: nothing suspicious>"
    head, weight, bias = str(result).splitlines()[:3]
    assert head.split() == ["Parameter", "Shape", "|value|", "|gradient|", "zeros"]
    assert weight.split()[:2] == ["0.weight", "3×2"] and weight.split()[-1] == "0%" and bias.split()[1] == "3"


@pytest.mark.parametrize("width", [50, 80, 200])
def test_the_report_fits(digits, width):
    model = nn.ModuleDict({"a_name_that_goes_on_and_on_and_on": mlp(activation=nn.Sigmoid, layers=12)})
    model.forward = lambda x: model["a_name_that_goes_on_and_on_and_on"](x)
    train(model, optim.SGD(model.parameters(), lr=0.1), digits, 1)
    lines = look(model, optim.Adam(model.parameters())).report(width).splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith("VANISHING: ") for line in lines)


# --- illnesses ----------------------------------------------------------------------------------------------------------


def test_vanishing(digits):
    model = mlp(activation=nn.Sigmoid, layers=12)
    opt = optim.SGD(model.parameters(), lr=0.1)
    batch = train(model, opt, digits, 3)
    result = look(model, opt, batch=batch)
    assert kinds(result) == ["vanishing"]
    assert "1.weight" in result.findings[0].names and "25.weight" not in result.findings[0].names
    assert "that of 25.weight (root mean squares)" in result.findings[0].text


def test_exploding(digits):
    model = mlp(activation=nn.Tanh, layers=8)
    with ndl.no_grad():
        for p in model.parameters():
            p.mul_(20)
    images, labels = digits
    (model(images[:64]) - 1).square().sum().backward()
    result = look(model)
    assert "exploding" in kinds(result) and "clip_grad_norm_" in str(result)
    assert "exploding" in kinds(look(model, optim.SGD(model.parameters(), lr=0.1)))
    assert "exploding" not in kinds(look(model, optim.Adam(model.parameters()))), "Adam's steps do not depend on it"


def test_steps_too_large_and_too_small(digits):
    for kind, lr, expected in ((optim.SGD, 100.0, "large step"), (optim.Adam, 0.5, "large step"), (optim.SGD, 1e-9, "small step"),
                               (optim.Adam, 1e-10, "small step")):
        model = mlp()
        opt = kind(model.parameters(), lr=lr)
        train(model, opt, digits, 1)
        assert kinds(look(model, opt)) == [expected]


@pytest.mark.parametrize("last_step", [False, True])
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_forgotten_zero_grad(digits, kind, last_step):
    model = mlp()
    opt = kind(model.parameters(), lr=1e-4)
    train(model, opt, digits, 20, zero=False, last_step=last_step)
    for result in (look(model, opt), look(model)):
        assert kinds(result) == ["zero_grad"] and "sums of 20 backward passes" in result.findings[0].text
        assert len(result.findings[0].names) == 4


def test_forgotten_zero_grad_is_certain_with_the_optimizers_flag(digits):
    model = mlp()
    opt = optim.SGD(model.parameters(), lr=1e-3)
    opt.warn_on_accumulation = True
    train(model, opt, digits, 2, zero=False)
    result = look(model, opt)
    assert kinds(result) == ["zero_grad"] and "the last step used already" in result.findings[0].text
    opt.zero_grad()
    for _ in range(20):
        train(model, opt, digits, 1, zero=False)
    assert look(model, opt).healthy, "summing up on purpose"


def test_frozen_unused_and_unknown_to_the_optimizer(digits):
    model = mlp()
    model.extra = nn.Linear(3, 3)
    model.forward = lambda x: model[3](model[2](model[1](model[0](x))))
    model[1].bias.requires_grad_(False)
    opt = optim.SGD([*model[1].parameters(), *model.extra.parameters()], lr=0.1)
    images, labels = digits
    F.cross_entropy(model(images[:32]), labels[:32]).backward()
    result = look(model, opt)
    found = {f.kind: f for f in result.findings}
    assert set(found) == {"frozen", "no gradient", "not in optimizer"}
    assert found["frozen"].names == ["1.bias"] and found["no gradient"].names == ["extra.weight", "extra.bias"]
    assert found["not in optimizer"].names == ["3.weight", "3.bias"]
    assert str(result).splitlines()[2].endswith("frozen")
    other = look(model, optim.SGD(mlp().parameters(), lr=0.1))
    assert "none of this model's parameters" in next(f.text for f in other.findings if f.kind == "not in optimizer")


def test_no_gradient_at_all(digits):
    result = look(mlp())
    assert kinds(result) == ["no gradient"] and "backward() has not run" in result.findings[0].text


def test_dead_relus(digits):
    model = mlp(layers=2)
    with ndl.no_grad():
        model[3].bias -= 100
    opt = optim.SGD(model.parameters(), lr=1e-3)
    batch = train(model, opt, digits, 1)
    result = look(model, opt)
    assert {n for f in result.findings for n in f.names if f.kind == "dead"} >= {"3.weight"}
    result = look(model, opt, batch=batch)
    assert [(f.kind, f.names) for f in result.findings] == [("dead", ["4"])]
    assert "64 of 64 units of the ReLU in 4" in result.findings[0].text


def test_relus_that_are_no_modules_and_channels(digits):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.out = nn.Conv2d(1, 8, 3), nn.Linear(8 * 676, 10)

        def forward(self, x):
            return self.out(F.relu(self.conv(x.unsqueeze(1))).flatten(1))

    model = Model()
    with ndl.no_grad():
        model.conv.bias[:7] = -100
    batch = train(model, optim.SGD(model.parameters(), lr=0.1), digits, 1)
    (finding,) = look(model, batch=batch).findings
    assert finding.kind == "dead" and finding.text.startswith("7 of 8 units of the ReLU in Model")
    assert look(model).healthy, "nearly all channels may sleep for one input; without the batch nobody knows how many there were"


def test_one_input_puts_half_of_the_units_to_sleep_and_that_is_fine(digits):
    model = mlp(layers=3)
    batch = train(model, optim.SGD(model.parameters(), lr=0.1), digits, 5, batch=1)
    assert look(model, batch=batch).healthy


def test_nan_and_infinity(digits):
    model = mlp()
    opt = optim.Adam(model.parameters())
    batch = train(model, opt, digits, 1)
    model[1].weight.grad[0, 0] = float("nan")
    result = look(model, opt)
    assert kinds(result) == ["nan"] and result.findings[0].names == ["1.weight"] and "the gradients of" in result.findings[0].text
    opt.step()
    result = look(model, opt, batch=batch)
    assert kinds(result)[0] == "nan" and "the values of 1.weight" in result.findings[0].text
    assert "nan comes up" in str(result).lower() or "comes up first in what 1 computes" in result.findings[-1].text
    model = cnn()
    model[2].running_mean[0] = float("inf")
    assert look(model).findings[0].names == ["2.running_mean"]


def test_eval_forgotten_and_train_forgotten(digits):
    model = cnn()
    opt = optim.SGD(model.parameters(), lr=0.01)
    train(model, opt, digits, 2)
    assert look(model, opt).healthy
    model.eval()
    train(model, opt, digits, 1)
    result = look(model, opt)
    assert kinds(result) == ["eval"] and result.findings[0].names == ["2", "9"] and "model.train()" in result.findings[0].text
    with ndl.no_grad():
        assert look(model).healthy
        model.train()
        result = look(model)
        assert kinds(result) == ["train"] and "model.eval()" in result.findings[0].text
        assert look(mlp()).healthy, "it has nothing that minds the mode"
    model[2].eval()  # some people keep batch norm's statistics as they are
    train(model, opt, digits, 1)
    assert look(model, opt).healthy


def test_it_leaves_the_model_as_it_was(digits):
    model = cnn()
    opt = optim.Adam(model.parameters())
    batch = train(model, opt, digits, 2)
    before = {k: v.tolist() for k, v in model.state_dict().items()}
    grads = [p.grad for p in model.parameters()]
    ndl.manual_seed(3)
    expected = ndl.rand(3).tolist()
    ndl.manual_seed(3)
    look(model, opt, batch=batch)
    assert ndl.rand(3).tolist() == expected
    assert {k: v.tolist() for k, v in model.state_dict().items()} == before
    assert all(p.grad is g for p, g in zip(model.parameters(), grads, strict=True))
    assert all("_hooks" not in vars(m) and m.training for m in model.modules())


def test_bad_input(digits):
    with pytest.raises(TypeError, match="'model' must be an nn.Module; got type. Give it the model itself, not its class"):
        look(nn.Linear)
    with pytest.raises(TypeError, match="'optimizer' must be an optimizer; got Tensor.*batch="):
        look(mlp(), ndl.ones(3))
    with pytest.raises(ValueError, match="no parameters"):
        look(nn.ReLU())
    with pytest.raises(TypeError, match="no tensor in 'batch'; got ndarray"):
        look(mlp(), batch=np.ones(3))
    with pytest.raises(TypeError, match="without the labels"):
        look(mlp(), batch=(digits[0][:8], digits[1][:8]))
