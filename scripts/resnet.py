"""Train a residual network on CIFAR-10, or on drawn digits in colour: about 99.5 % test accuracy on the latter.

    python scripts/resnet.py --data-dir FOLDER      # the folder that holds cifar-10-batches-py, or the archive of it
    python scripts/resnet.py --depth 20 --epochs 30 --dataset cifar10

Where CIFAR-10 is not found, coloured digits that the package draws itself take its place, and the script says so.
With --dataset cifar10 it is downloaded (170 MB).

Deep Residual Learning for Image Recognition, He et al., https://arxiv.org/abs/1512.03385, section 4.2
"""

import os
from pathlib import Path

import common
import numpy as np

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn, optim
from minitorch_ndl.datasets import DataError, draw_digits
from minitorch_ndl.utils.data import DataLoader, Dataset, Subset
from minitorch_ndl.vision import transforms
from minitorch_ndl.vision.datasets import CIFAR10

NOTICE = ("This is NOT CIFAR-10. minitorch_ndl draws the images itself: digits in colour, of 32 x 32 pixels; what a model "
          "reaches on them says nothing about CIFAR-10.")


class ColouredDigits(Dataset):
    """Drawn digits (32, 32, 3) in a random colour on a darker one; the colours say nothing about the digit."""

    def __init__(self, count, seed, transform):
        images, self.labels = draw_digits(count, seed)
        rng = np.random.RandomState(seed)
        ink = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None] / np.float32(255)
        paper = rng.uniform(0, 128, (count, 1, 1, 3)).astype(np.float32)
        pen = paper + rng.uniform(32, 127, paper.shape).astype(np.float32)
        noise = rng.normal(0, 16, (count, 32, 32, 3)).astype(np.float32)
        self.images = np.clip(paper + (pen - paper) * ink + noise, 0, 255).astype(np.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), int(self.labels[i])


class Block(nn.Module):
    """Two convolutions, and a way around them."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.around = nn.Identity() if stride == 1 and channels_in == channels else nn.Sequential(
            nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.around(x))


class ResNet(nn.Module):
    """Images (N, 3, 32, 32) to scores (N, classes); 6 * blocks + 2 layers deep."""

    def __init__(self, blocks, width=16, classes=10):
        super().__init__()
        layers = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        channels = width
        for stage in range(3):  # at 32 x 32, 16 x 16, 8 x 8, each with twice the channels of the last
            for i in range(blocks):
                layers.append(Block(channels, width << stage, stride=2 if stage > 0 and i == 0 else 1))
                channels = width << stage
        self.layers = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(self.pool(self.layers(x)).flatten(1))


def load_data(args):
    """A training set, a test set, and what they are."""
    folder = Path(args.data_dir or os.environ.get("MINITORCH_NDL_DATA") or common.ROOT / "data")
    prepare = [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))]
    crop, flip = transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()
    there = (folder / CIFAR10.base_folder).exists() or (folder / CIFAR10.filename).exists()
    if args.dataset == "cifar10" or (args.dataset == "auto" and there):
        try:
            train = CIFAR10(folder, train=True, transform=transforms.Compose([*prepare, crop, flip]), download=True)
            test = CIFAR10(folder, train=False, transform=transforms.Compose(prepare))
        except (RuntimeError, DataError) as error:
            raise common.Problem(error) from None
        source = f"CIFAR-10: read from {folder}"
    else:
        if not args.quiet:
            print(f"{NOTICE} {'As asked for.' if args.dataset == 'digits' else f'CIFAR-10 is not in {folder}.'}\n")
        # A digit in the mirror is no digit: these are cropped, but not flipped.
        train = ColouredDigits(10_000, 0, transforms.Compose([*prepare, crop]))
        test = ColouredDigits(2_000, 1, transforms.Compose(prepare))
        source = "coloured digits: NOT CIFAR-10; drawn by minitorch_ndl"
    if args.limit:
        train, test = (Subset(d, range(min(args.limit, len(d)))) for d in (train, test))
    return train, test, source


@ndl.no_grad()
def evaluate(model, dataset):
    model.eval()
    correct = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(dataset, batch_size=200))
    return correct / len(dataset)


def main():
    parser = common.parser(__doc__, epochs=3, batch_size=32, lr=0.05)
    add = parser.add_argument
    add("--data-dir", metavar="DIR", help="folder with CIFAR-10; unset: $MINITORCH_NDL_DATA, or else data/ beside this "
        "script's folder")
    add("--dataset", choices=["auto", "cifar10", "digits"], default="auto", help="cifar10: the real thing, downloaded if need "
        "be, or an error; digits: drawn by the package; auto: cifar10 if it is there, or digits")
    add("--limit", type=common.positive_int, metavar="N", help="use the first N training and test images only")
    add("--depth", type=int, choices=[8, 14, 20, 32, 44, 56], default=8, help="layers")
    add("--width", type=common.positive_int, default=16, metavar="N", help="channels of the first stage")
    args = parser.parse_args()

    train, test, source = load_data(args)
    ndl.manual_seed(args.seed)
    loader = DataLoader(train, batch_size=args.batch_size, shuffle=True)
    model = ResNet((args.depth - 2) // 6, args.width)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, total_steps=args.epochs * len(loader))
    for epoch in range(1, args.epochs + 1):
        model.train()
        with common.Progress(f"epoch {epoch}/{args.epochs}", len(loader), not args.quiet) as progress:
            for x, y in loader:
                scores = model(x)
                loss = F.cross_entropy(scores, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                progress.step(loss=loss.item(), accuracy=(scores.argmax(1) == y).float().mean().item())

    common.report(test_accuracy=f"{evaluate(model, test):.2%}", parameters=f"{sum(p.numel() for p in model.parameters()):,}",
                  data=source)


if __name__ == "__main__":
    common.run(main)
