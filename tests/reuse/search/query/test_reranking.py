"""Re-rankings of an index's results: names, order, and images that are not where the index has them."""

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.builtin import photo_crops
from regard.representation.embed import embed
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.query.reranking import read_stages


@pytest.fixture
def index(tmp_path) -> SearchIndex:
    folder = tmp_path / "photos"
    folder.mkdir()
    for place, item in enumerate(photo_crops(12, 160, seed=2).items):
        Image.fromarray(np.asarray(item)).save(folder / f"{place:02d}.png")
    return SearchIndex.create(tmp_path / "index", with_contents(embed(folder, "random:convnet4")))


def test_stages_by_name_and_short_name() -> None:
    assert read_stages(" dba, qe,spatial") == ("augmentation", "expansion", "spatial")
    with pytest.raises(InputError, match="--rerank: expected one of"):
        read_stages("sorting")
    with pytest.raises(InputError, match="each re-ranking once"):
        read_stages("qe,expansion")


def test_each_stage_leaves_its_score(index) -> None:
    (hits,) = index.search_ids(["03.png"], 5, rerank=("expansion", "augmentation", "spatial"))
    assert set(hits[0].stages) == {"search", "expansion", "augmentation", "spatial"}
    assert len({hit.id for hit in hits}) == 5 and all(hit.verified is not None for hit in hits)


def test_images_that_are_gone_are_said(index) -> None:
    photos = index.folder.with_name("photos")
    (photos / "05.png").unlink()
    hits = index.search_ids(["03.png"], 12, rerank=("spatial",))
    assert "1 result(s) could not be compared" in hits.notes[-1] and "05.png" in hits.notes[-1]


def test_an_index_whose_images_were_moved_says_what_to_do(index) -> None:
    photos = index.folder.with_name("photos")
    query = np.asarray(Image.open(photos / "03.png"))
    photos.rename(photos.with_name("elsewhere"))
    with pytest.raises(InputError, match="none of the results can be read.*--update"):
        index.search_images([query], 5, rerank=("spatial",))
    assert index.search_images([query], 1)[0][0].id == "03.png", "without geometry it is found all the same"
