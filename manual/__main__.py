"""``python -m manual``: make the pages of docs/ that come from the program.

``--check`` writes nothing, and exits with 1 if a page is out of date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from connector.datachannel import phases

from . import cells, errors, manpages, reference
from .harvest import harvest
from .sections import put

ROOT = Path(__file__).parent.parent


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Return the made pages, with the text that each should have."""
    exit_codes = (root / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    return {
        root / "docs" / "errors.md": errors.render(errors.load(), harvest(), exit_codes),
        root / "docs" / "reference.md": reference.render(),
        root / "docs" / "targets.md": put(
            (root / "docs" / "targets.md").read_text(encoding="utf-8"), "cells", cells.render()
        ),
        root / "docs" / "protocol.md": _with_phases(root / "docs" / "protocol.md"),
        **{root / "docs" / "man" / name: text for name, text in manpages.pages().items()},
    }


def _with_phases(path: Path) -> str:
    """Return the page on the protocol with the tables of phases as the code has them."""
    tables = (("session", phases.SESSION), ("link", phases.LINK), ("input", phases.INPUT))
    made = "\n".join(f"**The {name}**\n\n{phases.as_markdown(table)}" for name, table in tables)
    return put(path.read_text(encoding="utf-8"), "phases", made)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m manual", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = {
        path: text
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)} {'is out of date: make docs' if check else 'written'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
