"""The page of `connector help KIND` about one kind of target."""

from __future__ import annotations

from ..targets.registry import KINDS, KindRow


def row_named(name: str) -> KindRow | None:
    """Return the row of a kind, or None where there is no kind of this name."""
    return next((row for row in KINDS if row.name == name), None)


def page(row: KindRow) -> str:
    """Return all that `connector help` says about one kind."""
    from ..settings.table import SETTINGS, type_of

    options = []
    for option in row.options:
        metavar = "" if option.type == "flag" else type_of(option).metavar or option.dest.upper()
        told = SETTINGS[option.name].explained if option.variables else option.help
        options.append((f"--{option.name} {metavar}".rstrip(), told))
    width = max((len(name) for name, _ in options), default=0)
    lines = [f"  {name:{width}}  {told}\n" for name, told in options]
    parts = (
        f"{row.words.nouns[:1].upper()}{row.words.nouns[1:]}: targets of {row.words.service}.\n",
        row.name_help + row.left_out_help,
        "".join(["options of this kind:\n", *lines] if lines else []),
        row.list_help,
        row.proxy_help,
    )
    return "\n".join(part for part in parts if part)
