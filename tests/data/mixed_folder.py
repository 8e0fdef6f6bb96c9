"""A folder of real photographs of every kind, some damaged, and one image that is too large."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

DAMAGED = ("cut.jpg", "cut.png", "empty.jpg", "noise.webp", "text.jpg")
BOMB = "bomb.png"


def make_mixed_folder(root: Path, out: Path, count: int, bomb_side: int = 20_000) -> None:
    """Writes `count` photographs of nine kinds, five damaged files and a decompression bomb.

    Args:
        root: of the real data sets, see `AMBIGAN_DATA`.
        out: the new folder.
        count: how many can be read.
        bomb_side: height and width of the image that is too large.
    """
    out.mkdir(parents=True)
    found = [
        sorted((root / folder).rglob(pattern))
        for folder, pattern in (
            ("detection/raccoon/JPEGImages", "*.jpg"),
            ("detection/BCCD/JPEGImages", "*.jpg"),
            ("segmentation/camvid240/images", "*.webp"),
            ("imagenette128/train", "*.webp"),
        )
    ]
    paths = [path for group in found for path in group[: count // 4 + 1]]
    rest = [path for path in found[-1] if path not in set(paths)]
    for number, path in enumerate((paths + rest)[:count]):
        save_as(path, out / f"{number:04}", number % 9)
    damage(out)
    write_bomb(out / BOMB, bomb_side)


def save_as(source: Path, target: Path, kind: int) -> None:
    """A photograph as one of nine kinds of file."""
    image = Image.open(source).convert("RGB")
    if kind == 0:
        image.save(target.with_suffix(".jpg"))
    elif kind == 1:
        image.convert("L").save(target.with_suffix(".jpg"))
    elif kind == 2:
        image.convert("CMYK").save(target.with_suffix(".jpg"))
    elif kind == 3:
        deep = np.asarray(image.convert("L")).astype(np.uint16) * 257
        Image.fromarray(deep).save(target.with_suffix(".png"))
    elif kind == 4:
        image.putalpha(image.convert("L"))
        image.save(target.with_suffix(".png"))
    elif kind == 5:
        image.quantize(64).save(target.with_suffix(".png"))
    elif kind == 6:
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned
        image.save(target.with_suffix(".jpg"), exif=exif)
    elif kind == 7:
        image.crop((0, 0, image.width, image.height // 2)).save(target.with_suffix(".webp"))
    else:
        image.resize((image.width * 3, image.height * 3)).save(target.with_suffix(".jpg"))


def damage(out: Path) -> None:
    """Writes five files that cannot be read."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8))
    for name in ("cut.jpg", "cut.png"):
        image.save(out / name)
        whole = (out / name).read_bytes()
        (out / name).write_bytes(whole[: len(whole) // 2])
    (out / "empty.jpg").write_bytes(b"")
    (out / "noise.webp").write_bytes(np.random.default_rng(1).bytes(5000))
    (out / "text.jpg").write_text("a letter, not an image\n" * 20)


def write_bomb(path: Path, side: int) -> None:
    """A black RGB image, small on the disk, written row by row."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    packer, rows = zlib.compressobj(1), bytes(1 + 3 * side) * 100
    packed = b"".join(packer.compress(rows) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
