from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from minitorch_ndl.datasets import DataError, DataNotFoundError, read_images, read_labels

IMAGES = np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4)
LABELS = np.array([3, 0, 9, 9, 1], np.uint8)


@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_reads_what_was_written(tmp_path, write_idx, name):
    images = read_images(write_idx(tmp_path / name, IMAGES))
    assert images.dtype == np.uint8 and images.flags.writeable
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(read_labels(str(write_idx(tmp_path / name, LABELS))), LABELS)


def test_content_decides_about_gzip_not_the_name(tmp_path, write_idx):
    write_idx(tmp_path / "a.gz", IMAGES).rename(tmp_path / "raw-by-name")
    write_idx(tmp_path / "b", IMAGES).rename(tmp_path / "zipped-by-name.gz")
    np.testing.assert_array_equal(read_images(tmp_path / "raw-by-name"), IMAGES)
    np.testing.assert_array_equal(read_images(tmp_path / "zipped-by-name.gz"), IMAGES)


def test_missing_file_is_also_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="read_images: there is no file .*nowhere"):
        read_images(tmp_path / "nowhere")
    with pytest.raises(DataNotFoundError):
        read_labels(tmp_path / "nowhere")


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(DataError, match="cannot read .* directory"):
        read_images(tmp_path)


def test_swapped_files_are_named_as_such(tmp_path, write_idx):
    images, labels = write_idx(tmp_path / "i", IMAGES), write_idx(tmp_path / "l", LABELS)
    with pytest.raises(DataError, match="holds labels, expected images.*swapped"):
        read_images(labels)
    with pytest.raises(DataError, match="holds images, expected labels.*swapped"):
        read_labels(images)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"<html>404</html>", "no idx file of images: it starts with the bytes 3c 68 74 6d"),
        (b"\0\0\x0d\x03" + bytes(12), "with the bytes 00 00 0d 03, expected 00 00 08 03"),  # floats
        (b"\0\0\x08\x03\0\0\0\1", "truncated: 8 bytes, not even a header"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 2, 2, 2) + bytes(7), r"truncated.*\(2, 2, 2\).* 8 bytes, and 7 f"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 2, 2, 2) + bytes(9), "too long.* 8 bytes, and 9 follow"),
        # Sizes whose product is 0 modulo 2**64: nothing may be allocated for them, nor may they pass.
        (struct.pack(">4B3I", 0, 0, 8, 3, 1 << 31, 1 << 31, 4), "truncated"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 0, 0xFFFFFFFF, 0xFFFFFFFF), "holds no images"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_content(tmp_path, content, message, zipped):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(DataError, match=message):
        read_images(path)


def test_every_truncation_of_a_gzip_file_is_noticed(tmp_path, write_idx):
    whole = write_idx(tmp_path / "file.gz", IMAGES).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(DataError, match="cut"):
            read_images(tmp_path / "cut")


def test_every_flipped_byte_of_a_gzip_body_is_noticed(tmp_path, write_idx):
    whole = write_idx(tmp_path / "file.gz", IMAGES).read_bytes()
    for position in range(10, len(whole)):  # the header before holds a time, and other trifles
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        (tmp_path / "broken").write_bytes(broken)
        with pytest.raises(DataError, match="broken is (corrupted|truncated)"):
            read_images(tmp_path / "broken")


def test_label_out_of_range(tmp_path, write_idx):
    path = write_idx(tmp_path / "l", np.array([1, 9, 10, 4, 200], np.uint8))
    with pytest.raises(DataError, match=r"label 10 at position 2 \(2 such labels.*expected 0 to 9"):
        read_labels(path)
    assert read_labels(path, classes=201).tolist() == [1, 9, 10, 4, 200]
