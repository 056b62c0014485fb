"""Train a convolutional network on MNIST: at least 99.0 % test accuracy after four epochs (99.3 % with seed 0).

    python scripts/convnet.py
    python scripts/convnet.py --epochs 8 --save convnet.pt

MNIST is looked for in --data-dir, in the folder that MINITORCH_NDL_DATA names, or in data/, and downloaded if it is in
none of them. Without a network, digits that the package draws itself take its place, and the script says so.
"""

import common

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn, optim
from minitorch_ndl.utils.data import DataLoader


class ConvNet(nn.Module):
    """Images (N, 1, 28, 28) to scores for ten classes (N, 10)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(32)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = (x - 0.1307) / 0.3081  # the mean and the standard deviation of MNIST's pixels
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        x = self.dropout(x.flatten(1))
        return self.fc2(F.relu(self.fc1(x)))


def train_epoch(model, loader, optimizer, scheduler, title, show):
    model.train()
    with common.Progress(title, len(loader), show) as progress:
        for x, y in loader:
            scores = model(x)
            loss = F.cross_entropy(scores, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            progress.step(loss=loss.item(), accuracy=(scores.argmax(1) == y).float().mean().item())


@ndl.no_grad()
def evaluate(model, dataset):
    """Mean loss and accuracy."""
    model.eval()
    loss, correct = 0.0, 0
    for x, y in DataLoader(dataset, batch_size=500):
        scores = model(x)
        loss += F.cross_entropy(scores, y, reduction="sum").item()
        correct += (scores.argmax(1) == y).sum().item()
    return loss / len(dataset), correct / len(dataset)


def main():
    parser = common.parser(__doc__, epochs=4, batch_size=64, lr=0.003)
    common.add_digit_options(parser)
    parser.add_argument("--save", metavar="FILE", help="write the trained weights to FILE")
    args = parser.parse_args()

    data = common.load_digits(args)
    ndl.manual_seed(args.seed)
    loader = DataLoader(data.train, batch_size=args.batch_size, shuffle=True)
    model = ConvNet()
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    # The rate rises to --lr for the first third of the steps, and falls to nothing from there.
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=args.epochs * len(loader))

    for epoch in range(1, args.epochs + 1):
        train_epoch(model, loader, optimizer, scheduler, f"epoch {epoch}/{args.epochs}", not args.quiet)

    if args.save:
        ndl.save(model.state_dict(), args.save)
    loss, accuracy = evaluate(model, data.test)
    common.report(test_loss=f"{loss:.4f}", test_accuracy=f"{accuracy:.2%}", data=data.source)


if __name__ == "__main__":
    common.run(main)
