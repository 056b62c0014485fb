"""The workloads. Each module has two functions that return one training step, a function from nothing to the loss:

    build(torch, **optimizer)   written as a PyTorch user writes it; `torch` is PyTorch or this package, and what else is
                                given goes to the optimizer
    by_hand()                   forward, backward and the optimizer in plain NumPy, no autograd: what remains when a
                                framework costs nothing

and STEPS, how many steps make one round of about a tenth of a second. All start from the same weights and data.
"""

import math

import numpy as np


def weights(shapes):
    """Where training starts: an array for each name, matrices of a size that keeps what flows through them alive."""
    random = np.random.RandomState(0)
    start = {}
    for name, shape in shapes.items():
        values = random.randn(*shape)
        if len(shape) == 1:
            values = 0.1 * values + (name.startswith("ln") or ".ln" in name) * name.endswith("weight")
        elif not name.startswith(("tokens", "places", "embedding")):
            values /= math.sqrt(math.prod(shape[1:]))
        start[name] = values.astype(np.float32)
    return start


def load(torch, model, start):
    model.load_state_dict({name: torch.from_numpy(array) for name, array in start.items()})


def trainer(torch, optimizer, loss_of):
    """The step that every script has."""

    def step():
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
