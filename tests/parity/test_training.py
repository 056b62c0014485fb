"""A whole training script, unchanged but for the import: the same seed prints the same losses."""

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")


def train(torch, loss_name, targets):
    nn = torch.nn
    torch.manual_seed(0)
    x = torch.randn(200, 20)
    y = targets(torch, x)
    model = nn.Sequential(
        nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 4 if y.ndim == 1 else 2)
    )
    criterion = getattr(nn, loss_name)()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    printed = []
    for epoch in range(5):
        order = torch.randperm(200)
        for i in range(0, 200, 20):
            batch = order[i : i + 20]
            optimizer.zero_grad()
            loss = criterion(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
        printed.append(f"epoch {epoch} loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        return printed, model(x).numpy()


@pytest.mark.parametrize(
    "loss, targets",
    [
        ("CrossEntropyLoss", lambda torch, x: (x[:, :4] + x[:, 4:8]).argmax(1)),
        ("MSELoss", lambda torch, x: torch.stack([x[:, 0] * x[:, 1], x[:, 2].sin()], 1)),
        ("BCEWithLogitsLoss", lambda torch, x: (x[:, :2] > 0).float()),
        ("SmoothL1Loss", lambda torch, x: x[:, :2].abs()),
    ],
)
def test_losses_are_printed_alike(loss, targets):
    ours, theirs = train(ndl, loss, targets), train(torch, loss, targets)
    assert ours[0] == theirs[0]
    np.testing.assert_allclose(ours[1], theirs[1], rtol=2e-3, atol=2e-4)
