"""Ground truth of one's own: a table of pairs."""

from pathlib import Path

from ...core.checks import bad, check_choice, check_path
from ._reading import name_of, read_table, some
from .matching import normal
from .records import GRADES, GradedQuery


def read_pairs(file: str | Path) -> list[GradedQuery]:
    """Read a CSV table of your own: `query,positive` and, if you like, `grade`; a row for each pair, ids in both.

    A grade is easy (also where it is empty), hard or junk. A query that is itself in the collection counts as its own
    junk and cannot be its own positive. A row with an empty positive names a query that has nothing to find.

    Raises:
        InputError: other columns, another grade, or a pair given twice.
    """
    path = check_path("ground truth", file, folder=False)
    header, rows = read_table(path)
    if [name.casefold() for name in header] not in (["query", "positive"], ["query", "positive", "grade"]):
        raise bad("ground truth", f"the columns {', '.join(header)}", "query, positive and, if you like, grade")
    queries: dict[str, GradedQuery] = {}
    seen: set[tuple[str, str]] = set()
    for line, (image, positive, *rest) in rows:
        grade = check_choice(f"grade in line {line} of {path.name!r}", rest[0] or "easy" if rest else "easy", GRADES)
        query = queries.setdefault(normal(image), GradedQuery(name_of(image, path), [], [], []))
        if (normal(image), normal(positive)) in seen:
            raise bad("ground truth", f"{image!r} and {positive!r} again in line {line} of {path.name!r}", "pairs once")
        seen.add((normal(image), normal(positive)))
        if positive:
            getattr(query, grade).append(name_of(positive, path))
    return some(list(queries.values()), path)
