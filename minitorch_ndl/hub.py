"""Checkpoints from the web, kept in a folder. https://pytorch.org/docs/stable/hub.html"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import serialization

_folder: str | None = None


def get_dir() -> str:
    """The folder: what `set_dir` was given, or ``$TORCH_HOME/hub``, or ``~/.cache/torch/hub``."""
    home = os.environ.get("TORCH_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.expanduser(_folder or os.path.join(home, "hub"))


def set_dir(d: Any) -> None:
    """Keep downloads in this folder."""
    global _folder
    _folder = os.path.expanduser(d)


def download_url_to_file(url: str, dst: Any, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Download a file; it appears at `dst` when it is whole.

    Raises RuntimeError if it cannot be had, or if its SHA-256 does not begin with `hash_prefix`.
    """
    import hashlib
    import urllib.request

    from tqdm import tqdm

    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=30) as response, serialization.replacing(dst) as file, tqdm(
                total=int(response.headers.get("Content-Length") or 0) or None, unit="B", unit_scale=True,
                disable=not progress or None) as bar:
            while chunk := response.read(1 << 20):
                file.write(chunk)
                digest.update(chunk)
                bar.update(len(chunk))
            if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}"): {url} does '
                                   "not give the file that was asked for")
    except OSError as error:
        raise RuntimeError(f"hub: {url} could not be downloaded: {error}. Restore the network, or put the file at {dst}."
                           ) from error


def load_state_dict_from_url(url: str, model_dir: Any = None, map_location: Any = None, progress: bool = True,
                             check_hash: bool = False, file_name: str | None = None, weights_only: bool = True) -> Any:
    """What `load` makes of the file at `url`, which is downloaded if it is not in the folder yet.

    check_hash  the name ends in the beginning of the file's SHA-256, as in resnet18-f37072fd.pth
    """
    from urllib.parse import urlparse

    folder = Path(model_dir or os.path.join(get_dir(), "checkpoints"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file_name or os.path.basename(urlparse(url).path))
    if not path.exists():
        prefix = path.stem.rpartition("-")[2] if check_hash and "-" in path.stem else None
        download_url_to_file(url, path, prefix, progress)
    return serialization.load(path, map_location, weights_only=weights_only)
load_url = load_state_dict_from_url  # its name in torch.utils.model_zoo
