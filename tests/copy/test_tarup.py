"""Uploads by tar: the script runs here, in another directory and with the programs of an image."""

from __future__ import annotations

import os

from .tarcopies import BINARY, Ends


def test_upload_has_exact_bytes(ends: Ends) -> None:
    (ends.near / "file").write_bytes(BINARY)
    copy = ends.copy("file", "app:copied")
    assert (ends.far / "copied").read_bytes() == BINARY
    assert (copy.problems, copy.unchecked, copy.progress().done) == ([], (0, ""), 1)
    assert ends.leftovers() == []


def test_tree_merges_into_one_that_is_there(ends: Ends) -> None:
    for old, end in ((ends.far / "t", "far"), (ends.near / "t", "near")):
        (old / "sub").mkdir(parents=True)
        (old / "sub" / "file").write_text(end)
        (old / "sub" / f"only-{end}").write_text(end)
    assert ends.copy("t", "app:.", recursive=True).problems == []
    assert {path.name: path.read_text() for path in (ends.far / "t" / "sub").iterdir()} == {
        "file": "near",
        "only-far": "far",
        "only-near": "near",
    }


def test_upload_comes_from_stdin(ends: Ends) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from stdin")
    os.close(writing)
    kept = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)
    try:
        assert ends.copy("-", "app:file").problems == []
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    assert (ends.far / "file").read_bytes() == b"from stdin"
