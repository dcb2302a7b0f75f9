"""Ground truth of retrieval benchmarks, read from small files in each data set's own form."""

import json
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.groundtruth.landmarks import CONVERT, read_gldv2, read_oxford, read_revisited
from regard.data.groundtruth.names import holidays, market1501, ukbench
from regard.data.groundtruth.pairs import read_pairs
from regard.data.groundtruth.records import Boxes, GradedQuery, Query, Revisited
from regard.metrics.landmarks import ap_oxford, oxford, revisited

GND = {
    "imlist": ["all_souls_000013", "all_souls_000026", "oxford_002985", "radcliffe_1"],
    "qimlist": ["all_souls_000051"],
    "gnd": [{"bbx": [1.5, 2.0, 30.0, 40.0], "easy": [0], "hard": [2, 3], "junk": [1]}],
}


def write(folder, text, name="truth.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


class TestRevisited:
    def test_read_and_score(self, tmp_path):
        found = read_revisited(write(tmp_path, json.dumps(GND), "gnd.json"))
        query = GradedQuery("all_souls_000051", [0], [2, 3], [1], (1.5, 2.0, 30.0, 40.0))
        assert found == Revisited(GND["imlist"], [query]) and query.positives == [0, 2, 3]
        scores = revisited([[1, 3, 0, 2]], found.queries)
        assert scores["hard"].map == pytest.approx(ap_oxford([0, 1])) == 1
        assert scores["easy"].map == 1

    def test_a_query_without_a_box(self, tmp_path):
        changed = GND | {"gnd": [{"easy": [], "hard": [], "junk": []}]}
        assert read_revisited(write(tmp_path, json.dumps(changed), "gnd.json")).queries[0].box is None

    def test_a_pickle_is_refused_and_the_line_that_converts_it_works(self, tmp_path):
        value = {**GND, "gnd": [{k: np.array(v) for k, v in GND["gnd"][0].items()}]}
        file = tmp_path / "gnd of oxford.pkl"
        file.write_bytes(pickle.dumps(value))
        with pytest.raises(InputError, match="opening a pickle may run any program") as caught:
            read_revisited(file)
        assert CONVERT in str(caught.value)
        assert f'"{file}" "{file.with_suffix(".json")}"' in str(caught.value)
        code = re.fullmatch(r'python -c "(.*)"', CONVERT).group(1)
        target = file.with_suffix(".json")
        subprocess.run([sys.executable, "-c", code, str(file), str(target)], check=True)
        assert read_revisited(target) == read_revisited(write(tmp_path, json.dumps(GND), "same.json"))
        # whatever it is called
        renamed = file.rename(tmp_path / "renamed.json")
        with pytest.raises(InputError, match="opening a pickle"):
            read_revisited(renamed)

    def test_matlab(self, tmp_path):
        with pytest.raises(InputError, match=r"gnd\.pkl"):
            read_revisited(write(tmp_path, "MATLAB 5.0", "gnd.mat"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"imlist": None}, "expected an object with imlist, qimlist and gnd, got"),
            ({"qimlist": ["a", "b"]}, "expected as many of both, got 2 in qimlist and 1 in gnd"),
            ({"imlist": ["../a"]}, "expected names of images, without .. or a leading /"),
            ({"imlist": ["/etc/passwd"]}, "expected names of images"),
            ({"qimlist": ["a\\..\\b"]}, "expected names of images"),
            ({"qimlist": ["C:b"]}, "expected names of images"),
            ({"imlist": [7]}, "expected names of images"),
            ({"gnd": [7]}, "expected lists easy, hard and junk"),
            ({"gnd": [{"easy": [0], "hard": [1]}]}, "expected lists easy, hard and junk"),
            ({"gnd": [{"easy": [4], "hard": [], "junk": []}]}, "^easy of 'all_souls_000051': expected .* 0 to 3"),
            ({"gnd": [{"easy": [], "hard": [-1], "junk": []}]}, "^hard of .*: expected a whole number from 0 to 3"),
            ({"gnd": [{"easy": [], "hard": [], "junk": ["1"]}]}, "^junk of .*: expected a whole number from 0 to 3"),
            ({"gnd": [{"easy": [0], "hard": [0], "junk": []}]}, "an image twice in the lists"),
            ({"gnd": [GND["gnd"][0] | {"bbx": [1, 2, 3]}]}, "expected x1, y1, x2, y2"),
            ({"gnd": [GND["gnd"][0] | {"bbx": [9, 2, 3, 4]}]}, "expected x1 <= x2"),
            ({"gnd": [GND["gnd"][0] | {"bbx": [9, 2, float("nan"), 4]}]}, "got NaN, which JSON does not have"),
        ],
    )
    def test_wrong_files(self, tmp_path, change, message):
        with pytest.raises(InputError, match=message):
            read_revisited(write(tmp_path, json.dumps(GND | change), "gnd.json"))

    def test_not_json(self, tmp_path):
        with pytest.raises(InputError, match="expected a JSON file"):
            read_revisited(write(tmp_path, "imlist", "gnd.json"))
        with pytest.raises(InputError, match="got 'truth.csv' with a list"):
            read_revisited(write(tmp_path, "[1]"))
        with pytest.raises(InputError, match="which does not exist"):
            read_revisited(tmp_path / "nowhere.json")


class TestOxford:
    def lay_out(self, folder):
        write(folder, "oxc1_all_souls_000013 136.5 34.1 648.5 955.7\n", "all_souls_1_query.txt")
        write(folder, "all_souls_000013\nall_souls_000026\n", "all_souls_1_good.txt")
        write(folder, "oxford_002985\n", "all_souls_1_ok.txt")
        write(folder, "oxford_000317\n\n", "all_souls_1_junk.txt")
        return folder

    def test_read_and_score(self, tmp_path):
        (query,) = read_oxford(self.lay_out(tmp_path))
        positives = ["all_souls_000013", "all_souls_000026", "oxford_002985"]
        assert query == Query(
            "all_souls_000013", positives, ["oxford_000317"], (136.5, 34.1, 648.5, 955.7), "all_souls_1"
        )
        ranking = ["all_souls_000013", "oxford_000317", "all_souls_000026", "x", "oxford_002985"]
        assert oxford([ranking], [query]).map == pytest.approx(ap_oxford([0, 1, 3]))

    def test_paris_has_no_prefix_and_queries_are_sorted(self, tmp_path):
        for name in ("pompidou_1", "defense_1"):
            write(tmp_path, f"paris_{name}_000605 0 0 10 10", f"{name}_query.txt")
            for part in ("good", "ok", "junk"):
                write(tmp_path, "", f"{name}_{part}.txt")
        assert [query.image for query in read_oxford(tmp_path)] == ["paris_defense_1_000605", "paris_pompidou_1_000605"]

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            (
                "all_souls_1_query.txt",
                "oxc1_all_souls_000013 136.5",
                "expected an image and x1 y1 x2 y2, got .* 2 words",
            ),
            ("all_souls_1_query.txt", "oxc1_a 1 2 x 4", "expected x1, y1, x2, y2"),
            ("all_souls_1_query.txt", "../a 1 2 3 4", "expected names of images"),
            ("all_souls_1_ok.txt", "../../secret", "expected names of images"),
            ("all_souls_1_ok.txt", "all_souls_000013", "an image twice in the lists of 'all_souls_1'"),
        ],
    )
    def test_wrong_files(self, tmp_path, name, text, message):
        write(self.lay_out(tmp_path), text, name)
        with pytest.raises(InputError, match=message):
            read_oxford(tmp_path)

    def test_missing_files(self, tmp_path):
        with pytest.raises(InputError, match=r"without \*_query.txt"):
            read_oxford(tmp_path)
        (self.lay_out(tmp_path) / "all_souls_1_junk.txt").unlink()
        with pytest.raises(InputError, match="all_souls_1_junk.txt', which does not exist"):
            read_oxford(tmp_path)
        (tmp_path / "all_souls_1_junk.txt").write_bytes(b"\xff\xd8\xff")
        with pytest.raises(InputError, match="expected text"):
            read_oxford(tmp_path)


class TestGldv2:
    RETRIEVAL = "id,images,Usage\nq1,a b,Public\nq2,None,Ignored\nq3,c,Private\n"
    RECOGNITION = "id,landmarks,Usage\nq1,12 7,Private\nq2,,Public\n"

    def test_retrieval(self, tmp_path):
        file = write(tmp_path, self.RETRIEVAL)
        assert read_gldv2(file) == [Query("q1", ["a", "b"]), Query("q3", ["c"])]
        assert read_gldv2(file, "Private") == [Query("q3", ["c"])]

    def test_recognition(self, tmp_path):
        file = write(tmp_path, "\ufeff" + self.RECOGNITION.replace("\n", "\r\n"))
        assert read_gldv2(file) == [Query("q1", ["12", "7"]), Query("q2", [])]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "id,image,Usage\nq,a,Public\n",
                "expected id, images .or landmarks., Usage, got the columns id, image, Usage",
            ),
            ("", "expected id, images"),
            ("id,images,Usage\n", "expected at least one, got no query"),
            ("id,images,Usage\nq,a\n", "expected 3, got 2 fields in line 2"),
            ("id,images,Usage\nq,a,Test\n", "expected Public, Private or Ignored, got usage 'Test' in line 2"),
            ("id,images,Usage\nq,a,Public\nq,b,Public\n", "'q' twice"),
            ("id,images,Usage\nq,../a,Public\n", "expected names of images"),
            ('id,images,Usage\nq,"a,Public\n', "expected a CSV table in UTF-8"),
        ],
    )
    def test_wrong_files(self, tmp_path, text, message):
        with pytest.raises(InputError, match=message):
            read_gldv2(write(tmp_path, text))

    def test_usage_and_other_files(self, tmp_path):
        with pytest.raises(InputError, match="Did you mean 'Public'"):
            read_gldv2(write(tmp_path, self.RETRIEVAL), "public")
        (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
        with pytest.raises(InputError, match="expected a CSV table in UTF-8"):
            read_gldv2(tmp_path / "binary.csv")


class TestPairs:
    def test_grades(self, tmp_path):
        text = "query,positive,grade\nq1,cats/a.jpg,easy\nq1,b.jpg,hard\nq2,,\nq1,q1,junk\nq1,c.jpg,\n"
        assert read_pairs(write(tmp_path, text)) == [
            GradedQuery("q1", ["cats/a.jpg", "c.jpg"], ["b.jpg"], ["q1"]),
            GradedQuery("q2", [], [], []),
        ]

    def test_without_grades_it_scores_as_oxford(self, tmp_path):
        queries = read_pairs(write(tmp_path, 'query,positive\nq1,"a, b"\nq1,c\n'))
        assert queries == [GradedQuery("q1", ["a, b", "c"], [], [])]
        assert oxford([["a, b", "x", "c"]], queries).map == pytest.approx(ap_oxford([0, 2]))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("query,answer\nq,a\n", "expected query, positive and, if you like, grade"),
            ("query,positive,grade\nq,a,medium\n", "^grade in line 2 of 'truth.csv': expected one of easy, hard, junk"),
            ("query,positive\nq,a\nq,a\n", "'q' and 'a' again in line 3"),
            ("query,positive,grade\nq,a,easy\nq,a,junk\n", "again in line 3"),
            ("query,positive\n,a\n", "expected names of images"),
            ("query,positive\nq,/a\n", "expected names of images"),
            ("query,positive\nq,a/../../b\n", "expected names of images"),
            ("query,positive\nq,a\x00b\n", "expected (names of images|a CSV table)"),
            ("query,positive\n\n", "no query"),
        ],
    )
    def test_wrong_files(self, tmp_path, text, message):
        with pytest.raises(InputError, match=message):
            read_pairs(write(tmp_path, text))


class TestNames:
    def test_holidays(self, tmp_path):
        names = ["100101.jpg", "100100.jpg", "100000.jpg", "100002.jpg", "100001.jpg"]
        expected = [
            Query("100000.jpg", ["100001.jpg", "100002.jpg"], ["100000.jpg"]),
            Query("100100.jpg", ["100101.jpg"], ["100100.jpg"]),
        ]
        assert holidays(names) == expected
        for name in [*names, "Thumbs.db"]:
            (tmp_path / name).touch()
        assert holidays(tmp_path) == expected
        # the query comes up first, and counts neither way
        assert oxford([["100000.jpg", "100001.jpg", "100101.jpg", "100002.jpg"]], expected[:1]).map == pytest.approx(
            ap_oxford([0, 2])
        )

    def test_ukbench(self):
        names = [f"ukbench{number:05d}.jpg" for number in range(8)]
        queries = ukbench(names[::-1])
        assert [query.image for query in queries] == names
        assert queries[5] == Query(names[5], names[4:]) and queries[0].positives == names[:4]

    def test_market(self, tmp_path):
        names = ["-1_c3s2_000001_00.jpg", "0000_c1s1_000151_01.jpg", "0002_c6s1_000451_03.jpg"]
        for name in [*names, "Thumbs.db"]:
            (tmp_path / name).touch()
        assert market1501(tmp_path) == Boxes(names, [-1, 0, 2], [3, 1, 6])
        assert market1501(["0005_c12_f0046985.jpg"]) == Boxes(["0005_c12_f0046985.jpg"], [5], [12])

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: holidays(["10000.jpg"]), "expected files named by six digits"),
            (lambda: holidays(["a/100000.jpg"]), "expected files named by six digits"),
            (lambda: holidays(["１０００００.jpg"]), "expected files named by six digits"),
            (lambda: holidays(["100001.jpg", "100002.jpg"]), "expected image 00 and at least one more"),
            (lambda: holidays(["100000.jpg"]), "alone in group 1000"),
            (lambda: holidays(["100000.jpg", "100000.png"]), "expected each number once"),
            (lambda: holidays([]), "got no image"),
            (lambda: holidays(["100000.jpg", "100000.jpg"]), "a name twice"),
            (lambda: ukbench(["ukbench00000.jpg"]), "expected four, got 1 images numbered 0 to 3"),
            (lambda: ukbench(["00000.jpg"]), "expected files named by ukbench"),
            (lambda: market1501(["0002_s1.jpg"]), "expected files named by an identity"),
            (lambda: market1501("nowhere"), "which does not exist"),
        ],
    )
    def test_wrong_names(self, call, message):
        with pytest.raises(InputError, match=f"^images: .*{message}"):
            call()
