"""COCO: `instances.json`, a data set of the objects that are sure enough, and `results.json`, all with their scores.

Results are what COCO's evaluation takes: its precision needs the unsure ones too. Both grow line by line, images and
annotations in files of their own that are joined at the end, so that memory does not grow with the number of pictures.
"""

import json
import shutil
from pathlib import Path
from typing import Any, TextIO

from ....data.annotations import rle
from ....data.annotations._writing import put_picture
from ....data.annotations.coco_ids import coco_ids
from ....data.annotations.coco_write import FILE, object_rows
from ..answer import Answer
from ..found_masks import masks_of
from ..told import told
from .contract import Asked

RESULTS = "results.json"
_OPEN = {"images": "images.part", "annotations": "annotations.part", "results": RESULTS}


class CocoFiles:
    """Both files, of boxes or masks; ids are those of the user's own COCO file where the images come from one."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked
        self.images, self.ids = coco_ids(asked.images.annotations, len(asked.images), asked.names)
        self.files: dict[str, TextIO] = {key: open(root / name, "w", encoding="utf-8") for key, name in _OPEN.items()}
        self.counts = dict.fromkeys(_OPEN, 0)

    def add(self, answer: Answer) -> None:
        """One picture."""
        name, (height, width) = self.asked.places.picture(answer.row), answer.size
        self._put("images", {"id": self.images[answer.row], "file_name": name, "width": width, "height": height})
        made = told(answer, self.asked.names, self.asked.threshold)
        for row, score in zip(object_rows(made.carried, self.ids), made.scores.tolist()):
            number = self.counts["annotations"] + 1
            self._put(
                "annotations", {"id": number, "image_id": self.images[answer.row]} | row | {"score": round(score, 6)}
            )
        self._results(answer)
        if self.asked.pictures:
            put_picture(self.asked.images.items[answer.row], self.root / "images", name)

    def _results(self, answer: Answer) -> None:
        masks = masks_of(answer)
        every = zip(answer.boxes.tolist(), answer.scores.tolist(), answer.classes.tolist())
        for place, ((left, top, right, bottom), score, number) in enumerate(every):
            box = [round(one, 4) for one in (left, top, right - left, bottom - top)]
            about = {"image_id": self.images[answer.row], "category_id": self.ids[self.asked.names[number]]}
            row = about | {"bbox": box, "score": round(score, 6)}
            runs = None if masks is None else masks.runs[place]
            if masks is not None and runs is not None:
                row["segmentation"] = {"size": list(masks.size), "counts": rle.to_text(runs)}
            self._put("results", row)

    def _put(self, key: str, row: dict[str, Any]) -> None:
        before = "[\n" if not self.counts[key] and key == "results" else "" if not self.counts[key] else ",\n"
        self.files[key].write(before + json.dumps(row, ensure_ascii=False))
        self.counts[key] += 1

    def close(self, whole: bool) -> None:
        """Join the parts."""
        self.files["results"].write("\n]\n" if self.counts["results"] else "[]\n")
        for one in self.files.values():
            one.close()
        if not whole:
            return
        categories = [{"id": number, "name": name} for name, number in self.ids.items()]
        with open(self.root / FILE, "w", encoding="utf-8") as file:
            file.write('{"images": [\n')
            for key, between in (("images", '\n],\n"annotations": [\n'), ("annotations", '\n],\n"categories": ')):
                part = self.root / _OPEN[key]
                with open(part, encoding="utf-8") as lines:
                    shutil.copyfileobj(lines, file)
                part.unlink()
                file.write(between)
            file.write(json.dumps(categories, ensure_ascii=False) + "}\n")
