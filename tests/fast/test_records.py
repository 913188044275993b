"""Our ``NamedTuple`` behaves as the one of typing, as far as the connector uses it."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Any

import pytest

from connector.fast import records


class Ours(records.NamedTuple):
    """A text."""

    name: str
    size: int = 7
    tags: tuple[str, ...] = ()

    @property
    def shout(self) -> str:
        return self.name.upper()


class Theirs(typing.NamedTuple):
    """A text."""

    name: str
    size: int = 7
    tags: tuple[str, ...] = ()

    @property
    def shout(self) -> str:
        return self.name.upper()


class Secretive(records.NamedTuple):
    token: str

    def __repr__(self) -> str:
        return "Secretive()"


@pytest.fixture(params=[Ours, Theirs])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_it_is_made_by_place_by_name_and_by_default(kind: Any) -> None:
    made = [
        kind("a", 7, ()),
        kind("a"),
        kind(name="a"),
        kind("a", tags=()),
        kind(tags=(), size=7, name="a"),
        kind("b")._replace(name="a"),
    ]

    assert set(made) == {("a", 7, ())}
    assert {type(each) for each in made} == {kind}


def test_its_fields_have_names_and_its_class_has_more(kind: Any) -> None:
    one = kind("a", 1)

    assert (one.name, one.size, one.tags, one.shout) == ("a", 1, (), "A")
    name, size, _ = one
    assert (name, size) == ("a", 1)
    assert kind._fields == ("name", "size", "tags")
    assert kind.__doc__ == "A text."
    assert repr(one) == f"{kind.__name__}(name='a', size=1, tags=())"


def test_it_stays_as_it_is(kind: Any) -> None:
    one = kind("a")

    with pytest.raises(AttributeError):
        one.name = "b"
    with pytest.raises(AttributeError):
        one.other = "b"


def test_copies_are_equal(kind: Any) -> None:
    one = kind("a", 1, ("b",))

    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one
        assert type(other) is kind


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        ((), {"size": 1}),
        (("a",), {"name": "b"}),
        (("a",), {"colour": "red"}),
        (("a", 1, (), "more"), {}),
    ],
)
def test_what_does_not_fit_is_refused(
    kind: Any, values: tuple[object, ...], named: dict[str, object]
) -> None:
    with pytest.raises(TypeError):
        kind(*values, **named)


def test_an_unknown_field_is_not_replaced(kind: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        kind("a")._replace(colour="red")


def test_what_hides_its_values_goes_on_doing_so() -> None:
    secretive = Secretive("secret")._replace(token="other")

    assert f"{secretive} {secretive!r} {[secretive]}" == "Secretive() Secretive() [Secretive()]"
