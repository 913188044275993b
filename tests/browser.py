"""A user with a browser that handles forms and redirects, but no scripts, for the login's pages.

As a program, ``python -m tests.browser URL`` accepts what the page asks. The variable PASSWORD
contains the password.
"""

from __future__ import annotations

import os
import ssl
import sys
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from pathlib import Path


class Form(HTMLParser):
    """The fields of a page's form, with their values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "input":
            self.fields[found["name"]] = found.get("value", "")
        elif tag == "select":
            self._select = found["name"]
        elif tag == "option":
            self.fields.setdefault(self._select, found["value"])


class Browser:
    """Opens pages, presses buttons, and follows redirects, also to plain http on this machine."""

    def __init__(self, ca_file: Path, password: str) -> None:
        self._password = password
        context = ssl.create_default_context(cafile=str(ca_file))
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
        )

    def open(self, url: str, form: dict[str, str] | None = None) -> str:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        with self._opener.open(url, data, timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def decide(self, url: str, decision: str = "allow") -> str:
        """Allow or deny the request, and return the text of the last page."""
        fields = Form(self.open(url)).fields
        return self.open(url, {**fields, "password": self._password, "decision": decision})


if __name__ == "__main__":
    Browser(Path(os.environ["AWS_CA_BUNDLE"]), os.environ["PASSWORD"]).decide(sys.argv[1])
