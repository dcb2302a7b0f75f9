"""`regard duplicates` on files: the three kinds, decisions that stay, pages, and what is wrong with its arguments."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from regard import cli
from regard.data.builtin import photos

FILES = {Path(str(path)).stem: Path(str(path)) for path in photos().items}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("coffee", "chelsea", "rocket"):
        picture = Image.open(FILES[name]).convert("RGB")
        picture.thumbnail((360, 360))
        picture.save(folder / f"{name}.png")
    coffee = Image.open(folder / "coffee.png")
    shutil.copy(folder / "coffee.png", folder / "again.png")
    coffee.save(folder / "q30.jpg", quality=30)
    coffee.crop((60, 40, 250, 190)).save(folder / "crop.png")
    Image.open(folder / "chelsea.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirror.png")
    for side in ("left", "right"):
        view = Image.open(FILES["motorcycle_left"].with_name(f"motorcycle_{side}.png")).convert("RGB")
        view.resize((500, 333)).save(folder / f"view_{side}.png")
    return folder


def indexed(folder: Path, place: Path) -> Path:
    """An index of a copy of the photographs, which lies beside it."""
    shutil.copytree(folder, place / "photos")
    assert cli.main(["index", str(place / "photos"), "--out", str(place / "index"), "--quiet"]) == 0
    return place / "index"


@pytest.fixture
def index(folder, tmp_path, capsys) -> Path:
    made = indexed(folder, tmp_path)
    capsys.readouterr()
    return made


@pytest.fixture(scope="module")
def shared(folder, tmp_path_factory) -> Path:
    """One for the tests that ask, and change neither it nor the photographs."""
    return indexed(folder, tmp_path_factory.mktemp("shared"))


def run(capsys, *line: object) -> dict:
    assert cli.main(["duplicates", *map(str, line), "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


def pairs(found: dict, kind: str) -> set[frozenset[str]]:
    return {frozenset((one["a"], one["b"])) for one in found["pairs"] if one["kind"] == kind}


def test_each_kind_is_found_and_named(shared, capsys):
    found = run(capsys, shared, "--out", shared.with_name("page.html"))
    assert pairs(found, "identical") == {frozenset(("again.png", "coffee.png"))}
    copies = pairs(found, "same photo")
    assert frozenset(("chelsea.png", "mirror.png")) in copies and frozenset(("again.png", "crop.png")) in copies
    assert pairs(found, "same scene") == {frozenset(("view_left.png", "view_right.png"))}
    assert ["again.png", "coffee.png", "q30.jpg"] in found["groups"]
    assert {(one["part"], one["whole"]) for one in found["parts"]} >= {("crop.png", "again.png")}
    assert found["metrics"]["groups"] == len(found["groups"]) == 2 and found["metrics"]["parts"] == len(found["parts"])
    assert not any(
        "rocket.png" in one for kind in ("identical", "same photo", "same scene") for one in pairs(found, kind)
    )
    (crop,) = (one for one in found["pairs"] if {one["a"], one["b"]} == {"again.png", "crop.png"})
    assert crop["evidence"]["box"] == pytest.approx([60, 40, 250, 190], abs=3)
    page = shared.with_name("page.html").read_text()
    assert "Same scene" in page and "mirrored" in page and page.count("<script") == 1
    assert "2 groups." in page and f"Groups of copies: 2. Parts of others: {len(found['parts'])}." in page


def test_a_decision_holds_after_a_move_and_a_new_index(index, capsys):
    told = run(capsys, index, "chelsea.png", "mirror.png", "--decide", "different")
    assert told["decided"] == "different"
    assert frozenset(("chelsea.png", "mirror.png")) not in pairs(run(capsys, index), "same photo")
    photos = index.with_name("photos")
    (photos / "mirror.png").rename(photos / "renamed.png")
    for how in ("--update", "--overwrite"):
        assert cli.main(["index", str(photos), "--out", str(index), how, "--quiet"]) == 0
        capsys.readouterr()
        found = run(capsys, index)
        assert not any("renamed.png" in (one["a"], one["b"]) for one in found["pairs"])
    run(capsys, index, "chelsea.png", "rocket.png", "--decide", "same")
    assert frozenset(("chelsea.png", "rocket.png")) in pairs(run(capsys, index), "same photo")


def test_files_that_are_gone_are_set_aside(index, capsys):
    (index.with_name("photos") / "rocket.png").unlink()
    found = run(capsys, index, "--kind", "identical")
    assert [fault["path"] for fault in found["set_aside"]] == ["rocket.png"]
    assert {one["kind"] for one in found["pairs"]} == {"identical"} and found["metrics"]["same_photo"] > 0


def test_a_folder_without_an_index_is_looked_at_by_hashes(folder, capsys):
    assert cli.main(["duplicates", str(folder), "--quiet", "--limit", "1"]) == 0
    said = capsys.readouterr().out
    assert "crops, small turns and other views were not looked for" in said and "not shown; see --limit" in said


@pytest.mark.parametrize(
    "line, message",
    [
        (["coffee.png", "--decide", "same"], "A B: expected two ids"),
        (["coffee.png", "nobody.png", "--decide", "same"], "A B: expected an id of"),
        (["coffee.png", "again.png", "--decide", "same"], "A B: expected two different images"),
        (["coffee.png", "crop.png", "--decide", "maybe"], "verdict: expected one of"),
        (["coffee.png", "crop.png"], "A B: expected two ids, and --decide"),
        (["--kind", "twins"], "--kind: expected one of identical, same-photo"),
        (["--out", "page.pdf"], "expected a file that ends in .html"),
    ],
)
def test_wrong_arguments_are_said(shared, capsys, line, message):
    assert cli.main(["duplicates", str(shared), *line, "--quiet"]) == 2
    assert message in capsys.readouterr().err


def test_decisions_need_an_index_and_copies_two_images(folder, tmp_path, capsys):
    assert cli.main(["duplicates", str(folder), "coffee.png", "crop.png", "--decide", "same", "--quiet"]) == 2
    assert "expected an index, which remembers" in capsys.readouterr().err
    shutil.copytree(folder, tmp_path / "one")
    for path in list((tmp_path / "one").iterdir())[1:]:
        path.unlink()
    assert cli.main(["duplicates", str(tmp_path / "one"), "--quiet"]) == 2
    assert "expected at least two" in capsys.readouterr().err


def test_the_page_the_terminal_and_json_count_alike(shared, capsys):
    page = shared.with_name("page.html")
    for more in ([], ["--kind", "same-photo"], ["--kind", "identical", "--limit", "1"]):
        metrics = run(capsys, shared, "--out", page, *more)["metrics"]
        assert cli.main(["duplicates", str(shared), "--quiet", *more]) == 0
        for told in (capsys.readouterr().out, page.read_text()):
            for kind in ("identical", "same photo", "same scene"):
                assert int(re.search(rf"[ :]{kind}: (\d+)", told)[1]) == metrics[kind.replace(" ", "_")] > 0
            assert f"Groups of copies: {metrics['groups']}." in told and f"Parts of others: {metrics['parts']}." in told
            assert told.count("(not shown)") == {0: 0, 2: 2, 4: 2}[len(more)]


def test_the_page_says_what_tells_copies_apart(index, capsys):
    folder = index.with_name("photos")
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif.get_ifd(0x8769)[0x9003] = "1999:12:31 23:59:58"
    Image.open(folder / "coffee.png").convert("RGB").resize((600, 400)).save(
        folder / "big #1.jpg", exif=exif, dpi=(300, 300)
    )
    assert cli.main(["index", str(folder), "--out", str(index), "--update", "--quiet"]) == 0
    capsys.readouterr()
    found = run(capsys, index, "--out", index.with_name("page.html"))
    assert any("big #1.jpg" in group for group in found["groups"])
    page = index.with_name("page.html").read_text()
    captions = [each.partition("</dl>")[0] for each in page.split("<figcaption>")[1:]]
    big = next(each for each in captions if "big #1.jpg" in each)
    told = " ".join(re.sub(r"<[^>]+>", " ", big).split())
    assert told.startswith("largest oldest big #1.jpg size 600 × 400 pixels file ")
    assert told.endswith("taken 1999-12-31 23:59 resolution 300 dpi")
    assert 'href="photos/big%20%231.jpg"' in big and "written" in page
    assert "regard duplicates " in page and "--decide regard-decisions.json" in page


def test_choices_name_each_picture_by_id_and_content(shared, capsys):
    found = run(capsys, shared, "--out", shared.with_name("page.html"))
    page = shared.with_name("page.html").read_text()
    read = [json.loads(unescape(each)) for each in re.findall(r'data-(?:picture|pair)="([^"]*)"', page)]
    offered = {frozenset(one["id"] for one in each) for each in read if isinstance(each, list)}
    # nothing can be decided about the same bytes
    assert offered == pairs(found, "same photo") | pairs(found, "same scene")
    chosen = {each["id"]: each["content"] for each in read if isinstance(each, dict)}
    assert set(chosen) == {name for group in found["groups"] for name in group}
    assert chosen["again.png"] == chosen["coffee.png"] != chosen["q30.jpg"]
    assert page.count("<fieldset") == len(read) and page.count(" checked>") == len(read)


def test_images_without_an_index_offer_no_choices(folder, tmp_path, capsys):
    assert cli.main(["duplicates", str(folder), "--quiet", "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "<fieldset" not in page and "<script" not in page
    assert "Make an index first" in page and f"regard index {folder} --out INDEX" in page
