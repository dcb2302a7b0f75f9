"""Search measured by each protocol: rankings worked by hand, names that fit and that do not, gains of re-ranking."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.metrics.landmarks import ap_oxford
from regard.representation.embed import embed
from regard.representation.embeddings import Embeddings
from regard.reuse.search.evaluate.evaluation import evaluate
from regard.reuse.search.evaluate.ground_truth import read_ground_truth
from regard.reuse.search.index.search_index import SearchIndex

SMALL = "random:timm:test_resnet"


def on_a_circle(folder, names, angles, labels=None, **columns):
    """Vectors at angles: what is nearest can be read off."""
    radians = np.deg2rad(angles)
    vectors = np.stack([np.cos(radians), np.sin(radians)], 1)
    known = None if labels is None else np.array(labels)
    columns = {name: np.array(values) for name, values in columns.items()}
    return SearchIndex.create(folder, Embeddings(vectors, np.array(names), known, {}, columns))


def asked(index, source, **more):
    column = (
        index.collection().column(index.store, source.partition(":")[2] or "label")
        if source.startswith(("labels", "column:"))
        else {}
    )
    return read_ground_truth(str(source), index.collection(), column, **more)


def table(path, text):
    path.write_text(text)
    return str(path)


def test_pairs_by_hand(tmp_path):
    index = on_a_circle(tmp_path / "i", ["a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg"], [0, 10, 20, 30])
    truth = asked(index, table(tmp_path / "p.csv", "query,positive\n1,2\n1,b/4.jpg\nb/3.jpg,1.jpg\nb/4.jpg,\n"))
    found = evaluate(index, truth)
    # of 1 at 0: 2, 3, 4 with 2 and 4 right; of 3 at 20: 2 and 4 tie at 10, then 1; 4 has nothing to find
    assert found.queries == 3 and found.skipped == 1
    assert found.values["map"][:2].tolist() == pytest.approx([(1 + 2 / 3) / 2, 1 / 3])
    assert found.figures["recall_at_1"].mean == 0.5 and found.figures["recall_at_5"].mean == 1
    assert found.figures["map_at_r"].mean == pytest.approx((1 / 2 + 0) / 2)
    assert found.first[0] == [("a/2.jpg", True), ("b/3.jpg", False), ("b/4.jpg", True)]
    cut = evaluate(index, truth, depth=2)
    assert cut.values["map"][:2].tolist() == pytest.approx([1 / 2, 0]), "what is missing was not found"


def test_grades_make_it_the_revisited_protocol(tmp_path):
    index = on_a_circle(tmp_path / "i", ["q", "e", "h", "j", "w"], [0, 40, 10, 5, 20])
    truth = asked(index, table(tmp_path / "p.csv", "query,positive,grade\nq,e,easy\nq,h,hard\nq,j,junk\n"))
    found = evaluate(index, truth)
    # the ranking is j h w e
    assert truth.protocol == "revisited" and found.main == "map_medium"
    assert found.figures["map_hard"].mean == ap_oxford([0])
    assert found.figures["map_easy"].mean == ap_oxford([1])
    assert found.figures["map_medium"].mean == ap_oxford([0, 2])


def test_labels_and_things(tmp_path):
    names, angles = ["a", "b", "c", "d", "e"], [0, 3, 10, 11, 50]
    index = on_a_circle(tmp_path / "i", names, angles, labels=list("xxyyz"), identity=list("ppqqp"))
    found = evaluate(index, asked(index, "labels"))
    assert found.queries == 4, "the only one of its label has nothing to find"
    assert found.figures["recall_at_1"].mean == 1 and found.figures["map"].mean == 1
    things = evaluate(index, asked(index, "column:identity"))
    assert things.figures["recall_at_1"].n == 2, "pictures of one thing are drawn together"
    some = asked(index, "labels", sample=2)
    assert len(some.queries) == 2 and [q.name for q in some.queries] == [
        q.name for q in asked(index, "labels", sample=2).queries
    ]


def test_oxford_files_with_boxes(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(0)
    textures = [draw.integers(0, 255, (8, 8, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8) for _ in range(3)]
    Image.fromarray(np.concatenate([textures[0], textures[1]], 1)).save(folder / "both.png")
    for place, texture in enumerate(textures):
        Image.fromarray(texture).save(folder / f"t{place}.png")
    index = SearchIndex.create(tmp_path / "i", embed(folder, SMALL))
    gnd = tmp_path / "gnd"
    gnd.mkdir()
    for part, text in {"query": "oxc1_both 64 0 128 64", "good": "t1", "ok": "", "junk": "both"}.items():
        (gnd / f"thing_1_{part}.txt").write_text(text)
    truth = asked(index, str(gnd))
    assert truth.protocol == "oxford" and truth.queries[0].box == (64, 0, 128, 64) and truth.queries[0].group == "thing"
    found = evaluate(index, truth, cache=False)
    assert found.figures["map"].mean == 1 and found.first[0][0] == ("t1.png", True)


def test_revisited_json_with_queries_from_outside(tmp_path):
    photos, queries = tmp_path / "photos", tmp_path / "queries"
    photos.mkdir()
    queries.mkdir()
    draw = np.random.default_rng(1)
    for name in "abc":
        texture = draw.integers(0, 255, (8, 8, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
        Image.fromarray(texture).save(photos / f"{name}.png")
        if name == "b":
            Image.fromarray(texture).save(queries / "q1.png")
    gnd = {
        "imlist": ["a", "b", "c"],
        "qimlist": ["q1"],
        "gnd": [{"bbx": [0, 0, 64, 64], "easy": [1], "hard": [], "junk": [0]}],
    }
    (tmp_path / "gnd.json").write_text(json.dumps(gnd))
    index = SearchIndex.create(tmp_path / "i", embed(photos, SMALL))
    found = evaluate(index, asked(index, str(tmp_path / "gnd.json"), queries=queries))
    assert found.figures["map_easy"].mean == 1 and np.isnan(found.figures["map_hard"].mean)
    with pytest.raises(InputError, match="give --queries FOLDER|Give|q1|--queries"):
        asked(index, str(tmp_path / "gnd.json"))


def test_queries_in_the_index_are_left_out_of_the_revisited_ranking(tmp_path):
    index = on_a_circle(tmp_path / "i", ["q", "q2", "a", "b"], [0, 1, 5, 10])
    gnd = {
        "imlist": ["a", "b"],
        "qimlist": ["q", "q2"],
        "gnd": [{"bbx": None, "easy": [0], "hard": [], "junk": []}, {"bbx": None, "easy": [1], "hard": [], "junk": []}],
    }
    (tmp_path / "gnd.json").write_text(json.dumps(gnd))
    found = evaluate(index, asked(index, str(tmp_path / "gnd.json")))
    assert found.values["map_easy"].tolist() == [ap_oxford([0]), ap_oxford([1])]


def test_gldv2(tmp_path):
    index = on_a_circle(tmp_path / "i", ["q", "a", "b", "c"], [0, 1, 5, 10])
    truth = asked(index, table(tmp_path / "s.csv", "id,images,Usage\nq,a c,Public\n"))
    assert evaluate(index, truth).figures["map_at_100"].mean == pytest.approx((1 + 2 / 3) / 2)


def test_names_that_say_it_all(tmp_path):
    index = on_a_circle(tmp_path / "h", ["100000.jpg", "100001.jpg", "100100.jpg", "100101.jpg"], [0, 5, 3, 40])
    found = evaluate(index, asked(index, "holidays"))
    assert found.values["map"].tolist() == [ap_oxford([1]), ap_oxford([2])]
    index = on_a_circle(tmp_path / "u", [f"ukbench{i:05d}.jpg" for i in range(8)], [0, 1, 2, 30, 40, 41, 42, 43])
    found = evaluate(index, asked(index, "ukbench"))
    assert found.values["ns_score"].tolist() == [4, 4, 4, 1, 4, 4, 4, 4]


def test_market(tmp_path):
    names = ["0001_c1s1_000001_00.jpg", "0001_c2s1_000001_00.jpg", "0002_c2s1_000001_00.jpg", "-1_c2s1_000001_00.jpg"]
    draw = np.random.default_rng(3)
    folder, queries = tmp_path / "gallery", tmp_path / "query"
    for one in (folder, queries):
        one.mkdir()
    for name in names:
        Image.fromarray(draw.integers(0, 255, (8, 8, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)).save(folder / name)
    Image.open(folder / names[0]).save(queries / "0001_c1s1_000009_00.jpg")
    index = SearchIndex.create(tmp_path / "i", embed(folder, SMALL))
    truth = asked(index, "market1501", queries=queries)
    (query,) = truth.queries
    ids = index.collection().ids
    assert [ids[p] for p in query.lists["positives"]] == [names[1]]
    assert {ids[p] for p in query.lists["junk"]} == {names[0], names[3]}
    assert set(evaluate(index, truth).figures) == {"cmc_at_1", "cmc_at_5", "cmc_at_10", "map"}
    with pytest.raises(InputError, match="--queries"):
        asked(index, "market1501")


def test_reranking_stands_beside_what_was(tmp_path):
    draw = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 8)
    vectors = draw.standard_normal((20, 32))[groups] + 1.1 * draw.standard_normal((160, 32))
    index = SearchIndex.create(
        tmp_path / "i",
        Embeddings(vectors, np.array([f"n{i}" for i in range(160)]), np.char.add("g", groups.astype(str))),
    )
    found = evaluate(index, asked(index, "labels"), rerank=("kreciprocal",))
    assert found.gains["map"].verdict == "gain"
    assert found.gains["map"].mean == pytest.approx(found.figures["map"].mean - found.plain["map"].mean)
    assert (found.values["map"] - found.plain_values["map"]).mean() == pytest.approx(found.gains["map"].mean)
    assert found.groups == [query.group for query in asked(index, "labels").queries]
    nothing = evaluate(index, asked(index, "labels"))
    assert nothing.plain == {} and nothing.figures["map"] == found.plain["map"]


def test_the_sketch_is_measured(tmp_path):
    draw = np.random.default_rng(0)
    labels = np.repeat([f"g{i}" for i in range(50)], 10)
    vectors = draw.standard_normal((50, 64))[np.repeat(np.arange(50), 10)] + 0.5 * draw.standard_normal((500, 64))
    index = SearchIndex.create(tmp_path / "i", Embeddings(vectors, np.array([f"n{i}" for i in range(500)]), labels))
    found = evaluate(index, asked(index, "labels", sample=50), strategy="sketch")
    assert 0.9 < found.recall <= 1 and found.figures["recall_at_1"].mean > 0.9


@pytest.mark.parametrize(
    "source, message",
    [
        ("query,positive\na,nobody\na,b\n", "names that no image of the index has, or several have: nobody"),
        ("query,positive\nsame,b\n", "or several have: same"),
        ("query,positive\na,\n", "by which no query has anything to find"),
        ("query,positive\n", "no query in"),
        ("image,label\na,b\n", "expected query, positive"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, source, message):
    index = on_a_circle(tmp_path / "i", ["a", "b", "x/same.jpg", "y/same.jpg"], [0, 1, 2, 3])
    with pytest.raises(InputError, match=message):
        asked(index, table(tmp_path / "p.csv", source))


@pytest.mark.parametrize(
    "pairs, message",
    [
        ("a/000.png,a/003.png", "a/003.png .*'a/003.png' is not 'b/003.png'"),  # that file is gone, b's is there
        ("a/003.png,a/000.png", "or several have: a/003.png"),
        ("a/000,a/003", "or several have: a/003"),
        ("a/000.png,000.png", "'000.png' fits 'a/000.png' or 'b/000.png'"),
        ("a/000.png,photo.v2", "or several have: photo.v2"),  # there is photo.jpg
        ("a/000.png,photo.png", "'photo.png' is not 'photo.jpg'"),
        ("photo,photo.jpg\nphoto,b/003\nphoto,003.png", "'b/003.png' under two names in the lists of 'photo'"),
        ("photo,b/003\nphoto.jpg,000", "fits"),
        ("photo,b/003\nphoto.jpg,a/000", "one image as the queries 'photo' and 'photo.jpg'"),
        ("photo.jpg,photo.jpg", "got 'photo.jpg' as its own answer"),
        ("photo.jpg,b/003\nphoto.jpg,photo", "got 'photo.jpg' as its own answer"),
        ("003.png,a/000\n003.png, ./b/003.png", "got '003.png' as its own answer"),
    ],
)
def test_what_a_name_says_is_never_thrown_away(tmp_path, pairs, message):
    index = on_a_circle(tmp_path / "i", ["a/000.png", "b/000.png", "b/003.png", "photo.jpg"], [0, 1, 2, 3])
    with pytest.raises(InputError, match=message):
        asked(index, table(tmp_path / "p.csv", f"query,positive\n{pairs}\n"))


@pytest.mark.parametrize("of", ["pairs", "gldv2", "oxford", "revisited"])
def test_every_reader_keeps_folders_and_dots_and_takes_either_form_of_an_accent(tmp_path, of):
    nfc, nfd = "caf\u00e9", "cafe\u0301"
    index = on_a_circle(tmp_path / "i", [f"a/{nfd}.png", "a/x.v2.png", "b/y.png", "x.png"], [0, 1, 2, 3])

    def source(query, positive):
        if of == "pairs":
            return table(tmp_path / "p.csv", f"query,positive\n{query},{positive}\n")
        if of == "gldv2":
            return table(tmp_path / "s.csv", f"id,images,Usage\n{query},{positive},Public\n")
        if of == "revisited":
            gnd = {
                "imlist": [positive],
                "qimlist": [query],
                "gnd": [{"bbx": None, "easy": [0], "hard": [], "junk": []}],
            }
            return table(tmp_path / "gnd.json", json.dumps(gnd))
        (tmp_path / "gnd").mkdir(exist_ok=True)
        for part, text in {"query": f"{query} 0 0 9 9", "good": positive, "ok": "", "junk": ""}.items():
            (tmp_path / f"gnd/q_1_{part}.txt").write_text(text)
        return str(tmp_path / "gnd")

    (query,) = asked(index, source(f"a/{nfc}", "x.v2")).queries
    assert query.place == 0 and (query.lists.get("easy", query.lists.get("positives"))).tolist() == [1]
    for wrong in ("a/y.png", "a/y", "x.v1", "b/x.v2"):
        with pytest.raises(InputError, match=f"or several have: {wrong}"):
            asked(index, source(f"a/{nfc}", wrong))


def test_junk_and_distractors_of_market_are_no_person(tmp_path):
    gallery = ["-1_c2s1_000001_00.png", "0000_c2s1_000002_00.png", "0001_c2s1_000003_00.png"]
    index = on_a_circle(tmp_path / "i", gallery, [0, 1, 2])
    (tmp_path / "query").mkdir()
    for name in ("-1_c1s1_000001_01.png", "0000_c1s1_000001_01.png", "0001_c1s1_000001_01.png"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "query" / name)
    found = {one.name[:4]: one for one in asked(index, "market1501", queries=tmp_path / "query").queries}
    assert [len(found[who].lists["positives"]) for who in ("-1_c", "0000", "0001")] == [0, 0, 1]
    assert all(found[who].lists["junk"].tolist() == [0] for who in found)
    assert len({one.group for one in found.values()}) == 3


def test_sources_that_are_none(tmp_path):
    index = on_a_circle(tmp_path / "i", ["a", "b"], [0, 1], labels=["x", "x"])
    for source, message in {
        "nothing.txt": "GROUNDTRUTH: expected labels, column:NAME",
        "labels": "at least two: else every result is right",
        "gone.csv": "gone.csv",
    }.items():
        with pytest.raises(InputError, match=message):
            asked(index, source)
    with pytest.raises(InputError, match="column: expected one of"):
        index.collection().column(index.store, "colour")
    (tmp_path / "gnd.pkl").write_bytes(pickle.dumps({"imlist": []}))
    with pytest.raises(InputError, match="Convert the pickle"):
        asked(index, str(tmp_path / "gnd.pkl"))
