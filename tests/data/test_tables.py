import datetime
import io
import json
import os
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from regard.core.checks import InputError
from regard.data.decode import decode
from regard.data.tables import open_table
from regard.representation.embed import embed


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


NFC = "caf\u00e9"
NFD = unicodedata.normalize("NFD", NFC)
HEADERS = ["path,label", "path, label", " path ,\tlabel ", "path,Label", "PATH,LABEL", "Path,labels", "path,Labels "]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_are_known_by_their_names_in_any_writing(root, header, mark):
    if mark == "\t" and "\t" in header:
        header = header.replace("\t", "")
    sep = mark + " " if ", " in header else mark
    rows = "\n".join(f"{name}.png{sep}{label}" for name, label in zip("abc", "xyx"))
    found = open_table(table(root, f"{header.replace(',', mark)}\n{rows}\n"))
    assert found.labels.tolist() == ["x", "y", "x"] and found.ids.tolist() == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("name", ["Identity", " split", "DOMAIN", "Id "])
def test_other_known_columns_in_any_writing(root, name):
    found = open_table(table(root, f"path,{name}\na.png,01\nb.png,1\n"))
    kept = found.ids if name == "Id " else found.columns[name.strip().lower()]
    assert kept.tolist() == ["01", "1"]


def test_an_exact_name_wins_and_two_near_ones_are_told(root):
    found = open_table(table(root, "path,label,Label,labels\na.png,x,1,2\nb.png,y,1,2\n"))
    assert found.labels.tolist() == ["x", "y"] and set(found.columns) == {"Label", "labels"}
    with pytest.raises(InputError, match="one column `label`, got the columns Label, LABEL"):
        open_table(table(root, "path,Label,LABEL\na.png,x,1\n"))
    with pytest.raises(InputError, match="'label' twice"):
        open_table(table(root, "path,label, label\na.png,x,1\n"))


@pytest.mark.parametrize("name", ["class", "Category", "target", "y", "class_name"])
def test_labels_under_another_name_are_pointed_out_where_they_are_needed(root, name):
    found = open_table(table(root, f"path,{name}\na.png,x\nb.png,y\n"))
    assert found.labels is None
    with pytest.raises(InputError, match=f"the column '{name}'. Rename it to label"):
        found.need_labels()


def test_quoted_values_after_a_space(root):
    found = open_table(table(root, 'path, label, note\na.png, "x, y", "a\nb"\nb.png, z, ""\n'))
    assert found.labels.tolist() == ["x, y", "z"] and found.columns["note"].tolist() == ["a\nb", ""]


LABELS = {
    "float": [1.0, 0.0, 1.0],
    "int": [1, 0, 1],
    "fraction": [1.5, 0.25, 1.0],
    "text": ["b", "a", "b"],
    "zeros": ["007", "7", "07"],
    "truth": [True, False, True],
    "day": [datetime.date(2024, 5, 1), datetime.date(2024, 5, 2), datetime.date(2024, 5, 1)],
    "large": [2**62, 2**62 + 1, 2**62 + 2],
    "unicode": [NFC, NFD, " caf\u00e9"],
}


@pytest.mark.parametrize("kind", LABELS)
def test_csv_and_parquet_agree(root, kind):
    values = LABELS[kind]
    paths = [f"{name}.png" for name in "abc"]
    table(root, "path,label\n" + "".join(f"{path},{value}\n" for path, value in zip(paths, values)))
    parquet.write_table(pa.table({"path": paths, "label": values}), root / "t.parquet")
    one, two = open_table(root / "t.csv"), open_table(root / "t.parquet")
    assert one.labels.tolist() == two.labels.tolist()
    assert len(one.classes) == (1 if kind == "unicode" else len(set(values)))


BIG = 4873214862074861312


@pytest.mark.parametrize(
    "values, kind",
    [
        ([str(BIG), str(BIG + 1), ""], "U"),
        ([str(BIG), str(BIG + 1), str(BIG + 2)], "i"),
        ([str(2**63), str(2**63 + 1), "5"], "U"),
        ([str(BIG), str(BIG + 1), "1.5"], "U"),
        (["007", "7", "07"], "U"),
        (["007", "7", ""], "U"),
        (["+7", "7", "8"], "U"),
        (["1_0", "10", "11"], "U"),
        (["1.5", "2", "-3e-2"], "f"),
        (["1.10", "1.1", "2.50"], "U"),
        (["2.50", "2.5", ""], "U"),
        (["1e3", "1000", "2"], "U"),
        (["1e3", "1000.0", "1.5"], "U"),
        (["1e400", "1e500", "2"], "U"),
        (["1e400", "3", "2"], "U"),
        (["0.12345678901234567891", "0.12345678901234567892", "1"], "U"),
        (["1.50", "2.25", "3.00"], "f"),
        (["1.5", "inf", "-inf"], "f"),
        (["1", "2", ""], "f"),
        (["true", "False", "true"], "b"),
        (["2024-05-01", "2024-05-02", ""], "U"),
        (["NA", "null", "none"], "U"),
    ],
)
def test_numbers_are_made_of_text_only_where_nothing_is_lost(root, values, kind):
    paths = [f"{name}.png" for name in "abc"]
    found = open_table(table(root, "path,product\n" + "".join(f"{p},{v}\n" for p, v in zip(paths, values))))
    column = found.columns["product"]
    assert column.dtype.kind == kind and len(set(column.tolist())) == len(set(values))
    if kind == "U":
        assert column.tolist() == values


@pytest.mark.parametrize("column", ["product", "identity", "label", "id"])
def test_64_bit_numbers_beside_a_gap_stay_apart(root, column):
    ids = pa.array([BIG, BIG + 1, None if column in ("product", "identity") else BIG + 2], pa.int64())
    parquet.write_table(pa.table({"path": ["a.png", "b.png", "c.png"], column: ids}), root / "t.parquet")
    found = open_table(root / "t.parquet")
    kept = {"label": found.labels, "id": found.ids}.get(column, found.columns.get(column))
    assert kept.tolist() == [str(BIG), str(BIG + 1), str(BIG + 2) if column in ("label", "id") else ""]


@pytest.mark.parametrize("column", ["identity", "label", "id", "domain", "split"])
def test_names_whose_digits_a_float_has_lost_are_refused(root, column):
    parquet.write_table(pa.table({"path": ["a.png", "b.png"], column: [float(BIG), 1.0]}), root / "t.parquet")
    with pytest.raises(InputError, match=f"'{column}' of 't.parquet'.*last digits are lost"):
        open_table(root / "t.parquet")
    with pytest.raises(InputError, match=f"'{column}' of 't.csv'.*last digits are lost"):
        open_table(table(root, f"path,{column}\na.png,{float(BIG)}\nb.png,1\n"))


NESTED = {
    "lists": pa.array([[1, 2], [3, 4]]),
    "structs": pa.array([{"x": 1}, {"x": 2}]),
    "maps": pa.array([[("k", 1)], [("k", 2)]], pa.map_(pa.string(), pa.int64())),
    "spans": pa.array([datetime.timedelta(1), datetime.timedelta(2)]),
    "bytes": pa.array([b"\xff\xfe", b"x"]),
}


@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("column", ["label", "identity", "id", "other"])
def test_values_without_a_text_of_their_own_are_refused_by_name(root, kind, column):
    parquet.write_table(pa.table({"path": ["a.png", "b.png"], column: NESTED[kind]}), root / "t.parquet")
    with pytest.raises(InputError, match=f"the column '{column}' of 't.parquet'"):
        open_table(root / "t.parquet")


@pytest.mark.parametrize(
    "written, there", [(NFC, NFD), (NFD, NFC), (f"{NFC}/{NFD}", f"{NFD}/{NFD}"), (f" {NFC} ", NFC)]
)
def test_a_file_is_found_in_the_other_form_of_unicode(root, written, there):
    (root / there).parent.mkdir(exist_ok=True)
    Image.new("RGB", (4, 4)).save(root / f"{there}.png")
    found = open_table(table(root, f"path,label\na.png,x\n{written}.png,y\n".replace(" .png", ".png ")))
    assert len(found) == 2 and found.items[1].exists() and not found.set_aside


def test_two_files_that_differ_by_unicode_alone_stay_two(root):
    for number, name in enumerate((NFC, NFD)):
        Image.new("RGB", (4 + number, 4)).save(root / f"{name}.png")
    found = open_table(table(root, f"path\n{NFC}.png\n{NFD}.png\n"))
    assert [decode(item).shape[2] for item in found.items] == [4, 5]


@pytest.mark.skipif(os.name == "nt", reason="there they are paths")
@pytest.mark.parametrize(
    "written, cause",
    [
        ("C:\\data\\a.png", "drive of Windows"),
        ("d:/data/a.png", "drive of Windows"),
        ("\\\\server\\share\\a.png", "drive of Windows"),
        ("https://example.org/a.png", "an address"),
        ("s3://bucket/a.png", "an address"),
    ],
)
def test_paths_that_are_not_of_this_machine_are_told(root, written, cause):
    found = open_table(table(root, f"path\na.png\n{written}\n"))
    assert found.ids.tolist() == ["a.png"] and cause in found.set_aside[0]["cause"]
    with pytest.raises(InputError, match=cause):
        open_table(table(root, f"path\n{written}\n"))


def test_backslashes_are_read_as_slashes_where_no_such_file_is_there(root):
    Image.new("RGB", (4, 4)).save((root / "sub").mkdir() or root / "sub" / "d.png")
    found = open_table(table(root, "path\na.png\nsub\\d.png\n.\\b.png\n"))
    assert found.ids.tolist() == ["a.png", "sub/d.png", "./b.png"]


def encoded(colour, size=5):
    held = io.BytesIO()
    Image.new("RGB", (size, 4), colour).save(held, "PNG")
    return held.getvalue()


def hugging(root, rows, classes=("cat", "dog"), **more):
    features = {"image": {"_type": "Image"}, "label": {"names": list(classes), "_type": "ClassLabel"}}
    content = pa.table({"image": pa.array(rows, pa.struct({"bytes": pa.binary(), "path": pa.string()})), **more})
    content = content.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(content, root / "train-0.parquet", row_group_size=2)
    return root / "train-0.parquet"


COLOURS = ["red", "lime", "blue", "white", "black"]


@pytest.mark.parametrize("named", [True, False])
def test_pictures_inside_a_parquet_file(root, named):
    rows = [{"bytes": encoded(colour), "path": f"{colour}.png" if named else None} for colour in COLOURS]
    boxes = pa.array([[{"bbox": [1.0, 2.0]}]] * 5)
    found = open_table(hugging(root, rows, label=[0, 1, 0, 1, 1], objects=boxes, width=[5] * 5))
    assert found.labels.tolist() == ["cat", "dog", "cat", "dog", "dog"] and set(found.columns) == {"width"}
    assert found.ids[0] == ("red.png" if named else "train-0/000000") and len(found) == 5
    part = found.subset([4, 1]).subset([1])
    assert decode(part.items[0])[:, 0, 0].tolist() == [0, 255, 0]
    assert [decode(item)[:, 0, 0].tolist() for item in found.items][3] == [255, 255, 255]
    assert embed(found, "random:convnet4").vectors.shape[0] == 5


def test_pictures_of_parquet_by_path_missing_or_damaged(root):
    rows = [{"bytes": None, "path": "a.png"}, {"bytes": b"no image", "path": "x"}, {"bytes": None, "path": None}]
    found = open_table(hugging(root, [*rows, {"bytes": encoded("red"), "path": "y"}], label=[0, 1, 1, 0]))
    made = embed(found, "random:convnet4")
    assert len(made) == 2 and len(made.card["set_aside"]) == 2
    with pytest.raises(InputError, match="3 of 4 rows with an empty label"):
        open_table(hugging(root, rows + rows[:1], label=pa.array([0, -1, None, -1])))
    with pytest.raises(InputError, match="class 7"):
        open_table(hugging(root, rows[:2], label=[0, 7]))


def test_a_binary_column_of_pictures(root):
    parquet.write_table(pa.table({"image": [encoded(c) for c in COLOURS], "label": list("abcab")}), root / "t.parquet")
    found = open_table(root / "t.parquet")
    assert found.classes == ["a", "b", "c"] and decode(found.items[2])[:, 0, 0].tolist() == [0, 0, 255]


def test_few_row_groups_are_kept(root, monkeypatch):
    monkeypatch.setattr("regard.data.encoded.KEPT_BYTES", 1)
    rows = [{"bytes": encoded(colour), "path": None} for colour in COLOURS]
    items = open_table(hugging(root, rows, label=[0, 1, 0, 1, 1])).items
    assert [decode(items[row])[:, 0, 0].tolist() for row in (4, 0, 3)] == [[0, 0, 0], [255, 0, 0], [255, 255, 255]]
    assert len(items._groups._kept) == 1 and len(items[1:3]) == 2


def test_codes_with_zeros_at_their_end_stay_apart(root):
    rows = zip("abc" * 2, ["1.10", "1.1", "2.50", "2.5", "1.0", "1"])
    found = open_table(
        table(root, "path,id,version\n" + "".join(f"{n}.png,{k},{v}\n" for k, (n, v) in enumerate(rows)))
    )
    assert found.columns["version"].tolist() == ["1.10", "1.1", "2.50", "2.5", "1.0", "1"]


def test_whole_numbers_in_two_writings_stay_numbers(root):
    found = open_table(table(root, "path,price\na.png,1\nb.png,1.0\nc.png,2.5\n"))
    assert found.columns["price"].tolist() == [1.0, 1.0, 2.5]


@pytest.mark.parametrize("other", ["./0.png", "x/../0.png", "{root}/0.png", " 0.png"])
def test_one_file_under_two_spellings_is_told(root, other):
    (root / "x").mkdir()
    (root / "a.png").rename(root / "0.png")
    other = other.format(root=root)
    with pytest.raises(InputError, match=r"1 given twice in 't.csv' \(first: '0.png'") as error:
        open_table(table(root, f'path\n0.png\n"{other}"\n'))
    assert repr(other) in str(error.value)
    assert len(open_table(table(root, f'path,id\n0.png,1\n"{other}",2\n'))) == 2


def test_one_file_in_two_forms_of_unicode_is_told(root):
    (root / "a.png").rename(root / "\u00e9.png")
    with pytest.raises(InputError, match="1 given twice in 't.csv'.*which are one file"):
        open_table(table(root, "path\n\u00e9.png\ne\u0301.png\n"))


TIME = 1714566600_000000_000  # 2024-05-01 12:30:00 in nanoseconds


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("ns", "UTC"), pa.time64("ns")])
@pytest.mark.parametrize("column", ["label", "identity", "other"])
def test_nanoseconds_stay_apart(root, kind, column):
    start = TIME if pa.types.is_timestamp(kind) else 45_000_000_000_000
    values = pa.array([start, start + 1, start + 1000], pa.int64()).cast(kind)
    parquet.write_table(pa.table({"path": ["a.png", "b.png", "c.png"], column: values}), root / "t.parquet")
    found = open_table(root / "t.parquet")
    texts = (found.labels if column == "label" else found.columns[column]).tolist()
    ends = ["12:30:00", "12:30:00.000000001", "12:30:00.000001"]
    day, zone = ("2024-05-01 ", "+00:00" * (kind.tz is not None)) if pa.types.is_timestamp(kind) else ("", "")
    assert texts == [day + end + zone for end in ends]
