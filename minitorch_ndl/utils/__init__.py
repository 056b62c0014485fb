"""Helpers around training: `utils.data`, `utils.checkpoint`."""

from . import checkpoint as checkpoint, data as data
