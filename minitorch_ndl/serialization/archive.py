"""The .pt file: a zip archive, uncompressed, of `data.pkl` (the pickle), `data/0`, `data/1`, ... (raw storages) and a
few notes (`version`, `byteorder`, ...), all in one folder. Storages begin at multiples of 64 bytes, so that they can be
mapped into memory.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zlib
from typing import Any

import numpy as np

_ALIGNMENT = 64
_HEADER = 30  # bytes of a zip entry's header before its name
_LARGE = 2**31 - 1  # from here on, zip's 64-bit sizes


def write(file: Any, folder: str, pickled: bytes, rows: list[np.ndarray]) -> None:
    """Write a checkpoint: the pickle, and the storages that it calls "0", "1", ..."""
    import zipfile

    checksums: list[int] = []

    def add(name: str, content: Any) -> None:
        view = memoryview(content).cast("B") if len(content) else memoryview(b"")
        entry = zipfile.ZipInfo(f"{folder}/{name}")
        entry.flag_bits |= 0x800 if not name.isascii() else 0
        large = view.nbytes > _LARGE
        start = position() + _HEADER + len(entry.filename.encode()) + 20 * large + 4
        padding = -start % _ALIGNMENT
        entry.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        entry.file_size = view.nbytes
        with archive.open(entry, "w", force_zip64=large) as target:
            for at in range(0, view.nbytes, 1 << 24):
                target.write(view[at:at + (1 << 24)])
        checksums.append(entry.CRC)

    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        position = archive.fp.tell  # type: ignore[union-attr]
        add("data.pkl", pickled)
        add(".format_version", b"1")
        add(".storage_alignment", str(_ALIGNMENT).encode())
        add("byteorder", sys.byteorder.encode())
        for key, row in enumerate(rows):
            add(f"data/{key}", row.view(np.uint8) if row.size else b"")
        add("version", b"3\n")
        add(".data/serialization_id", f"{zlib.crc32(pickled):020d}{zlib.crc32(repr(checksums).encode()):020d}".encode())


class Reader:
    """A checkpoint that is open for reading."""

    def __init__(self, file: Any, where: str, mmap: bool = False):
        import zipfile

        self.file, self.where, self.mmap = file, where, mmap
        try:
            self.zip = zipfile.ZipFile(file)
            names = self.zip.namelist()
            pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
            raise self.damaged(f"failed finding central directory ({error})") from None
        if len(pickles) != 1:
            raise RuntimeError(f"load: {where} is a zip archive, but no checkpoint: it has {len(pickles)} files data.pkl, "
                               f"not one. It holds {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}.")
        self.folder = pickles[0].partition("/")[0]
        if f"{self.folder}/constants.pkl" in names:
            raise RuntimeError(f"load: {where} is a TorchScript archive, made with torch.jit.save; it holds compiled code. "
                               "Save the model's state_dict() with torch.save instead.")
        order = self.read("byteorder").decode() if f"{self.folder}/byteorder" in names else "little"
        self.swapped = order != sys.byteorder

    def damaged(self, why: Any) -> RuntimeError:
        return RuntimeError(f"PytorchStreamReader failed reading zip archive: {why}. {self.where} is truncated or damaged: "
                            "get it again, or go back to an older checkpoint.")

    def read(self, name: str) -> bytes:
        return bytes(self._content(name))

    def _content(self, name: str) -> Any:
        import zipfile

        try:
            entry = self.zip.getinfo(f"{self.folder}/{name}")
            content = np.empty(entry.file_size, np.uint8)
            with self.zip.open(entry) as source:
                view = memoryview(content)  # type: ignore[arg-type]
                at = 0
                while at < len(view) and (n := source.readinto(view[at:at + (1 << 24)])):  # type: ignore[attr-defined]
                    at += n
                if at < len(view):
                    raise EOFError(f"{name} ends after {at} of {len(view)} bytes")
        except (KeyError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, OSError, NotImplementedError) as error:
            raise self.damaged(error.args[0] if error.args else error) from None
        return content

    def storage(self, key: str, dtype: np.dtype, count: int) -> np.ndarray:
        """Storage `key` as a row."""
        content = self._mapped(key) if self.mmap else self._content(f"data/{key}")
        if content.nbytes != count * dtype.itemsize:
            raise self.damaged(f"storage {key} has {content.nbytes} bytes, expected {count} times {dtype.itemsize}")
        row = content.view(dtype)
        return row.byteswap() if self.swapped and dtype.itemsize > 1 else row

    def _mapped(self, key: str) -> np.ndarray:
        """The storage where it lies in the file, read when it is looked at; writes stay in memory."""
        import mmap

        if isinstance(self.mmap, bool):
            self.map = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_COPY)
            self.mmap = self.map  # type: ignore[assignment]
        try:
            entry = self.zip.getinfo(f"{self.folder}/data/{key}")
        except KeyError as error:
            raise self.damaged(error.args[0]) from None
        names = struct.unpack_from("<2H", self.map, entry.header_offset + 26)
        return np.frombuffer(self.map, np.uint8, entry.file_size, entry.header_offset + _HEADER + sum(names))

    def pickle(self) -> io.BytesIO:
        return io.BytesIO(self.read("data.pkl"))


# --- before the zip archive: torch below 1.6 --------------------------------------------------------------------------

MAGIC = 0x1950A86A20F9469CFC6C


def read_legacy(file: Any, where: str, unpickler: Any, make: Any) -> Any:
    """A checkpoint of five pickles (magic number, version, machine, object, keys), with the storages after them.

    unpickler  makes an unpickler of a file and a function from a persistent id to a storage
    make       makes a storage of a row of elements, its key and its location
    """
    plain = lambda: unpickler(file, None).load()
    rows: dict[str, np.ndarray] = {}
    made: dict[Any, Any] = {}

    def storage(pid: tuple) -> Any:
        _, kind, key, location, count, view = pid
        if key not in rows:
            rows[key] = np.empty(count, make.dtype(kind))
        if view is not None:  # very old: a storage that is part of another
            name, offset, size = view
            return made.setdefault((key, name), make(rows[key][offset:offset + size], location))
        return made.setdefault(key, make(rows[key], location))

    try:
        if plain() != MAGIC:
            raise pickle.UnpicklingError
    except (pickle.UnpicklingError, *make.malformed):
        raise pickle.UnpicklingError(
            f"load: {where} is no checkpoint: it begins neither like torch's zip archives nor like its older files. Is it "
            f"another format, or a web page that was downloaded instead?") from None
    version, machine = plain(), plain()
    if version != 1001:
        raise RuntimeError(f"load: {where} has format version {version}; known is 1001.")
    result = unpickler(file, storage).load()
    for key in plain():
        row = rows[key]
        header = file.read(8)
        content = file.read(row.nbytes)
        if len(header) != 8 or len(content) != row.nbytes or struct.unpack("<q", header)[0] != row.size:
            raise RuntimeError(f"load: {where} is truncated or damaged: unexpected EOF in storage {key}.")
        row.view(np.uint8)[...] = np.frombuffer(content, np.uint8)
        if machine.get("little_endian", True) != (sys.byteorder == "little"):
            row.byteswap(inplace=True)
    return result
