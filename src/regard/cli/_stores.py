"""The option of all verbs that open an index: which server or bucket its table may be at."""

from typing import Annotated

import typer

AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="HOST",
        help="Where the index's table may be, if not in its folder: HOST, https://HOST:PORT or s3://BUCKET.",
        show_default="where you made an index with --store",
    ),
]
