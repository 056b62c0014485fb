"""W3, the convolutional network of PyTorch's MNIST example, without dropout: batch 64, SGD."""

import numpy as np

STEPS = 2


def build(torch):
    nn, F = torch.nn, torch.nn.functional
    random = np.random.RandomState(0)
    x = torch.from_numpy(random.rand(64, 1, 28, 28).astype(np.float32))
    y = torch.from_numpy(random.randint(0, 10, 64))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
            self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

        def forward(self, x):
            x = F.relu(self.conv2(F.relu(self.conv1(x))))
            x = F.max_pool2d(x, 2).flatten(1)
            return self.fc2(F.relu(self.fc1(x)))

    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step():
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
