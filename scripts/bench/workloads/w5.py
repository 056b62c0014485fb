"""W5, a language model with nn.LSTM: hidden 128, embedding 64, sequence 32, batch 32, vocabulary 100, SGD."""

import numpy as np

STEPS = 8


def build(torch):
    nn, F = torch.nn, torch.nn.functional

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm, self.out = nn.Embedding(100, 64), nn.LSTM(64, 128), nn.Linear(128, 100)

        def forward(self, x):
            hidden, _ = self.lstm(self.embedding(x))
            return self.out(hidden)

    random = np.random.RandomState(0)
    x, y = (torch.from_numpy(random.randint(0, 100, (32, 32))) for _ in range(2))
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        loss = F.cross_entropy(model(x).view(-1, 100), y.view(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
