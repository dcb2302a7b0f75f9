"""What is written of answers is read again, by this package and by others, and nothing lands elsewhere."""

import csv
import json
import tracemalloc
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.answers import MAP, NAMES, answer, pictures
from regard import open_images
from regard.core.checks import InputError
from regard.data.annotations import rle
from regard.data.annotations._reading import index_picture
from regard.data.annotations.mask_folder import read_masks
from regard.data.annotations.voc import read_voc
from regard.data.coco import read_coco
from regard.data.imageset import ImageSet
from regard.reuse.dense.answers.places import Places
from regard.reuse.dense.answers.write import FORMATS, check_answers, write_answers, writing
from regard.reuse.dense.found_masks import masks_of, placed, run_lengths
from regard.reuse.dense.told import told

IDS = ["a.png", "deep/a.png", "deep/er/b.png", "größe 100% #?.png"]


def answers(what: str, count: int = len(IDS)):
    return [answer(row, what) for row in range(count)]


@pytest.mark.parametrize(("format", "what"), [("coco", "boxes"), ("coco", "masks"), ("voc", "boxes"), ("voc", "masks"),
                                              ("yolo", "boxes"), ("yolo", "masks")])  # fmt: skip
def test_what_is_written_is_read_again(tmp_path, format, what) -> None:
    images, every = pictures(tmp_path / "in", IDS), answers(what)
    done = write_answers(iter(every), images, NAMES, tmp_path / "out", format, pictures=True)
    read = {"coco": lambda: read_coco(tmp_path / "out/instances.json"), "voc": lambda: read_voc(tmp_path / "out")}
    found = read.get(format, lambda: open_images(tmp_path / "out"))()
    assert found.annotations is not None and len(found) == done.images == len(IDS)
    objects = 0
    by_name = {name.removeprefix("images/"): row for row, name in enumerate(found.ids.tolist())}
    for row, one in enumerate(every):
        carried, wanted = found.annotations[by_name[IDS[row]]], told(one, NAMES).carried
        assert carried.faults == () and carried.boxes is not None and wanted.boxes is not None
        assert carried.boxes.classes.tolist() == wanted.boxes.classes.tolist()
        assert np.abs(carried.boxes.xyxy - wanted.boxes.xyxy).max(initial=0) < 1e-3
        assert (carried.masks is None) == (what == "boxes")
        if wanted.masks is not None and carried.masks is not None:
            assert (carried.masks.arrays() == wanted.masks.arrays()).all()
        objects += len(wanted.boxes)
    assert done.objects == objects == sum(done.by_class.values()) > 0 and done.lost == {}


def test_coco_is_read_by_its_own_evaluation_and_results_hold_every_object(tmp_path) -> None:
    from faster_coco_eval import COCO, COCOeval_faster

    images, every = pictures(tmp_path / "in", IDS), answers("masks")
    write_answers(every, images, NAMES, tmp_path / "out", "coco", threshold=0)
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert len(results) == 6 * len(IDS) and {one["score"] for one in results} >= {0.95, 0.1}
    with redirect_stdout(StringIO()):
        truth = COCO(str(tmp_path / "out/instances.json"))
        for kind in ("bbox", "segm"):
            evaluation = COCOeval_faster(truth, truth.loadRes(str(tmp_path / "out/results.json")), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            assert evaluation.stats[0] == pytest.approx(1)
    mask = truth.annToMask(truth.loadAnns(truth.getAnnIds(imgIds=[1]))[0])
    assert (mask.astype(bool) == every[0].masks[0].numpy()).all()
    few = write_answers(every, images, NAMES, tmp_path / "few", "coco", threshold=0.9)
    assert few.objects == len(json.loads((tmp_path / "few/instances.json").read_text())["annotations"]) == len(IDS)
    assert (tmp_path / "few/results.json").read_bytes() == (tmp_path / "out/results.json").read_bytes()


@pytest.mark.parametrize("what", ["boxes", "masks", "semantic"])
def test_json_tells_all_of_it(tmp_path, what) -> None:
    images, every = pictures(tmp_path / "in", IDS), answers(what)
    write_answers(every, images, MAP if what == "semantic" else NAMES, tmp_path / "out.json", threshold=0.3)
    content = json.loads((tmp_path / "out.json").read_text())
    assert [one["name"] for one in content["predictions"]] == IDS and content["threshold"] == 0.3
    for one, row in zip(every, content["predictions"]):
        assert row["path"] == str(images.items[one.row]) and (row["height"], row["width"]) == one.size
        if one.semantic is not None:
            there = index_picture(tmp_path / row["map"])
            assert (there == one.semantic.numpy()).all() and sum(row["shares"].values()) == pytest.approx(1, abs=1e-5)
            assert row["shares"].get("cat", 0) == pytest.approx(float((one.semantic == 1).float().mean()), abs=1e-5)
            continue
        kept = int((one.scores >= 0.3).sum())
        assert len(row["objects"]) == kept == 4
        for place, its in enumerate(row["objects"]):
            assert its["class"] == NAMES[one.classes[place]] and its["box"] == one.boxes[place].tolist()
            assert ("mask" in its) == (what == "masks")
            if what == "masks":
                runs = rle.from_text(its["mask"]["counts"])
                assert (rle.decode(runs, tuple(its["mask"]["size"])) == one.masks[place].numpy()).all()


@pytest.mark.parametrize("what", ["masks", "semantic"])
def test_index_pictures_have_the_pixels_the_palette_and_the_surest_on_top(tmp_path, what) -> None:
    images, every = pictures(tmp_path / "in", IDS), answers(what)
    write_answers(every, images, MAP if what == "semantic" else NAMES, tmp_path / "out", "png")
    found = read_masks(tmp_path / "in", tmp_path / "out/labels")
    for one, carried in zip(every, found.annotations):
        assert carried.semantic is not None and carried.semantic.classes == MAP and carried.faults == ()
        wanted = np.zeros(one.size) if one.semantic is None else one.semantic.numpy()
        for place in reversed(range(len(one.scores))):
            if one.scores[place] >= 0.5:
                wanted[one.masks[place].numpy()] = int(one.classes[place]) + 1
        assert (carried.semantic.values == wanted).all()
    with Image.open(tmp_path / "out/labels/deep/a.png") as image:
        assert image.mode == "P" and image.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
    assert (tmp_path / "out/objects").exists() == (what == "masks")
    if what == "masks":
        values = index_picture(tmp_path / "out/objects/a.png")
        assert (values == 1).sum() == every[0].masks[0].sum()
        rows = list(csv.DictReader(StringIO((tmp_path / "out/objects.csv").read_text("utf-8"))))
        assert rows[0]["picture"] == "a" and rows[0]["object"] == "1" and float(rows[0]["score"]) == pytest.approx(0.95)
        assert rows[0]["class"] == NAMES[every[0].classes[0]] and set(np.unique(values)) <= set(range(4))


def test_voc_holds_a_semantic_map_and_scores_and_yolo_scores_on_choice(tmp_path) -> None:
    images = pictures(tmp_path / "in", IDS)
    write_answers(answers("semantic"), images, MAP, tmp_path / "map", "voc", pictures=True)
    for row, carried in enumerate(read_voc(tmp_path / "map").annotations):
        assert carried.semantic is not None and carried.semantic.classes == MAP
        assert (carried.semantic.values == answer(row, "semantic").semantic.numpy()).all()
    write_answers(answers("boxes"), images, NAMES, tmp_path / "voc", "voc")
    assert (tmp_path / "voc/Annotations/a.xml").read_text().count("<score>") == 3
    write_answers(answers("boxes"), images, NAMES, tmp_path / "yolo", "yolo", scores=True)
    lines = (tmp_path / "yolo/labels/deep/a.txt").read_text().split("\n")[:-1]
    assert [float(line.split()[5]) for line in lines] == pytest.approx([0.95, 0.78, 0.61])
    moved = answer(0, "boxes")
    moved = type(moved)(0, moved.size, moved.boxes + 0.3, moved.scores, moved.classes)
    done = write_answers([moved], images, NAMES, tmp_path / "half", "voc")
    assert done.sentences() == ["3 boxes moved to whole pixels"]


def test_names_stay_inside_and_apart(tmp_path) -> None:
    ids = ["a.jpg", "a.png", "A.PNG", "../../escape.png", "/etc/passwd", "C:\\x\\y.png", "con\ntrol\udcff.png", ".."]
    ids += [".hidden", "é.png", "e\u0301.png", "b.png/c.png", "b.gif", "x" * 300 + ".png", "x" * 301 + ".png"]
    ids += ["deep/a.jpg", "😀.webp"]
    written = {
        "voc": "Annotations/**/*.xml",
        "yolo": "labels/**/*.txt",
        "png": "labels/**/*.png",
        "overlay": "**/*.jpg",
    }
    images = ImageSet([np.zeros((40, 56, 3), np.uint8)] * len(ids), np.array(ids))
    for format in (one for one in FORMATS if one not in ("npy", "kitti")):
        what = "masks" if format != "overlay" else "boxes"
        out = tmp_path / format / ("out.json" if format == "json" else "out")
        write_answers(answers(what, len(ids)), images, NAMES, out, format, pictures=format != "json", threshold=0.5)
        assert {one.name for one in (tmp_path / format).iterdir()} == {out.name}
        suffix = written.get(format, "images/**/*" if format == "coco" else "")
        if suffix:
            files = [one.relative_to(out).as_posix() for one in out.glob(suffix) if one.is_file()]
            assert len(files) == len(ids) == len({name.casefold() for name in files})
    assert len(read_coco(tmp_path / "coco/out/instances.json")) == len(ids)
    assert len(read_voc(tmp_path / "voc/out")) == len(ids) - 1  # a file whose name starts with a dot is passed over
    places = Places(images)
    assert (places.stem(0), places.stem(15), places.picture(0)) == ("a.jpg", "deep/a.jpg", "a.jpg.png")
    every = [name for row in range(len(ids)) for name in (places.stem(row), places.picture(row), places.beside(row))]
    assert not any(".." in one.split("/") or one.startswith("/") for one in every)


def test_coco_keeps_the_ids_of_the_users_own_file_so_that_it_can_be_scored_against_it(tmp_path) -> None:
    from faster_coco_eval import COCO

    pictures(tmp_path, IDS)
    listed = [{"id": 40 - row, "file_name": name, "width": 56, "height": 40} for row, name in enumerate(IDS)]
    own = {"images": listed, "annotations": [], "categories": [{"id": 90, "name": NAMES[1]}, {"id": 3, "name": "else"}]}
    for change, wanted in (({}, [40, 39, 38, 37]), ({"id": "a"}, [1, 2, 3, 4])):
        (tmp_path / "own.json").write_text(json.dumps(own | {"images": [listed[0] | change, *listed[1:]]}))
        images = read_coco(tmp_path / "own.json")
        out = tmp_path / f"out{len(change)}"
        write_answers(answers("boxes"), images, NAMES, out, "coco", threshold=0)
        made, results = (json.loads((out / name).read_text()) for name in ("instances.json", "results.json"))
        assert [one["id"] for one in made["images"]] == wanted
        assert {one["image_id"] for one in [*made["annotations"], *results]} == set(wanted)
        numbers = {one["name"]: one["id"] for one in made["categories"]}
        assert numbers[NAMES[1]] == (90 if not change else 2) and len(set(numbers.values())) == len(NAMES)
        assert {one["category_id"] for one in results} <= set(numbers.values())
        if not change:
            assert min(set(numbers.values()) - {90}) > 90  # a class that the file does not list gets a new one
            with redirect_stdout(StringIO()):
                assert COCO(str(tmp_path / "own.json")).loadRes(str(out / "results.json")).getAnnIds()


def test_nothing_is_left_of_what_is_not_whole_and_bad_askings_are_refused_before_the_work(tmp_path) -> None:
    images = pictures(tmp_path / "in", IDS)

    def broken(what):
        yield answer(0, what)
        raise RuntimeError("stop")

    for format in FORMATS:
        for what in ("boxes", "masks", "semantic"):
            out = tmp_path / ("out.json" if format == "json" else "out")
            try:
                check_answers(format, out, what)
            except InputError:
                with pytest.raises(InputError, match=f"no place for {what}"):
                    write_answers(broken(what), images, MAP, out, format)
                continue
            with pytest.raises(RuntimeError, match="stop"):
                write_answers(broken(what), images, MAP if what == "semantic" else NAMES, out, format)
            assert [one.name for one in tmp_path.iterdir()] == ["in"]
    with pytest.raises(InputError, match="png, overlay"):
        check_answers("coco", tmp_path / "new", "semantic")
    for format, out, words in (
        ("jsn", "x", "Did you mean 'json'"),
        ("json", "x", "ends in .json"),
        ("voc", "in", "new or empty"),
    ):
        with pytest.raises(InputError, match=words):
            check_answers(format, tmp_path / out, "boxes")
    with pytest.raises(InputError, match="threshold"):
        write_answers([], images, NAMES, tmp_path / "new", "voc", threshold=2)
    assert write_answers([], images, NAMES, tmp_path / "none", "coco").objects == 0
    assert json.loads((tmp_path / "none/instances.json").read_text())["annotations"] == []
    assert json.loads((tmp_path / "none/results.json").read_text()) == []


def test_several_formats_are_written_from_one_pass(tmp_path) -> None:
    images, every = pictures(tmp_path / "in", IDS), answers("masks")
    with writing(images, NAMES, tmp_path / "a.json", what="masks") as one:
        with writing(images, NAMES, tmp_path / "b", "yolo", what="masks") as two:
            for its in iter(every):
                one.add(its)
                two.add(its)
    assert one.done.by_class == two.done.by_class and one.done.images == 4


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path) -> None:
    one = answer(0, "masks", count=30)

    def most(count: int) -> int:
        images = ImageSet([np.zeros((40, 56, 3), np.uint8)] * count, np.array([f"{row}.png" for row in range(count)]))
        tracemalloc.start()
        write_answers((replace(one, row=row) for row in range(count)), images, NAMES, tmp_path / f"{count}", "coco")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most(5)
    few, many = most(10), most(60)
    assert many - few < (tmp_path / "60/results.json").stat().st_size


def test_run_lengths_are_those_of_the_whole_mask() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        height, width = rng.integers(1, 12, 2)
        mask = np.zeros((height, width), bool)
        top, left = rng.integers(0, height), rng.integers(0, width)
        part = rng.random((rng.integers(1, height - top + 1), rng.integers(1, width - left + 1))) < rng.choice(
            [0, 0.5, 1]
        )
        mask[top : top + part.shape[0], left : left + part.shape[1]] = part
        runs = placed(part, left, top, (height, width))
        assert (rle.decode(runs, (height, width)) == mask).all()
        assert run_lengths(torch.from_numpy(mask), (height, width)).tolist() == rle.encode(mask).tolist()
    one = answer(0, "masks")
    assert (masks_of(one).arrays() == one.masks.numpy()).all() and masks_of(answer(0, "boxes")) is None
