"""Train a GPT to write text character by character: a test loss of about 1.35 nats (2 bits) per character of Python code.

    python scripts/gpt.py --text shakespeare.txt --save gpt.pt
    python scripts/gpt.py --sample gpt.pt --start "def " --length 1000

Language Models are Unsupervised Multitask Learners, Radford et al. 2019, after Attention Is All You Need,
https://arxiv.org/abs/1706.03762
"""

import common
import text

import minitorch_ndl as ndl
import minitorch_ndl.nn.functional as F
from minitorch_ndl import nn


class Attention(nn.Module):
    """Each character gathers from itself and those before it: (N, T, C) to (N, T, C)."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)  # (N, heads, T, C/heads) each
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, t, c))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary, context, layers, heads, width):
        super().__init__()
        if width % heads:
            raise common.Problem(f"--width {width} cannot be divided among --heads {heads}.")
        self.context = context
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.apply(self.initialize)
        self.head.weight = self.token.weight  # a character's vector is the same, coming in and going out

    def initialize(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x):
        h = self.token(x) + self.position(ndl.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(h)))

    def step(self, x, state):
        """Here the state is the text so far, as much as fits into the context."""
        seen = x if state is None else ndl.cat([state, x], dim=1)
        seen = seen[:, -self.context:]
        return self(seen)[:, -1], seen


def main():
    options = {"layers": (3, "blocks of attention and perceptron"), "heads": (4, "heads of attention"),
               "width": (96, "size of a character's vector")}
    text.main(__doc__, GPT, options, lr=3e-3)


if __name__ == "__main__":
    common.run(main)
