"""The same script on both: with the same seed it prints the same losses."""

import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")


def train(torch, dropout):
    """Initial weights, the order of the batches, dropout's masks, the data: all from one seed."""
    nn, data = torch.nn, torch.utils.data
    torch.manual_seed(7)
    x = torch.randn(300, 20)
    y = (x[:, 0] * x[:, 1] + torch.rand(300) > 0.5).long()
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    loader = data.DataLoader(data.TensorDataset(x, y), batch_size=32, shuffle=True)
    losses = []
    for _ in range(6):
        for xb, yb in loader:
            loss = nn.functional.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(f"{loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        losses.append(f"{(model(x).argmax(1) == y).float().mean():.4f}")
    return losses


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_prints_torchs_losses(dropout):
    mine, theirs = train(ndl, dropout), train(torch, dropout)
    different = [(i, a, b) for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if abs(float(a) - float(b)) > 1.01e-4]
    assert not different
