"""The parts of a page that a program writes, between two comments that name them."""

from __future__ import annotations


def put(page: str, name: str, made: str) -> str:
    """Return a page with the part between its comments ``name`` and ``/name`` replaced.

    :raises ValueError: when the page lacks one of the comments.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"the page lacks {begin} or {end}")
    return f"{before}{begin}\n{made.rstrip()}\n{end}{after}"
