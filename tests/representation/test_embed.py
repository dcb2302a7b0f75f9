import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.arrays import cosines
from regard import cli
from regard.core.checks import InputError
from regard.core.storage import hash_bytes
from regard.data.decode import decode
from regard.representation import openvino_graph
from regard.representation import runner as runners
from regard.representation.embed import embed, embed_to_file
from regard.representation.embeddings import Embeddings
from regard.representation.representation import Representation

SMALL = "random:timm:test_resnet"


def plainly(folder: Path, rep: Representation) -> np.ndarray:
    """One image after another through torch in fp32: what everything faster must equal."""
    rows = []
    for path in sorted(folder.rglob("*.png")):
        x = rep.preprocess.apply(decode(path))[None].float() / 255
        with torch.inference_mode():
            rows.append(rep.encoder(x)[0].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("precision, floor", [("fp32", 0.99999), ("auto", 0.99)])
def test_vectors_equal_the_plain_computation(class_folder, precision, floor):
    made = embed(class_folder, SMALL, precision=precision)
    expected = plainly(class_folder, Representation.load(SMALL))
    assert made.ids.tolist() == sorted(made.ids.tolist())
    assert cosines(made.vectors, expected).min() > floor
    assert sorted(set(made.labels)) == ["across", "along"]
    assert made.card["runner"].startswith("openvino") and made.card["images"] == 24


def test_layer_gives_the_average_of_that_map(class_folder):
    rep = Representation.load(SMALL)
    made = embed(class_folder, rep, layer=1, precision="fp32")
    path = sorted(class_folder.rglob("*.png"))[0]
    expected = rep.maps([path])[1].mean((2, 3))[0].numpy()
    np.testing.assert_allclose(made.vectors[0], expected, rtol=1e-3, atol=1e-5)
    with pytest.raises(InputError, match="--layer"):
        embed(class_folder, rep, layer=99)


def test_a_vector_does_not_depend_on_its_company(class_folder):
    whole = embed(class_folder, SMALL, cache=False)
    alone = embed([sorted(class_folder.rglob("*.png"))[7]], SMALL, cache=False)
    np.testing.assert_array_equal(whole.vectors[7], alone.vectors[0])
    shards = [embed(class_folder, SMALL, cache=False, shard=(i, 3)) for i in range(3)]
    joined = {key: row for part in shards for key, row in zip(part.ids, part.vectors)}
    np.testing.assert_array_equal(np.stack([joined[key] for key in whole.ids]), whole.vectors)


def test_the_second_time_comes_from_the_cache_even_under_another_name(class_folder, tmp_path):
    first = embed(class_folder, SMALL)
    again = embed(class_folder, SMALL)
    assert (first.card["from_cache"], again.card["from_cache"]) == (0, 24)
    np.testing.assert_array_equal(first.vectors, again.vectors)
    class_folder.rename(tmp_path / "moved")
    assert embed(tmp_path / "moved", SMALL).card["from_cache"] == 24
    assert embed(tmp_path / "moved", SMALL, layer=0).card["from_cache"] == 0
    assert embed(tmp_path / "moved", "random:timm:test_resnet:1").card["from_cache"] == 0


def test_a_damaged_cache_is_begun_anew(class_folder, own_cache):
    embed(class_folder, SMALL)
    for path in (own_cache / "vectors").glob("*.sqlite*"):
        path.write_bytes(b"not a database, and long enough to be looked at as one" * 100)
    made = embed(class_folder, SMALL)
    assert len(made) == 24 and made.card["from_cache"] == 0


def test_three_corrupt_files_are_named_and_the_run_goes_on(class_folder):
    (class_folder / "along" / "90.png").write_bytes(b"")
    (class_folder / "along" / "91.png").write_bytes(b"no picture at all")
    whole = (class_folder / "along" / "00.png").read_bytes()
    (class_folder / "along" / "92.png").write_bytes(whole[: len(whole) // 2])
    made = embed(class_folder, SMALL)
    assert len(made) == 24
    assert sorted(Path(fault["path"]).name for fault in made.card["set_aside"]) == ["90.png", "91.png", "92.png"]
    assert all(fault["cause"] for fault in made.card["set_aside"])


def test_nothing_to_read_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of the 1 images"):
        embed(tmp_path, SMALL)


def test_parquet_comes_in_pieces_and_equals_memory(class_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("regard.representation.embed.ROW_GROUP", 5)
    card = embed_to_file(class_folder, SMALL, tmp_path / "x.parquet", batch=4)
    found, expected = Embeddings.load(tmp_path / "x.parquet"), embed(class_folder, SMALL, batch=4)
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert found.labels.tolist() == expected.labels.tolist() and found.ids.tolist() == expected.ids.tolist()
    assert found.card["fingerprint"] == card["fingerprint"] == expected.card["fingerprint"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["x.parquet"]
    with pytest.raises(InputError, match="--out"):
        embed_to_file(class_folder, SMALL, tmp_path / "x.csv")


def test_progress_reaches_the_end(class_folder):
    seen = []

    def watch(events):
        for event in events:
            seen.append((event.kind, event.step, event.steps))
            yield event

    embed(class_folder, SMALL, watch=watch, batch=5)
    assert seen[-1] == ("done", 24, 24)
    assert [step for kind, step, _ in seen if kind == "embed"] == [5, 10, 15, 20, 24]


@pytest.mark.parametrize("damage", [b"junk\n", b"", "half", "zeros"])
@pytest.mark.parametrize("ending", [".xml", ".bin", ".hash"])
def test_a_kept_graph_that_is_damaged_is_made_again(own_cache, ending, damage, monkeypatch):
    """Not slowly in torch for ever after, and not with other weights."""
    (own_cache / "openvino").unlink()  # the one that tests share
    monkeypatch.setattr(openvino_graph, "SMALL", -1)  # nothing stays in memory
    monkeypatch.setattr(openvino_graph, "_last", {})
    images = [np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)]
    sound = embed(images, "random:convnet4", cache=False)

    def kept() -> dict[str, Path]:
        return {path.suffix: path for path in (own_cache / "openvino").rglob("*") if path.is_file()}

    weights, path = kept()[".bin"].read_bytes(), kept()[ending]
    old = path.read_bytes()
    path.write_bytes({"half": old[: len(old) // 2], "zeros": bytes(len(old))}.get(damage, damage))
    for _ in range(2):
        made = embed(images, "random:convnet4", cache=False)
        assert made.card["runner"] == sound.card["runner"] and made.card["runner"].startswith("openvino")
        assert np.array_equal(made.vectors, sound.vectors)
    # OpenVINO numbers the nodes of a process, so that the graph's own text is another each time
    words, again = kept()[".xml"].read_bytes(), kept()[".bin"].read_bytes()
    assert again == weights and kept()[".hash"].read_text() == hash_bytes(words, weights)


def test_what_was_remembered_of_bf16_is_believed_where_it_is_whole(tmp_path):
    note = tmp_path / "note.json"
    assert openvino_graph._remembered(note) is None
    note.write_text('{"fp32_share": 0.2, "cosine": 0.998}')
    assert openvino_graph._remembered(note) == (0.2, 0.998)
    for text in ("junk", "", "\0" * 30, "[]", "3", '{"fp32_share": 0.2}', '{"fp32_share": NaN, "cosine": 1}', "{}"):
        note.write_text(text)
        assert openvino_graph._remembered(note) is None, text
    note.write_bytes(b"\xff\xfe\x00")
    assert openvino_graph._remembered(note) is None


def test_a_network_that_openvino_gets_wrong_runs_in_torch(class_folder, monkeypatch):
    monkeypatch.setattr(openvino_graph, "FLOOR", {"bf16": 1.1, "fp32": 1.1})
    made = embed(class_folder, SMALL)
    assert made.card["runner"] == "torch fp32 on cpu" and "departs from torch" in made.card["runner_note"]
    with pytest.raises(InputError, match="--precision"):
        embed(class_folder, SMALL, precision="bf16")
    expected = plainly(class_folder, Representation.load(SMALL))
    np.testing.assert_allclose(made.vectors, expected, rtol=1e-3, atol=1e-5)


def test_torch_runner_in_bf16_stays_close(class_folder):
    rep = Representation.load(SMALL)
    pixels = np.stack([rep.preprocess.apply(decode(p)).numpy() for p in sorted(class_folder.rglob("*.png"))[:4]])
    network = runners.Pixels(rep.encoder, None).eval()
    exact = next(runners.TorchRunner(network, "cpu", "fp32").run(iter([(0, pixels)])))[1]
    low = next(runners.TorchRunner(network, "cpu", "bf16").run(iter([(0, pixels)])))[1]
    assert cosines(exact, low).min() > 0.99 and not np.array_equal(exact, low)


def test_a_cache_damaged_in_the_middle_or_out_of_reach_is_done_without(class_folder, own_cache):
    first = embed(class_folder, SMALL)
    (path,) = (own_cache / "vectors").glob("*.sqlite")
    content = bytearray(path.read_bytes())
    content[4096 : len(content)] = b"\xff" * (len(content) - 4096)  # the header stays whole
    path.write_bytes(content)
    np.testing.assert_array_equal(embed(class_folder, SMALL).vectors, first.vectors)
    for left in (own_cache / "vectors").iterdir():
        left.unlink()
    (own_cache / "vectors").rmdir()
    (own_cache / "vectors").write_text("a file where the folder should be")
    np.testing.assert_array_equal(embed(class_folder, SMALL).vectors, first.vectors)


def test_an_encoder_that_learnt_on_does_not_meet_its_old_vectors(class_folder):
    rep = Representation.load(SMALL)
    before = embed(class_folder, rep)
    with torch.no_grad():
        next(rep.encoder.parameters()).add_(0.1)
    after = embed(class_folder, rep)
    assert after.card["from_cache"] == 0 and after.card["fingerprint"] != before.card["fingerprint"]
    assert not np.array_equal(before.vectors, after.vectors)


def test_columns_that_a_file_of_vectors_needs_are_refused_before_the_work(class_folder, tmp_path):
    rows = [f"{path},x" for path in sorted(class_folder.rglob("*.png"))]
    for name in ("vectors", "file", "card"):
        (tmp_path / "t.csv").write_text("\n".join([f"path,{name}", *rows]))
        with pytest.raises(InputError, match=f"a column '{name}'"):
            embed_to_file(tmp_path / "t.csv", SMALL, tmp_path / "x.npz")


def test_an_empty_shard_is_named(class_folder):
    with pytest.raises(InputError, match="--shard 30/40"):
        embed(class_folder, SMALL, shard=(30, 40))


@pytest.mark.slow
def test_killed_at_random_moments_the_vectors_are_the_same(tmp_path, own_cache):
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(1000):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(folder / f"{index:04}.png")
    uninterrupted = embed(folder, SMALL, cache=False)
    command = [sys.executable, "-m", "regard", "embed", str(folder), "--with", SMALL, "--quiet"]
    out = tmp_path / "x.parquet"
    killed = 0
    while killed < 2:
        run = subprocess.Popen([*command, "--out", str(out)], env=os.environ, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 300
        before = _kept(own_cache)
        while run.poll() is None and time.monotonic() < deadline and _kept(own_cache) <= before:
            time.sleep(0.02)
        time.sleep(float(rng.uniform(0, 0.1)))
        assert run.poll() is None, "at an end before it was killed"
        run.send_signal(signal.SIGKILL)
        killed += 1
        run.wait()
    assert not out.exists() and cli.main([*command[3:], "--out", str(out)]) == 0
    resumed = Embeddings.load(out)
    assert resumed.card["from_cache"] > 0
    np.testing.assert_array_equal(resumed.vectors, uninterrupted.vectors)
    assert resumed.ids.tolist() == uninterrupted.ids.tolist()


def _kept(cache: Path) -> int:
    import sqlite3

    rows = 0
    for path in (cache / "vectors").glob("*.sqlite"):
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
                rows += base.execute("SELECT count(*) FROM vectors").fetchone()[0]
        except sqlite3.OperationalError:
            pass
    return rows


def test_blank_pictures_and_the_ground_of_glyphs_are_told_with_the_cache_and_without(tmp_path):
    from PIL import Image, ImageDraw

    for name, level in (("a", 255), ("b", 0), ("c", 255)):
        image = Image.new("RGBA", (64, 64), (level, level, level, 0))
        if name != "c":
            ImageDraw.Draw(image).ellipse((9, 9, 50, 50), outline=(level, level, level, 255), width=5)
        image.save(tmp_path / f"{name}.png")
    Image.new("RGB", (40, 40), (9, 90, 20)).save(tmp_path / "d.jpg")
    Image.new("L", (40, 40), 77).save(tmp_path / "e.png")
    for turn in range(2):
        seen: list[str] = []

        def watch(events, seen=seen):
            for event in events:
                seen += [event.text] if event.text else []
                yield event

        made = embed(tmp_path, SMALL, watch=watch)
        assert made.card["from_cache"] == 4 * turn
        assert [(fault["path"][-5:], fault["cause"]) for fault in made.card["set_aside"]] == [
            ("c.png", "blank: every pixel is transparent")
        ]
        told = {note["note"]: (note["images"], note["first"][-5:]) for note in made.card["notes"]}
        assert told == {"laid on black, as white would hide it": (1, "a.png"), "of one colour": (2, "d.jpg")}
        assert len(seen) == 2 and seen[0].startswith("1 image(s) laid on black") and "2 image(s) of one" in seen[1]
    assert not (made.vectors[0] == made.vectors[1]).all()


def test_a_layer_by_name_is_the_map_of_that_name_and_a_number_in_text_is_a_place(class_folder):
    rep = Representation.load("random:convnet4")
    by_place = embed(class_folder, rep, layer=2, precision="fp32")
    by_name = embed(class_folder, rep, layer="blocks.2", precision="fp32")
    in_text = embed(class_folder, rep, layer="2", precision="fp32")
    assert np.allclose(by_place.vectors, by_name.vectors, atol=1e-6)
    assert np.array_equal(by_place.vectors, in_text.vectors) and in_text.card["from_cache"] == len(in_text)
    assert (by_place.card["layer"], by_name.card["layer"], in_text.card["layer"]) == (2, None, 2)
    assert by_name.card["representation"] == "random:convnet4@blocks.2"
    assert by_name.card["from_cache"] == 0 and "openvino" in by_name.card["runner"].lower()
    with pytest.raises(InputError, match="layer: expected one of .* 'blocks.9'. Such as"):
        embed(class_folder, rep, layer="blocks.9")
