"""Some 1,600 hostile image files from a seed, and what must hold when they are embedded among good ones.

`generate(folder)` writes them; `run(folder)` embeds them with `random:convnet4` in processes of their own and counts
what did not hold: tracebacks, hangs, words of decoders on the terminal, memory, changed rows of good images, and
results that are not Pillow's own reading of the file.
"""

import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

GOOD = 6
MEMORY_MB = 1536
SECONDS = 900
_OPTIONS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("jpg", "JPEG", "RGB", {"quality": 85}),
    ("jpg", "JPEG", "RGB", {"progressive": True}),
    ("jpg", "JPEG", "L", {}),
    ("jpg", "JPEG", "CMYK", {}),
    ("png", "PNG", "RGB", {}),
    ("png", "PNG", "RGBA", {}),
    ("png", "PNG", "P", {}),
    ("png", "PNG", "1", {}),
    ("webp", "WEBP", "RGB", {}),
    ("webp", "WEBP", "RGBA", {"lossless": True}),
    ("gif", "GIF", "P", {}),
    ("bmp", "BMP", "RGB", {}),
    ("dib", "DIB", "RGB", {}),
    ("tif", "TIFF", "RGB", {}),
    ("tif", "TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("tif", "TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    ("tif", "TIFF", "RGB", {"compression": "jpeg"}),
    ("tif", "TIFF", "1", {"compression": "group4"}),
    ("ppm", "PPM", "RGB", {}),
    ("pgm", "PPM", "L", {}),
    ("avif", "AVIF", "RGB", {}),
    ("jp2", "JPEG2000", "RGB", {}),
    ("j2k", "JPEG2000", "L", {"no_jp2": True}),
]


def generate(folder: Path, seed: int = 0, each: int = 66) -> int:
    """Write good images to `good` and hostile ones to `bad`, both below `folder`; how many hostile ones there are."""
    good, bad = folder / "good", folder / "bad"
    good.mkdir(parents=True)
    bad.mkdir()
    rng = np.random.default_rng(seed)
    for place in range(GOOD):
        Image.fromarray(rng.integers(0, 255, (60, 70, 3), dtype=np.uint8)).save(good / f"good{place}.png")
    y, x = np.mgrid[0:48, 0:64]
    picture = Image.fromarray(np.stack([x * 4, y * 5, x * y % 256], -1).astype(np.uint8))
    whole = []
    for suffix, kind, mode, options in _OPTIONS:
        held = io.BytesIO()
        try:
            picture.convert(mode).save(held, kind, **options)
        except (KeyError, OSError):
            continue  # this Pillow was built without it
        whole.append((suffix, held.getvalue()))
    for place, (suffix, content) in enumerate(whole):
        for number in range(each):
            _, other = whole[int(rng.integers(len(whole)))]
            name = f"m{place:02d}_{number:03d}.{suffix if number % 11 else 'jpg'}"
            (bad / name).write_bytes(_mutated(content, other, number, rng))
    for number, content in enumerate(_bombs()):
        (bad / f"bomb{number:02d}.{('jpg', 'png', 'tif')[number % 3]}").write_bytes(content)
    _special(folder, bad)
    _names(bad, whole[0][1])
    return sum(1 for _ in os.scandir(bad))


def _mutated(content: bytes, other: bytes, number: int, rng: np.random.Generator) -> bytes:
    """Bits turned, cut short, parts swapped, another's header or end, values at the edge, noise put in."""
    made, n = bytearray(content), len(content)
    at, to = sorted(int(place) for place in rng.integers(0, n, 2))
    way = number % 7
    if way == 0:
        for place in rng.integers(0, n, 1 + number % 9):
            made[place] ^= 1 << int(rng.integers(8))
    elif way == 1:
        made = made[: max(1, at)]
    elif way == 2:
        size = max(1, min(n // 4, to - at))
        first, second = made[at : at + size], made[-size:]
        made[at : at + size], made[-size:] = second[: len(first)], first + second[len(first) :]
    elif way == 3:
        made = bytearray(other[: int(rng.integers(4, 64))]) + made[int(rng.integers(4, 64)) :]
    elif way == 4:
        place = int(rng.integers(0, min(n, 120)))
        made[place : place + 4] = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\0\xff\xff")[number % 4]
    elif way == 5:
        made[at:at] = rng.integers(0, 256, int(rng.integers(1, 400)), dtype=np.uint8).tobytes()
    else:
        made[at:to] = b""
    return bytes(made)


def _bombs() -> list[bytes]:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def png(width: int, height: int, depth: int, colour: int, body: bytes) -> bytes:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", body) + chunk(b"IEND", b"")

    def full(width: int, height: int, bits: int) -> bytes:
        packer, line = zlib.compressobj(9), bytes(1 + (width * bits + 7) // 8)
        return b"".join([*(packer.compress(line) for _ in range(height)), packer.flush()])

    def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
        held = io.BytesIO()
        image.save(held, kind, **options)
        return held.getvalue()

    def jpeg2000(width: int, height: int, tile: int, components: int, *, boxed: bool) -> bytes:
        made = bytearray(saved(Image.new("RGB", (8, 8)), "JPEG2000", no_jp2=not boxed))
        place = made.index(b"\xff\x4f\xff\x51") + 8
        made[place : place + 32] = struct.pack(">8I", width, height, 0, 0, tile, tile, 0, 0)
        made[place + 32 : place + 34] = struct.pack(">H", components)
        return bytes(made)

    some = [png(side, side, depth, colour, zlib.compress(bytes(99))) for side in (9000, 20000, 2**31 - 1)
            for depth, colour in ((8, 2), (8, 6), (16, 0), (8, 3), (1, 0))]  # fmt: skip
    some += [png(13000, 13000, 8, 2, full(13000, 13000, 24)), png(6600, 6600, 8, 6, full(6600, 6600, 32))]
    some += [png(12000, 12000, 8, 0, full(12000, 12000, 8)), png(1, 10**7, 8, 2, full(1, 10**7, 24))]
    some += [b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"," + bytes(20), b"P6 99999 99999 255\n"]
    some += [b"BM" + struct.pack("<IHHI", 9, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, *[0] * 6)]
    some += [jpeg2000(side, side, tile, parts, boxed=boxed) for side in (600, 6600, 30000) for tile in (2, 512, 30000)
             for parts in (3, 16000) for boxed in (False, True)]  # fmt: skip
    large = Image.new("RGB", (5500, 5500), (9, 99, 199))
    some += [saved(large, "JPEG2000"), saved(large, "JPEG", progressive=True), saved(large, "WEBP", method=0)]
    some += [saved(large, "TIFF", compression="tiff_adobe_deflate"), saved(large.convert("P"), "GIF")]
    some += [saved(large, "JPEG", quality=50), saved(Image.new("RGB", (30, 30)), "EPS"), b"%PDF-1.7\n" + bytes(99)]
    frames = [Image.new("L", (8, 8), level % 256) for level in range(3000)]
    return [*some, saved(frames[0], "GIF", save_all=True, append_images=frames[1:])]


def _special(folder: Path, bad: Path) -> None:
    with open(bad / "sparse.tif", "wb") as file:
        file.write(b"II*\0\x08\0\0\0")
        file.truncate(8 * 2**30)
    os.mkfifo(bad / "pipe.png")
    (bad / "device.png").symlink_to("/dev/zero")
    (bad / "dangling.png").symlink_to(bad / "nothing.png")
    (bad / "loop.png").symlink_to(bad / "loop.png")
    (bad / "circle").symlink_to(bad)
    (bad / "out.png").symlink_to(folder / "good" / "good0.png")
    (bad / "folder.png").mkdir()
    (bad / "empty.jpg").touch()
    for name in ("a.nef", "b.cr2", "c.mp4", "d.pdf", "e.psd", "f.svg"):
        (bad / name).write_bytes(b"%PDF-")


def _names(bad: Path, content: bytes) -> None:
    for name in (
        "\x1b]0;title\x07.jpg", "line\nbreak.jpg", "tab\t.jpg", "\u202egpj.exe.jpg", "x" * 251 + ".jpg",
        "é" * 125 + ".jpg",
        "<img src=x onerror=alert(1)>.jpg", "$x_{$.jpg", "%s%n.jpg", "-rf.jpg", " .jpg", "'\";--.jpg", "\ufeff.jpg",
    ):  # fmt: skip
        (bad / name).write_bytes(content)
    for raw in (b"\xff\xfe.jpg", b"caf\xe9.jpg", b"\xed\xa0\x80.jpg"):
        try:
            with open(os.path.join(os.fsencode(bad), raw), "wb") as file:
                file.write(content)
        except OSError:
            pass  # a file system that takes UTF-8 alone


_CHILD = """
import json, sys
from regard.cli import main
sys.argv = ["regard", "embed", sys.argv[1], "--with", "random:convnet4", "--out", sys.argv[2], "--json", "-q"]
code = main() or 0
# not ru_maxrss: there a program begins with the peak of the one that started it
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"code": code, "mb": int(peak.split()[1]) // 1024}))
"""


def _embedded(images: Path, out: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What the verb gave, its status and memory, and its standard error."""
    more = {"XDG_CACHE_HOME": str(out.parent / f"cache-{out.stem}")}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(images), str(out)],
        capture_output=True, text=True, errors="backslashreplace", timeout=SECONDS, env={**os.environ, **more},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith('{"code"'):
        return {}, {"code": done.returncode or 1, "mb": 0}, done.stderr
    return json.loads("\n".join(lines[:-1]) or "{}"), json.loads(lines[-1]), done.stderr


def run(folder: Path) -> dict[str, int]:
    """Embed `bad` with `good` in it, and `good` alone; the counts, of which all but `files`, `read`, `mb` must be 0."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as held:
        work = Path(held)
        alone, together = work / "alone.npz", work / "together.npz"
        _, clean, _ = _embedded(folder / "good", alone)
        links = []
        for file in sorted((folder / "good").iterdir()):
            links.append(folder / "bad" / f"zz_{file.name}")
            links[-1].write_bytes(file.read_bytes())
        try:
            result, state, errors = _embedded(folder / "bad", together)
        except subprocess.TimeoutExpired:
            return {"files": 0, "hangs": 1}
        finally:
            for link in links:
                link.unlink(missing_ok=True)
        foreign = _foreign(errors)
        print(*foreign[:20], sep="\n", end="\n" * bool(foreign), file=sys.stderr)
        counts = {
            "files": sum(1 for _ in os.scandir(folder / "bad")),
            "read": 0,
            "mb": int(state["mb"]),
            "failed": int(bool(state["code"] or clean["code"])),
            "hangs": 0,
            "tracebacks": errors.count("Traceback"),
            "words_on_stderr": len(foreign),
            "too_much_memory": int(state["mb"] > MEMORY_MB),
        }
        if counts["failed"]:
            print(errors[-2000:], file=sys.stderr)
            return counts
        with np.load(alone, allow_pickle=False) as file:
            expected = dict(zip(file["ids"].tolist(), file["vectors"]))
        with np.load(together, allow_pickle=False) as file:
            found = dict(zip(file["ids"].tolist(), file["vectors"]))
        counts["read"] = len(found) - len(expected)
        wrong = [name for name in expected if not np.array_equal(found.get(f"zz_{name}"), expected[name])]
        counts["good_rows_changed"] = len(wrong)
        unnamed = [fault for fault in result["set_aside"] if not fault["cause"] or os.path.isabs(fault["path"])]
        counts["causes_missing"] = len(unnamed)
        counts["other_results"] = sum(
            _differs(folder / "bad" / name) for name in found if not name.startswith(("zz_", "bomb"))
        )
    return counts


def _foreign(errors: str) -> list[str]:
    """Lines of standard error that are not the verb's own."""
    return [line for line in errors.splitlines() if line.strip() and not line.startswith(("embed:", "regard"))]


def _differs(path: Path) -> bool:
    """Whether a picture that was read is not what Pillow reads, to 3 levels on average; where it checks nothing: no."""
    import warnings

    from regard.data._quiet import quiet
    from regard.data.decode import decode

    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        ours = decode(path).permute(1, 2, 0).numpy().astype(float)
        with Image.open(path) as opened:
            if opened.mode not in ("RGB", "L") or opened.info.get("icc_profile") or opened.getexif().get(274, 1) != 1:
                return False
            try:
                theirs = np.asarray(opened.convert("RGB")).astype(float)
            except Exception:  # what Pillow refuses must not have been read
                return True
    return ours.shape != theirs.shape or float(np.abs(ours - theirs).mean()) > 3


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hostile-images-") as place:
        print(generate(Path(place)), "files")
        print(json.dumps(run(Path(place)), indent=1))
