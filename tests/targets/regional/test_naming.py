"""Names of regional targets: their parts, what they mean, and which one a list prints."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigError, TargetNotFound
from connector.targets import registry
from connector.targets.model import Query
from connector.targets.regional.backend import Found
from connector.targets.regional.naming import Names, means
from connector.targets.regional.place import Place, is_region, read_place, region_words

from . import lamp

PROFILES = ("default", "work", "Home", "eu-west-1")
BACKEND = lamp.LampBackend()
DOTTED = Found("lamp-0a", ("desk.",), "us-east-1")


def place(name: str, profile: str | None = None) -> Place:
    return read_place(BACKEND, Query(name, profile=profile), lambda: PROFILES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("desk", ("desk", "", None)),
        ("Desk.LAMP", ("Desk", "", None)),
        ("desk.hall.lamp", ("desk.hall", "", None)),
        ("desk.us-west-2.lamp", ("desk", "us-west-2", None)),
        ("desk.US-West-2.lamp", ("desk", "us-west-2", None)),
        ("desk.hall.us-gov-west-1.work.lamp", ("desk.hall", "us-gov-west-1", "work")),
        ("desk.HOME.lamp", ("desk", "", "Home")),
        ("desk.work.us-west-2.lamp", ("desk.work", "us-west-2", None)),
        ("work.lamp", ("work", "", None)),
        ("us-west-2.lamp", ("us-west-2", "", None)),
        ("us-west-2.work.lamp", ("us-west-2", "", "work")),
        ("desk.eu-west-1.lamp", ("desk", "eu-west-1", None)),
        ("desk.my-app-1.lamp", ("desk.my-app-1", "", None)),
    ],
)
def test_profile_and_region_are_taken_off_a_name(
    name: str, expected: tuple[str, str, str | None]
) -> None:
    assert place(name)[:3] == expected
    assert place(name).found is None


@pytest.mark.parametrize("name", [".lamp", "desk..lamp", "a..b.lamp", "desk.us-west-2..lamp"])
def test_name_with_an_empty_part_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a dot at an end, or two in a row"):
        place(name)
    assert Names(BACKEND, [DOTTED], ("us-east-1",)).of(DOTTED) == "lamp-0a.lamp"


@pytest.mark.parametrize(
    ("name", "profile", "expected"),
    [
        ("desk.work.lamp", "work", ("desk", "", "work")),
        ("desk.WORK.lamp", "work", ("desk", "", "work")),
        ("desk.work.lamp", "home", ("desk.work", "", None)),
    ],
)
def test_other_profile_than_the_given_one_is_a_part_of_the_name(
    name: str, profile: str, expected: tuple[str, str, str | None]
) -> None:
    assert place(name, profile)[:3] == expected


@pytest.mark.parametrize(
    ("name", "region", "profile"),
    [
        ("lamp-0a", "", None),
        ("lamp-0a.lamp", "", None),
        ("lamp-0a.eu-central-1.lamp", "eu-central-1", None),
        ("lamp-0a.eu-central-1.work.lamp", "eu-central-1", "work"),
        ("lamp-0a.work.lamp", "", "work"),
    ],
)
def test_id_needs_no_look_up(name: str, region: str, profile: str | None) -> None:
    found = place(name)
    assert found.found == Found("lamp-0a")
    assert (found.region, found.profile) == (region, profile)


@pytest.mark.parametrize(
    "region",
    [
        *("us-east-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"),
        *("ap-southeast-5", "mx-central-1", "cn-northwest-1", "eusc-de-east-1", "ca-west-1"),
    ],
)
def test_regions_of_all_partitions_are_known(region: str) -> None:
    assert is_region(region)


@pytest.mark.parametrize("text", ["", "us", "us-1", "east-1", "us-east", "us-east-", "my-app-1"])
def test_other_words_are_no_regions(text: str) -> None:
    assert not is_region(text)


def test_regions_of_an_option_are_read_with_blanks_and_once() -> None:
    assert region_words(" us-east-1, EU-west-1,,us-east-1") == ("us-east-1", "eu-west-1")
    assert region_words(None) == region_words(" , ") == ()


def test_name_still_means_a_target_by_each_of_its_names() -> None:
    found = Found("lamp-0123456789", ("Desk", "hall"), "us-east-1", ("10.0.0.1",))
    for name in ("desk", "DESK.HALL", "10.0.0.1", "lamp-0123456789", "lamp-0123"):
        assert means(name, found)
    for name in ("des", "hall", "10.0.0.12", "lamp-01"):
        assert not means(name, found)


def test_id_of_eight_characters_or_more_is_enough() -> None:
    desk, floor = Found("0123456789", region="a"), Found("0123499999", region="a")
    names = Names(BACKEND, [desk, floor], ("a",))
    assert names.find("01234567", ("a",)) == [desk]
    assert names.find("0123456", ("a",)) == []
    assert names.find("0123456789.", ("a",)) == []


def test_name_is_looked_for_in_the_given_regions_only() -> None:
    here, there = Found("0a", ("desk",), "us-east-1"), Found("0b", ("desk",), "eu-west-1")
    names = Names(BACKEND, [here, there], ("us-east-1",))
    assert names.find("desk", ("us-east-1",)) == [here]
    assert names.find("desk", ("eu-west-1",)) == [there]
    assert names.find("desk", ("all",)) == [here, there]
    with pytest.raises(TargetNotFound, match="There is no lamp 'desk' in us-west-2"):
        names.one(Place("desk"), ("us-west-2",))
    with pytest.raises(ConfigError) as caught:
        names.one(Place("desk"), ("all",))
    assert caught.value.hint == "Give desk.eu-west-1.lamp or desk.lamp"


def test_labels_that_are_no_host_names_are_shown_by_id() -> None:
    odd = Found("lamp-0a", ("my lamp",), "us-east-1")
    names = Names(BACKEND, [odd], ("us-east-1",))
    assert names.of(odd) == "lamp-0a.lamp"
    assert names.find("my lamp", ("us-east-1",)) == [odd]


def test_name_of_another_kind_is_shown_by_id() -> None:
    taken = Found("lamp-0a", ("codecatalyst-dev-env=a", "hall"), "us-east-1")
    assert Names(BACKEND, [taken], ("us-east-1",)).of(taken) == "lamp-0a.lamp"


# Few letters, and words with a meaning of their own, so that names run into each other.
labels = st.sampled_from(
    [
        *("a", "A", "b", "a.b", "work", "HOME", "default", "us-east-1", "EU-WEST-1", "lamp"),
        *("a.lamp", "lamp-0a", "lamp-0B", "b.us-east-1", "a b", "-x", "\u00e4", "01234567", "."),
    ]
)
regions = st.sampled_from(["us-east-1", "eu-west-1", "eu-central-1"])
targets = st.lists(
    st.builds(
        lambda *parts: Found(*parts),
        st.sampled_from([f"lamp-{number:02x}" for number in range(12)] + ["0123456789"]),
        st.lists(labels, max_size=3).map(tuple),
        regions,
        st.lists(labels, max_size=2).map(tuple),
    ),
    max_size=8,
    unique_by=lambda found: (found.id, found.region),
)
homes: st.SearchStrategy[Sequence[str]] = st.sampled_from(
    [("us-east-1",), ("us-east-1", "eu-west-1"), ()]
)


def resolve(items: Collection[Found], name: str, home: Sequence[str]) -> list[Found]:
    """Return what a command without options makes of a name, as the finder does."""
    row = next((row for row in [*registry.KINDS, lamp.ROW] if row.recognises(name)), lamp.ROW)
    assert row == lamp.ROW
    read = place(name)
    if read.found:
        wanted = [read.region] if read.region else list(home)
        return [each for each in items if each.id == read.found.id and each.region in wanted]
    where = (read.region,) if read.region else home
    return Names(BACKEND, items, home, None, PROFILES).find(read.name, where)


@given(targets, homes)
def test_printed_name_finds_its_target_and_no_other_in_any_case(
    found: list[Found], home: Sequence[str]
) -> None:
    names = Names(BACKEND, found, home, None, PROFILES)
    for each in found:
        name = names.of(each)
        assert name.endswith(".lamp")
        for typed in (name, name.upper()[:-5] + ".lamp", name.lower()):
            if each.id.startswith("lamp-") and typed != name and "-" in typed[:5]:
                continue  # ids have small letters
            assert resolve(found, typed, home) == [each], typed


@given(targets, homes)
def test_printed_name_tells_the_profile_that_was_given(
    found: list[Found], home: Sequence[str]
) -> None:
    names = Names(BACKEND, found, home, "work", PROFILES)
    for each in found:
        read = place(names.of(each))
        assert read.profile == "work"


@given(targets, homes, labels, regions)
def test_name_is_found_ambiguous_or_unknown(
    found: list[Found], home: Sequence[str], name: str, region: str
) -> None:
    names = Names(BACKEND, found, home, None, PROFILES)
    matches = names.find(name, (region,))
    assert all(each.region == region for each in matches)
    if len(matches) == 1:
        assert names.one(Place(name), (region,)) == matches[0]
        return
    with pytest.raises(ConfigError if matches else TargetNotFound) as caught:
        names.one(Place(name), (region,))
    assert str(caught.value).isprintable()
    for each in matches:
        assert names.of(each) in str(caught.value)
