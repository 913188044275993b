"""The connector as a program of its own, on a PATH, with more kinds than its registry has."""

from __future__ import annotations

import sys
from pathlib import Path

_SCRIPT = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
{lines}
from connector.__main__ import main
sys.exit(main())
"""


def own_program(directory: Path, *lines: str) -> Path:
    """Write the program ``connector`` into a new directory, and return that directory.

    :param lines: of Python that run first. They can import the tests.
    """
    directory.mkdir()
    path = directory / "connector"
    root = str(Path(__file__).parents[2])
    path.write_text(_SCRIPT.format(python=sys.executable, root=root, lines="\n".join(lines)))
    path.chmod(0o755)
    return directory


def with_kinds(*modules: str) -> tuple[str, ...]:
    """Return lines that add kinds of target to the registry, once although a fork runs them again.

    :param modules: of the tests, each with the ``ROW`` of a kind.
    """
    return (
        "from importlib import import_module",
        "from connector.targets import registry",
        f"rows = [import_module(name).ROW for name in {list(modules)}]",
        "registry.KINDS += [row for row in rows if row not in registry.KINDS]",
    )
