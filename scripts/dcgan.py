"""Train a DCGAN to draw digits. A classifier judges them: a digit score of about 6.5 after 3 epochs, where real digits get 9.5.

    python scripts/dcgan.py --samples digits.png

Unsupervised Representation Learning with Deep Convolutional GANs, Radford et al., https://arxiv.org/abs/1511.06434
"""

import common
import convnet

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn, optim
from minitorch_ndl.utils.data import DataLoader


class Generator(nn.Module):
    """Noise (N, latent) to images (N, 1, 28, 28) of -1 to 1."""

    def __init__(self, latent, width):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(latent, 2 * width, 7, bias=False),  # to 7 x 7
            nn.BatchNorm2d(2 * width),
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),  # to 14 x 14
            nn.BatchNorm2d(width),
            nn.ReLU(True),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),  # to 28 x 28
            nn.Tanh())

    def forward(self, z):
        return self.main(z[:, :, None, None])


class Discriminator(nn.Module):
    """Images (N, 1, 28, 28) to logits (N,) of being real."""

    def __init__(self, width):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1),  # to 14 x 14
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),  # to 7 x 7
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 1, 7))

    def forward(self, x):
        return self.main(x).flatten()


def initialize(module):
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def train_epoch(generator, discriminator, loader, optimizers, schedulers, latent, title, show):
    optimizer_g, optimizer_d = optimizers
    with common.Progress(title, len(loader), show) as progress:
        for x, _ in loader:
            real = x * 2 - 1
            fake = generator(ndl.randn(len(x), latent))
            ones, zeros = ndl.ones(len(x)), ndl.zeros(len(x))

            # The discriminator learns to tell real from fake. Gradients stop at the images.
            loss_d = F.binary_cross_entropy_with_logits(discriminator(real), ones) \
                + F.binary_cross_entropy_with_logits(discriminator(fake.detach()), zeros)
            optimizer_d.zero_grad()
            loss_d.backward()
            optimizer_d.step()

            # The generator learns to have its images taken for real.
            loss_g = F.binary_cross_entropy_with_logits(discriminator(fake), ones)
            optimizer_g.zero_grad()
            loss_g.backward()
            optimizer_g.step()
            for scheduler in schedulers:
                scheduler.step()
            progress.step(discriminator=loss_d.item(), generator=loss_g.item())


@ndl.no_grad()
def digit_score(judge, images):
    """From 1 to 10: how clearly each image is one of the ten digits, and how evenly they all occur.

    It is the Inception Score, https://arxiv.org/abs/1606.03498, with a classifier of digits in Inception's place.
    """
    judge.eval()
    log_p = ndl.cat([F.log_softmax(judge(part), dim=1) for part in images.split(500)])
    p = log_p.exp()
    return (p * (log_p - p.mean(0).log())).sum(1).mean().exp().item()


def main():
    parser = common.parser(__doc__, epochs=3, batch_size=64, lr=1e-3)
    parser.add_argument("--latent", type=common.positive_int, default=32, metavar="N", help="how many numbers make an image")
    parser.add_argument("--width", type=common.positive_int, default=32, metavar="N", help="channels of the middle layers")
    parser.add_argument("--samples", metavar="FILE", default="dcgan.png",
                        help="write 64 drawn digits to FILE; without Pillow it becomes a .ppm file")
    common.add_digit_options(parser)
    args = parser.parse_args()
    show = not args.quiet

    data = common.load_digits(args)
    ndl.manual_seed(args.seed)
    loader = DataLoader(data.train, batch_size=args.batch_size, shuffle=True)
    generator = Generator(args.latent, args.width).apply(initialize)
    discriminator = Discriminator(args.width).apply(initialize)
    optimizers = [optim.Adam(model.parameters(), lr=args.lr, betas=(0.5, 0.999)) for model in (generator, discriminator)]
    # The two never come to rest; smaller and smaller steps let the generator end near the middle of where it wanders.
    schedulers = [optim.lr_scheduler.LinearLR(o, 1.0, 0.02, total_iters=args.epochs * len(loader)) for o in optimizers]
    for epoch in range(1, args.epochs + 1):
        title = f"epoch {epoch}/{args.epochs}"
        train_epoch(generator, discriminator, loader, optimizers, schedulers, args.latent, title, show)

    judge = convnet.ConvNet()
    optimizer = optim.Adam(judge.parameters(), lr=3e-3)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=len(loader))
    convnet.train_epoch(judge, loader, optimizer, scheduler, "a classifier to judge them", show)

    generator.eval()
    with ndl.no_grad():
        drawn = generator(ndl.randn(1000, args.latent)) / 2 + 0.5
    file = common.save_images(drawn[:64], args.samples)
    common.report(digit_score=f"{digit_score(judge, drawn):.2f} of 10",
                  of_real_digits=f"{digit_score(judge, data.test.tensors[0]):.2f}", samples=file, data=data.source)


if __name__ == "__main__":
    common.run(main)
