"""Pages of lists, and the times in them."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone

import pytest

from connector.aws.api import CallFailed
from connector.aws.responses import Wrong, page_of, text
from connector.targets.pages import epoch_time, items_of

NOON = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize("value", [NOON, NOON.timestamp(), "2026-11-30T12:00:00Z"])
def test_time_is_read_in_each_form(value: object) -> None:
    assert epoch_time(value) == NOON.timestamp()


@pytest.mark.parametrize("value", [None, "", "noon", [], 10**400, datetime(1, 1, 1)])
def test_what_is_no_time_counts_as_none(value: object) -> None:
    assert epoch_time(value) == 0.0


@pytest.mark.parametrize("token", ["NextToken", "nextToken"])
def test_page_with_a_malformed_token_is_not_the_last_one(token: str) -> None:
    shape = page_of("Lamps", text)
    assert shape({"Lamps": ["desk"], token: None}) == {"Lamps": ["desk"]}
    with pytest.raises(Wrong):
        shape({"Lamps": ["desk"], token: 7})


def test_endless_list_is_given_up() -> None:
    asked: list[dict[str, str]] = []

    def ask(**more: str) -> dict[str, object]:
        asked.append(more)
        return {"items": ["lamp"], "nextToken": str(len(asked))}

    items = items_of(ask, "items", "lamps")
    assert list(itertools.islice(items, 200)) == ["lamp"] * 200
    with pytest.raises(CallFailed) as caught:
        next(items)
    assert str(caught.value.error) == "The list of lamps does not end"
    assert asked == [{}, *({"nextToken": str(number)} for number in range(1, 200))]
