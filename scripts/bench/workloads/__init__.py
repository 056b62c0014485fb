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
    random = np.random.default_rng(0)
    start = {}
    for name, shape in shapes.items():
        values = random.standard_normal(shape, np.float32)
        if len(shape) == 1:
            values *= np.float32(0.1)
            if name.endswith("weight"):  # a layer norm's
                values += np.float32(1)
        elif not name.startswith(("tokens", "places", "embedding")):
            values /= np.float32(math.prod(shape[1:])**0.5)
        start[name] = values
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
