"""The table of all messages against the code.

When :func:`test_every_message_is_in_the_table` fails, there is a message without a cause and a
cure: paste what it prints into the section of ``manual/errors.toml`` that fits, fill it in, run
``make docs`` and commit both. Fields are compared by their places only: call them as the user
would. When it says that words cannot be followed, write them out where the error is made.
"""

from __future__ import annotations

import pytest

from manual.__main__ import ROOT
from manual.errors import (
    Row,
    Section,
    codes_of,
    exit_codes,
    left_over,
    load,
    missing,
    render,
)
from manual.harvest import ERROR, LINE, PARTS, USAGE, Harvest, Message, harvest


@pytest.fixture(scope="module")
def code() -> Harvest:
    return harvest()


ROWS = [row for section in load() for row in section.rows]


def as_rows(messages: list[Message]) -> str:
    return "\n".join(
        f"# connector/{message.place}\n[[section.error]]\nkind = {toml(message.kind)}\n"
        f'messages = [{toml(message.text)}]\ncause = ""\ncure = ""\n'
        for message in messages
    )


def toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def test_every_message_is_in_the_table(code: Harvest) -> None:
    unlisted = missing(load(), code)
    assert not unlisted, (
        "Paste this into manual/errors.toml, into the section of what the user was doing, say "
        f"cause and cure, and run `make docs`:\n\n{as_rows(unlisted)}"
    )


def test_every_row_is_still_in_the_code(code: Harvest) -> None:
    stale = left_over(load(), code)
    assert not stale, (
        "These messages are not in the code: remove them from manual/errors.toml, or "
        + (
            "change them to what is said now:\n"
            + "\n".join(f"{kind}: {text}" for kind, text in stale)
        )
    )


def test_page_of_errors_is_current(code: Harvest) -> None:
    docs = ROOT / "docs"
    page, codes = ((docs / name).read_text("utf-8") for name in ("errors.md", "exit-codes.md"))
    assert page == render(load(), code, codes), (
        "docs/errors.md is not what the program makes of it: run `make docs`"
    )


def test_no_message_is_listed_twice() -> None:
    keys = [key for row in ROWS for key in row.keys]
    assert [key for key in set(keys) if keys.count(key) > 1] == []


def test_a_row_says_cause_and_cure_in_sentences() -> None:
    for row in ROWS:
        for text in (row.cause, row.cure):
            assert text.strip() == text
            assert text.endswith((".", "`", ")")), text
        # The full stop of an escape is a key, and none.
        ends = [message.removesuffix("~.")[-1] for message in row.messages]
        assert "." not in ends, row.messages


def test_an_exit_code_stays_the_same_when_an_error_is_handed_on(code: Harvest) -> None:
    codes = exit_codes()
    for inner, outer in code.handed_on:
        if inner in codes and outer in codes:
            assert codes[inner] == codes[outer], f"{outer} hands on what {inner} said"


def test_a_row_of_a_kind_that_there_is_not_is_named(code: Harvest) -> None:
    row = Row(("NoError",), ("It broke",), "Because.", "Mend it.")
    with pytest.raises(ValueError, match="unknown kind NoError: It broke"):
        render([Section("All", "", [row])], code, "")


def test_kinds_are_classes_of_errors_or_the_few_others(code: Harvest) -> None:
    known = {*exit_codes(), *PARTS, USAGE, LINE}
    assert {kind for row in ROWS for kind in row.kinds} <= known
    assert {message.kind for message in code.messages} <= known - {ERROR}


def test_exit_code_page_lists_every_exit_code_of_an_error_and_no_other() -> None:
    shown = {
        int(code)
        for cell in codes_of((ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8"))
        for code in cell.split(",")
    }
    no_error = {0, 1, 2, 129, 130, 131, 143}
    assert shown - no_error == set(exit_codes().values())
    assert no_error <= shown
