"""Train a variational autoencoder on digits, and draw new ones with it: a test ELBO of about -105 nats after 10 epochs.

    python scripts/vae.py --samples digits.png

Auto-Encoding Variational Bayes, Kingma and Welling, https://arxiv.org/abs/1312.6114
"""

import common

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn, optim
from minitorch_ndl.utils.data import DataLoader


class VAE(nn.Module):
    """An image's pixels (N, 784) to a distribution of codes (N, latent), and a code back to pixels."""

    def __init__(self, hidden, latent):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))

    def encode(self, x):
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def decode(self, z):
        """The logits of pixels (N, 784)."""
        return self.decoder(z)

    def forward(self, x):
        mean, log_variance = self.encode(x)
        noise = ndl.randn_like(mean)  # all that is random comes from outside, so that gradients reach mean and variance
        return self.decode(mean + noise * (0.5 * log_variance).exp()), mean, log_variance


def negative_elbo(model, x):
    """The two terms of the bound, in nats per image: what the code fails to tell of the image, and what the code costs."""
    logits, mean, log_variance = model(x)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean ** 2 - log_variance.exp()).sum()
    return reconstruction / len(x), divergence / len(x)


def train_epoch(model, loader, optimizer, title, show):
    model.train()
    with common.Progress(title, len(loader), show) as progress:
        for x, _ in loader:
            reconstruction, divergence = negative_elbo(model, x.flatten(1))
            loss = reconstruction + divergence
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            progress.step(elbo=-loss.item(), reconstruction=reconstruction.item(), divergence=divergence.item())


@ndl.no_grad()
def evaluate(model, dataset):
    """The mean ELBO per image."""
    model.eval()
    total = 0.0
    for x, _ in DataLoader(dataset, batch_size=500):
        reconstruction, divergence = negative_elbo(model, x.flatten(1))
        total -= (reconstruction + divergence).item() * len(x)
    return total / len(dataset)


@ndl.no_grad()
def samples(model, dataset, latent, count=32):
    """Test images, what the model makes of them, and images that it draws freely: (3 * count, 1, 28, 28)."""
    model.eval()
    x = dataset.tensors[0][:count]
    mean, _ = model.encode(x.flatten(1))
    again, free = model.decode(mean).sigmoid(), model.decode(ndl.randn(count, latent)).sigmoid()
    return ndl.cat([x, again.view_as(x), free.view(count, 1, 28, 28)])


def main():
    parser = common.parser(__doc__, epochs=10, batch_size=128, lr=1e-3)
    parser.add_argument("--hidden", type=common.positive_int, default=512, metavar="N", help="size of the hidden layers")
    parser.add_argument("--latent", type=common.positive_int, default=20, metavar="N", help="size of a code")
    parser.add_argument("--samples", metavar="FILE", default="vae.png", help="write images to FILE: test images, the same "
                        "through the model, and free ones, in four rows each; without Pillow it becomes a .ppm file")
    common.add_digit_options(parser)
    args = parser.parse_args()

    data = common.load_digits(args)
    ndl.manual_seed(args.seed)
    loader = DataLoader(data.train, batch_size=args.batch_size, shuffle=True)
    model = VAE(args.hidden, args.latent)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        train_epoch(model, loader, optimizer, f"epoch {epoch}/{args.epochs}", not args.quiet)

    elbo = evaluate(model, data.test)
    file = common.save_images(samples(model, data.test, args.latent), args.samples)
    common.report(test_ELBO=f"{elbo:.2f} nats per image", samples=file, data=data.source)


if __name__ == "__main__":
    common.run(main)
