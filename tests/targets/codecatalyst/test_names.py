"""Friendly names: what they mean, what is ambiguous, and the shortest of each."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigError, TargetNotFound
from connector.targets.codecatalyst.hosts import EnvironmentName as Env
from connector.targets.codecatalyst.names import SUFFIX, Names, is_plain
from connector.targets.names import bare


def uuid(start: str, end: str = "0") -> str:
    return f"{start}-0000-4000-8000-{end:0>12}"


#: Names with all that may be in them; the aliases of two are alike, as are the ids of two.
API = Env("ExampleCorp", "Shop", uuid("11111111"), "api")
WEB = Env("ExampleCorp", "web.site-1", uuid("22222222"), "Web.Front")
OLD = Env("ExampleCorp", "web.site-1", uuid("33333333"), "old")
OLD_TOO = Env("ExampleCorp", "Shop", uuid("44444444"), "old")
OLD_THERE = Env("Other.Space", "Shop", uuid("55555555"), "old")
NAMELESS = Env("Other.Space", "Shop", uuid("66666666", "1"), "")
TWIN = Env("Other.Space", "Shop", uuid("66666666", "2"), "")
ALL = Names([API, WEB, OLD, OLD_TOO, OLD_THERE, NAMELESS, TWIN])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api", API),
        ("API", API),
        ("api.codecatalyst", API),
        ("api.CodeCatalyst", API),
        ("api.Shop", API),
        ("api.shop", API),
        ("api.Shop.ExampleCorp", API),
        ("api.Shop.ExampleCorp.codecatalyst", API),
        ("API.SHOP.EXAMPLECORP.CODECATALYST", API),
        ("Web.Front", WEB),
        ("web.front.codecatalyst", WEB),
        ("Web.Front.web.site-1", WEB),
        ("web.front.web.site-1.examplecorp.codecatalyst", WEB),
        ("old.web.site-1", OLD),
        ("old.Shop.ExampleCorp", OLD_TOO),
        ("old.shop.other.space", OLD_THERE),
        (API.id, API),
        (API.id.upper(), API),
        (f"{API.id}.codecatalyst", API),
        ("11111111", API),
        ("11111111-0000.codecatalyst", API),
        (NAMELESS.id, NAMELESS),
        (TWIN.id, TWIN),
    ],
)
def test_name_means_one_environment(name: str, expected: Env) -> None:
    assert ALL.one(name) == expected


@pytest.mark.parametrize(
    ("space", "project", "expected"),
    [
        ("ExampleCorp", "web.site-1", OLD),
        (None, "web.site-1", OLD),
        (None, "WEB.SITE-1", OLD),
        ("ExampleCorp", "Shop", OLD_TOO),
        ("other.space", None, OLD_THERE),
    ],
)
def test_space_and_project_narrow_the_look_up(
    space: str | None, project: str | None, expected: Env
) -> None:
    assert ALL.one("old", space, project) == expected


@pytest.mark.parametrize(
    "name", ["1111111", "11111111x", "front", "Shop", "codecatalyst", ".codecatalyst", "", "api."]
)
def test_unknown_name_is_not_found(name: str) -> None:
    assert ALL.find(name) == []
    with pytest.raises(TargetNotFound, match="There is no Dev Environment"):
        ALL.one(name)


def test_ambiguous_name_is_refused_with_names_that_work() -> None:
    with pytest.raises(ConfigError) as caught:
        ALL.one("old")
    assert str(caught.value) == (
        "3 Dev Environments can be meant by 'old'. Give old.Shop.ExampleCorp.codecatalyst, "
        "old.Shop.Other.Space.codecatalyst or old.web.site-1.codecatalyst"
    )
    with pytest.raises(ConfigError, match="2 Dev Environments"):
        ALL.one("66666666")


def test_ambiguous_name_shows_ten_candidates() -> None:
    many = Names([Env("Space", f"project{n}", uuid(f"{n:08}"), "old") for n in range(30)])
    with pytest.raises(ConfigError) as caught:
        many.one("old")
    message = str(caught.value)
    assert message.count(SUFFIX) == 10
    assert message.endswith("or one of 20 more")


def test_unknown_name_suggests_similar_names() -> None:
    with pytest.raises(TargetNotFound) as caught:
        ALL.one("wen.front")
    assert str(caught.value) == (
        "There is no Dev Environment 'wen.front'. "
        "Did you mean Web.Front.codecatalyst? See `connector list`"
    )
    with pytest.raises(TargetNotFound) as caught:
        ALL.one("nothing-like-it")
    assert "Did you mean" not in str(caught.value)


def test_unknown_name_reports_space_and_project() -> None:
    with pytest.raises(TargetNotFound) as caught:
        ALL.one("api", "Other.Space", "Shop")
    assert "'api' in the project 'Shop' in the space 'Other.Space'" in str(caught.value)


def test_same_spelling_is_preferred_to_another_case() -> None:
    lower, upper = Env("One", "abc", uuid("aaaaaaaa"), "my"), Env("One", "abc", uuid("b" * 8), "MY")
    names = Names([lower, upper])
    assert names.one("my") == lower
    assert names.one("MY.codecatalyst") == upper
    assert names.find("My") == [lower, upper]
    assert names.of(lower) == "my.codecatalyst"
    assert names.of(upper) == "MY.codecatalyst"


def test_id_is_preferred_to_an_equal_alias() -> None:
    honest = Env("One", "abc", uuid("aaaaaaaa"), "")
    odd = Env("One", "abc", uuid("bbbbbbbb"), honest.id)
    names = Names([odd, honest])
    assert names.one(honest.id) == names.one(f"{honest.id}.codecatalyst") == honest
    assert names.of(odd) == f"{honest.id}.abc.codecatalyst"


def test_alias_is_preferred_to_the_start_of_an_id() -> None:
    other = Env("One", "abc", uuid("cccccccc"), "11111111")
    names = Names([API, other])
    assert names.one("11111111") == other
    assert names.one("11111111-") == API


def test_overlapping_names_are_told_apart_or_refused() -> None:
    dotted = Env("d.e", "abc", uuid("aaaaaaaa"), "a.b")
    plain = Env("abc.d.e", "b", uuid("bbbbbbbb"), "a")
    suffixed = Env("xyz", "xyz", uuid("cccccccc"), "a.codecatalyst")
    names = Names([dotted, plain, suffixed])
    assert names.find("a.b") == [dotted, plain]
    assert names.find("a.b.abc.d.e") == [dotted, plain]
    assert names.find("a.codecatalyst") == [plain, suffixed]
    assert names.of(dotted) == "a.b.abc.codecatalyst"
    assert names.of(suffixed) == "a.codecatalyst.codecatalyst"
    assert names.of(plain) == "bbbbbbbb.codecatalyst"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (API, "api.codecatalyst"),
        (WEB, "Web.Front.codecatalyst"),
        (OLD, "old.web.site-1.codecatalyst"),
        (OLD_TOO, "old.Shop.ExampleCorp.codecatalyst"),
        (NAMELESS, f"{NAMELESS.id}.codecatalyst"),
        (TWIN, f"{TWIN.id}.codecatalyst"),
    ],
)
def test_shortest_name_is_unique(environment: Env, expected: str) -> None:
    assert ALL.of(environment) == expected


def test_environment_without_alias_is_named_by_eight_characters() -> None:
    assert Names([NAMELESS, API]).of(NAMELESS) == "66666666.codecatalyst"


@pytest.mark.parametrize(
    "alias",
    [
        *("my env", "-oProxyCommand=x", "a\x1b[2J", "a;b", "\u00e4", "a/b", "aws-devenv-web"),
        *("a..b", "a."),
    ],
)
def test_alias_that_is_no_host_name_is_not_offered_for_ssh(alias: str) -> None:
    odd = Env("One", "abc", uuid("aaaaaaaa"), alias)
    names = Names([odd])
    assert names.of(odd) == "aaaaaaaa.codecatalyst"
    assert names.one(alias) == odd


def test_environments_with_equal_names_are_named_by_id() -> None:
    one, two = (Env("One", "abc", uuid(start), "my") for start in ("aaaaaaaa", "bbbbbbbb"))
    assert [Names([one, two]).of(each) for each in (one, two)] == [
        "aaaaaaaa.codecatalyst",
        "bbbbbbbb.codecatalyst",
    ]


def test_environments_with_equal_ids_are_named_by_aws_name() -> None:
    here, there = (Env("One", project, uuid("aaaaaaaa"), "") for project in ("abc", "xyz"))
    assert Names([here, there]).of(here) == f"codecatalyst-dev-env=One=abc={here.id}"


def test_thousands_of_names_are_quick() -> None:
    many = Names(
        [
            Env("Space", f"p{n % 40}", uuid(f"{n:08}"), f"env{n}" if n % 9 else "")
            for n in range(2000)
        ]
    )
    before = time.process_time()
    assert len({many.of(each) for each in many.items}) == 2000
    with pytest.raises(TargetNotFound):
        many.one("x" * 1_000_000)
    assert time.process_time() - before < 5


@pytest.mark.parametrize("alias", ["", "same"])
def test_thousands_of_ids_are_quick(alias: str) -> None:
    many = Names([Env("Space", "project", uuid(f"{n:08}"), alias) for n in range(5000)])
    before = time.process_time()
    assert many.of(many.items[4999]) == "00004999.codecatalyst"
    assert len({many.of(each) for each in many.items}) == 5000
    assert many.find("0000499", "space", "PROJECT") == []
    assert many.find("00004999", "space", "PROJECT") == [many.items[4999]]
    assert time.process_time() - before < 5


def test_suffix_is_removed_once() -> None:
    assert bare("a.CodeCatalyst", SUFFIX) == "a"
    assert bare("a.codecatalyst.codecatalyst", SUFFIX) == "a.codecatalyst"


# Few letters, so that names run into each other.
words = st.from_regex(r"[aB](?:[.][aB]){0,3}", fullmatch=True) | st.sampled_from(
    ["codecatalyst", "a.codecatalyst", "abcdef01", "aaaaaaaa", "bbbbbbbb-aaaa"]
)
ids = st.builds(
    lambda start, end: uuid(start, end),
    st.sampled_from(["aaaaaaaa", "abcdef01"]),
    st.sampled_from("0123"),
)
environments = st.lists(
    st.builds(Env, words, words, ids, st.just("") | words | ids | st.text(max_size=3)),
    max_size=8,
    unique_by=lambda each: each.id,
)


@given(environments)
def test_shortest_name_finds_its_environment(found: list[Env]) -> None:
    names = Names(found)
    shortest = [names.of(each) for each in found]
    assert len(set(shortest)) == len(found)
    for environment, name in zip(found, shortest, strict=True):
        assert names.one(name) == environment
        assert is_plain(name)
        assert name.endswith(SUFFIX)


@given(environments)
def test_shortest_name_does_not_depend_on_order(found: list[Env]) -> None:
    names, reverse = Names(found), Names(reversed(found))
    assert [names.of(each) for each in found] == [reverse.of(each) for each in found]


@given(environments, words | ids, st.none() | words, st.none() | words)
def test_name_is_found_ambiguous_or_unknown(
    found: list[Env], name: str, space: str | None, project: str | None
) -> None:
    names = Names(found)
    matches = names.find(name, space, project)
    assert len(set(matches)) == len(matches)
    assert set(matches) <= set(found)
    for each in matches:
        assert space is None or each.space.lower() == space.lower()
        assert project is None or each.project.lower() == project.lower()
    if len(matches) > 1:
        with pytest.raises(ConfigError) as caught:
            names.one(name, space, project)
        for each in matches:
            assert names.of(each) in str(caught.value)
            assert names.one(names.of(each)) == each
    elif not matches:
        with pytest.raises(TargetNotFound) as error:
            names.one(name, space, project)
        assert str(error.value).isprintable()


@given(environments)
def test_full_name_never_means_another_environment(found: list[Env]) -> None:
    names = Names(found)
    for each in found:
        if each.alias:
            whole = f"{each.alias}.{each.project}.{each.space}"
            matches = names.find(whole)
            assert each in matches or matches[0].id == whole
