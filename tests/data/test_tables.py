import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from regard.core.checks import InputError
from regard.data.tables import open_table


@pytest.fixture
def root(tmp_path):
    for name in "abc":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    return tmp_path


def table(root, text, name="t.csv"):
    (root / name).write_text(text, encoding="utf-8")
    return root / name


def test_every_column_arrives_as_what_it_is(root):
    found = open_table(
        table(
            root,
            f"path,label,id,domain,identity,split,age,note\na.png,007,1,web,0012,train,3,x\n"
            f"{root / 'b.png'},1,2,cam,13,test,,\n",
        )
    )
    assert [item.resolve() for item in found.items] == [root / "a.png", root / "b.png"]
    assert found.labels.tolist() == ["007", "1"] and found.ids.tolist() == ["1", "2"]
    columns = {key: value.tolist() for key, value in found.columns.items()}
    assert np.isnan(columns.pop("age")[1]) and found.columns["age"][0] == 3
    assert columns == {
        "domain": ["web", "cam"],
        "identity": ["0012", "13"],
        "split": ["train", "test"],
        "note": ["x", ""],
    }


def test_ids_are_the_paths_as_written_and_labels_may_be_absent(root):
    found = open_table(table(root, "path\na.png\n./b.png\n"))
    assert found.ids.tolist() == ["a.png", "./b.png"] and found.labels is None
    assert open_table(table(root, "path,label\na.png,\nb.png,\n")).labels is None


@pytest.mark.parametrize("name, mark", [("t.tsv", "\t"), ("t.csv", ";"), ("t.csv", ",")])
def test_delimiters_and_byte_order_mark(root, name, mark):
    path = table(root, "\ufeffpath,label\na.png,x\nb.png,y\n".replace(",", mark), name)
    assert open_table(path).labels.tolist() == ["x", "y"]


def test_a_class_may_be_called_na(root):
    assert open_table(table(root, "path,label\na.png,NA\nb.png,null\n")).labels.tolist() == ["NA", "null"]


def test_parquet_labels_become_text_whatever_their_type(root):
    cases = {
        "whole": (pa.array([1, 2]), ["1", "2"]),
        "float": (pa.array([1.0, 2.5]), ["1", "2.5"]),
        "category": (pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
    }
    for name, (labels, expected) in cases.items():
        parquet.write_table(pa.table({"path": ["a.png", "b.png"], "label": labels}), root / f"{name}.parquet")
        assert open_table(root / f"{name}.parquet").labels.tolist() == expected


def test_missing_files_are_set_aside_with_their_row(root):
    (root / "void.png").touch()
    found = open_table(table(root, "path,label,age\nnone.png,x,1\na.png,y,2\nvoid.png,z,3\n"))
    assert found.ids.tolist() == ["a.png"] and found.labels.tolist() == ["y"] and found.columns["age"].tolist() == [2]
    assert found.set_aside == (
        {"path": "none.png", "cause": "no such file"},
        {"path": "void.png", "cause": "empty file"},
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("file_name,label\na.png,x\n", r"a column `path`, got the columns file_name, label.*Did you mean 'file_name'"),
        ("pth,label\na.png,x\n", "Did you mean 'pth'"),
        ("label\nx\n", "Give each image's path"),
        ("path,label\na.png,x\nb.png,\nc.png,\n", "2 of 3 rows with an empty label"),
        ("path,label\n,x\nb.png,y\n", "1 of 2 rows without one"),
        ("path,label\n", "no row"),
        ("path\nx.png\ny.png\n", r"none of whose 2 files can be used \(2 x no such file\).*looked for at"),
        ("path\na.png\na.png\n", r"a different path in each row, got 1 given twice.*'a.png'.*column `id`"),
        ("path,id\na.png,1\nb.png,1\n", "a different id in each row"),
        ("path,id\na.png,1\nb.png,\n", "without an id"),
        ("path,path\na.png,b.png\n", "'path' twice"),
        ("path,label\na.png\n", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(root, text, message):
    with pytest.raises(InputError, match=message):
        open_table(table(root, text))


def test_broken_and_foreign_parquet(root):
    with pytest.raises(InputError, match="a Parquet table"):
        open_table(table(root, "no parquet", "t.parquet"))
    parquet.write_table(pa.table({"vectors": [[1.0]], "ids": ["a"]}), root / "e.parquet")
    with pytest.raises(InputError, match="a file of embeddings"):
        open_table(root / "e.parquet")


def test_latin_1_is_refused_in_words(root):
    (root / "t.csv").write_bytes("path,label\na.png,caf\u00e9\n".encode("latin-1"))
    with pytest.raises(InputError, match="in UTF-8"):
        open_table(root / "t.csv")
