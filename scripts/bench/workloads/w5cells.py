"""W5 cell by cell: the same model as W5, as a Python loop over nn.LSTMCell."""

from . import load, trainer, w5, weights
from .w5 import HIDDEN, RATE, VOCABULARY, WIDTH

STEPS = 6
TUNED = True
by_hand = w5.by_hand


def build(torch, **optimizer):
    nn, F = torch.nn, torch.nn.functional

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm = nn.Embedding(VOCABULARY, WIDTH), nn.LSTMCell(WIDTH, HIDDEN)
            self.out = nn.Linear(HIDDEN, VOCABULARY)

        def forward(self, x):
            h = c = torch.zeros(x.shape[1], HIDDEN)
            hidden = []
            for e in self.embedding(x):
                h, c = self.lstm(e, (h, c))
                hidden.append(h)
            return self.out(torch.stack(hidden))

    x, y = map(torch.from_numpy, w5.data())
    model = Model()
    load(torch, model, weights(w5.shapes("")))
    return trainer(torch, torch.optim.SGD(model.parameters(), lr=RATE, **optimizer),
                   lambda: F.cross_entropy(model(x).view(-1, VOCABULARY), y.view(-1)))
