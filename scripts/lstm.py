"""Train an LSTM to write text character by character: a test loss of about 1.35 nats (2 bits) per character of Python code.

    python scripts/lstm.py --text shakespeare.txt --save lstm.pt
    python scripts/lstm.py --sample lstm.pt --start "def " --length 1000

Long Short-Term Memory, Hochreiter and Schmidhuber, https://doi.org/10.1162/neco.1997.9.8.1735
"""

import common
import text

from minitorch_ndl import nn


class CharLSTM(nn.Module):
    def __init__(self, vocabulary, context, layers, width):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, num_layers=layers, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, x):
        h, _ = self.lstm(self.token(x))
        return self.head(h)

    def step(self, x, state):
        """Here the state is the LSTM's own, which remembers all of the text so far."""
        h, state = self.lstm(self.token(x), state)
        return self.head(h[:, -1]), state


def main():
    options = {"layers": (1, "LSTMs on top of each other"), "width": (192, "size of a character's vector and of the state")}
    text.main(__doc__, CharLSTM, options, lr=5e-3)


if __name__ == "__main__":
    common.run(main)
