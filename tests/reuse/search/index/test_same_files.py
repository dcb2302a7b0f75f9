"""The same files under other names of their folder: one id each, whatever the folder is called."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard import cli
from regard.core.checks import InputError
from regard.data.sources import open_images
from regard.representation.embed import embed
from regard.representation.embeddings import Embeddings
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.store.protocol import vectors_in

REP = "random:convnet4"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for folder in ("cat", "dog"):
        (tmp_path / "home/photos" / folder).mkdir(parents=True)
        for i in range(3):
            picture = Image.fromarray(draw.integers(0, 255, (32, 32, 3), np.uint8))
            picture.save(tmp_path / f"home/photos/{folder}/{folder}{i}.png")
    return tmp_path / "home/photos"


@pytest.fixture
def index(photos: Path, tmp_path: Path) -> SearchIndex:
    return SearchIndex.create(tmp_path / "index", with_contents(embed(photos, REP, cache=False)))


def table(folder: Path, header: str, *lines: str) -> Path:
    file = folder / "table.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    return file


def sub_folder(photos: Path) -> Path:
    return photos / "dog"


def by_a_link(photos: Path) -> Path:
    (photos.parent / "link").symlink_to(photos)
    return photos.parent / "link"


def by_a_link_to_the_sub_folder(photos: Path) -> Path:
    (photos.parent / "link").symlink_to(photos / "cat")
    return photos.parent / "link"


def by_a_relative_path(photos: Path) -> Path:
    return Path("home/photos/../photos")


def one_file(photos: Path) -> Path:
    return photos / "cat/cat0.png"


def a_table_above(photos: Path) -> Path:
    return table(photos.parent, "path", "photos/cat/cat0.png", "photos/dog/dog1.png")


def a_table_beside(photos: Path) -> Path:
    (photos.parent / "tables").mkdir()
    return table(photos.parent / "tables", "path,label", "../photos/cat/cat0.png,cat", "../photos/dog/dog1.png,dog")


def a_table_of_whole_paths(photos: Path) -> Path:
    return table(photos.parent, "path", *(str(file) for file in sorted(photos.rglob("*.png"))))


WAYS = [sub_folder, by_a_link, by_a_link_to_the_sub_folder, by_a_relative_path, one_file]
WAYS += [a_table_above, a_table_beside, a_table_of_whole_paths]


@pytest.mark.parametrize("way", WAYS)
def test_the_same_files_keep_their_ids_and_what_is_known_of_them(way, photos, index, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    columns = ["id", "label", "content"]
    before = sorted(index.store.scan(columns).to_pylist(), key=lambda row: row["id"])
    added = with_contents(embed(open_images(way(photos)), REP, cache=False))
    assert index.add(added) == (0, len(added))
    assert sorted(index.store.scan(columns).to_pylist(), key=lambda row: row["id"]) == before


def test_new_files_beside_known_ones_are_new(photos, index) -> None:
    Image.fromarray(np.full((32, 32, 3), 7, np.uint8)).save(photos / "dog/dog9.png")
    assert index.add(with_contents(embed(photos / "dog", REP, cache=False))) == (1, 3)
    assert "dog/dog9.png" in index.store.scan(["id"]).column("id").to_pylist(), "from the root of the others"
    # a link is a file of its own
    (photos / "dog/link.png").symlink_to(photos / "dog/dog0.png")
    assert index.add(with_contents(embed(photos, REP, cache=False))) == (1, 7)


def test_a_parent_folder_whose_labels_say_something_else_is_refused(photos, index) -> None:
    for name in ("more", "photos/bird"):
        (photos.parent / name).mkdir()
        Image.fromarray(np.full((32, 32, 3), len(name), np.uint8)).save(photos.parent / name / "new.png")
    above = with_contents(embed(photos.parent, REP, cache=False))
    with pytest.raises(InputError, match="labels: expected .*got 'photos' for .*as 'cat/cat0.png' with 'cat'"):
        index.add(above)
    assert index.count() == 6
    assert index.add(above, replace=True) == (2, 6)
    assert {"more/new.png", "bird/new.png"} < set(index.store.scan(["id"]).column("id").to_pylist())
    plain = Embeddings(above.vectors, above.ids, None, above.card, above.columns)
    assert index.add(plain) == (0, 8) and index.count() == 8


@pytest.mark.parametrize("replace", [False, True])
def test_ids_that_were_chosen_are_not_thrown_away(photos, index, replace) -> None:
    chosen = table(photos.parent, "path,id", "photos/cat/cat0.png,first")
    with pytest.raises(InputError, match="'first' of .*which the index has as 'cat/cat0.png'"):
        index.add(embed(open_images(chosen), REP, cache=False), replace=replace)
    assert index.count() == 6


def test_a_changed_file_under_another_root_is_replaced(photos, index) -> None:
    Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(photos / "dog/dog1.png")
    added = with_contents(embed(photos / "dog", REP, cache=False))
    assert index.add(added) == (0, 3)
    rows = index.store.get(["dog/dog1.png"])
    np.testing.assert_allclose(vectors_in(rows)[0], added.vectors[1], atol=1e-6)


def test_on_the_command_line(photos, index, tmp_path, capsys) -> None:
    line = ["index", str(photos / "dog"), "--out", str(tmp_path / "index"), "--quiet"]
    assert cli.main([*line, "--add"]) == 0 and SearchIndex.open(tmp_path / "index").count() == 6
    capsys.readouterr()
    # taking out goes by the file as well: not the image that has that id under the other root
    Image.fromarray(np.full((32, 32, 3), 7, np.uint8)).save(photos / "dog0.png")
    assert cli.main([*line[:1], str(photos / "dog0.png"), *line[2:], "--add"]) == 0
    assert cli.main([*line, "--remove"]) == 0
    left = SearchIndex.open(tmp_path / "index").store.scan(["id"]).column("id").to_pylist()
    assert {name for name in left if "dog" in name} == {str(photos / "dog0.png")}


def test_an_id_of_another_file_is_not_taken_out(photos, index, tmp_path, capsys) -> None:
    other = tmp_path / "other/cat"
    other.mkdir(parents=True)
    Image.fromarray(np.full((32, 32, 3), 7, np.uint8)).save(other / "cat0.png")
    line = ["index", str(tmp_path / "other"), "--out", str(tmp_path / "index"), "--remove", "--quiet"]
    assert cli.main(line) == 2 and "'cat/cat0.png' of" in capsys.readouterr().err
    assert index.count() == 6
    # a folder that was moved has the same bytes under the same ids
    (photos / "cat/cat0.png").rename(other / "cat0.png")
    assert cli.main(line) == 0 and index.count() == 5


def test_an_id_that_is_nearly_one_is_told_which(index) -> None:
    for wrong, near in {"CAT0.png": "cat/cat0.png", "cat/cat0": "cat/cat0.png", "dog/cat0.png": "cat/cat0.png"}.items():
        with pytest.raises(InputError, match=f"expected ids of the index, .*Near it: '{wrong}' .*'{near}'"):
            index.remove([wrong])
    assert index.count() == 6
