"""What `connector help` says about every kind of a regional API, for the ``HELP`` of a room."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from ..model import HelpTexts
from .backend import MEMBERS, Backend

_WIDTH = 96  # columns of a page

_CREDENTIALS = """\
Credentials come from where AWS's tools find them: variables, profiles, SSO, roles.
"""


def help_texts(backend: Backend, *, names: str, states: str = "", access: str = "") -> HelpTexts:
    """Return the texts about a kind. Each argument ends with a newline, or is empty.

    :param names: which names there are.
    :param states: which states of a listed target are not the service's own words.
    :param access: what to know of permissions and costs.
    """
    row = backend.row
    listing = "`connector list` shows none of these targets.\n"
    if row.has_list:
        fields = ("ssh name", "state", "whole name", "Region", "id", *backend.fields)
        members = (*MEMBERS, *backend.members)
        listing = (
            f"fields of a line of `connector list`:\n{_lines(fields)}\n"
            f"members of its object with --json:\n{_lines(members)}"
        )
    variables = " and ".join(filter(None, (", ".join(row.endpoint_variables), "AWS_ENDPOINT_URL")))
    apis = f"{variables} can name other APIs.\n"
    return HelpTexts(
        names, f"{listing}\n{states}" if states else listing, _CREDENTIALS + access + apis
    )


def _lines(words: Iterable[str]) -> str:
    text = fill(", ".join(words), _WIDTH, initial_indent="  ", subsequent_indent="  ")
    return f"{text}\n"
