"""Work made ahead: a thread makes what the next steps need while the network works on this one."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch


def ahead(make: Callable[[int], Any], start: int, depth: int = 2) -> Generator[Any, None, None]:
    """What `make` gives for step `start` and all later ones, in order; up to `depth` of them wait, ready or in work.

    The thread computes with one processor, so that it fills what the network leaves idle and takes nothing from it.
    An error in `make` is raised where its step is asked for.
    """
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(1, "ahead") as pool:
        try:
            if torch.backends.openmp.is_available():
                own = torch.get_num_threads()
                pool.submit(torch.set_num_threads, 1).result()
                # the number is each thread's own, but the last one set is also what later threads start with
                torch.set_num_threads(own)
            step = start
            while True:
                while len(waiting) < depth:
                    waiting.append(pool.submit(make, step))
                    step += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
