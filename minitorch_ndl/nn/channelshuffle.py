"""ChannelShuffle. https://arxiv.org/abs/1707.01083"""

from __future__ import annotations

from .stateless import Stateless


class ChannelShuffle(Stateless, calls="channel_shuffle"):
    """The channels of (N, C, ...), seen as `groups` by C / groups, transposed: each group gets one of every other.

    https://pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html

    >>> ndl.nn.ChannelShuffle(2)(ndl.arange(4).reshape(1, 4, 1)).flatten()
    tensor([0, 2, 1, 3])
    """

    groups: int
