"""Lists of regional kinds against the emulator: Regions, pages, names, the cache, look-ups."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.errors import (
    AccessDenied,
    ConfigError,
    CredentialsError,
    ServiceError,
    TargetNotFound,
)
from connector.targets.model import Query

from . import lamp
from .works import Lampworks, write_config

BOTH = "us-west-2,eu-west-1"


def names(works: Lampworks, **options: str) -> list[str]:
    return [row.name for row in works.listing(**options).rows]


def test_list_has_all_pages_of_the_region_that_applies(lampworks: Lampworks) -> None:
    for number in range(5):
        lampworks.world.add_lamp(f"lamp{number}")
    lampworks.world.add_lamp("far", region="eu-west-1")
    listing = lampworks.listing()
    assert [row.name for row in listing.rows] == [f"lamp{number}.lamp" for number in range(5)]
    row = listing.rows[0]
    assert (row.state.status, row.alias, row.cells) == ("ON", "lamp0", ("LED",))
    assert row.fields == ("lamp0.hall", "us-west-2", "lamp-000abc00", "LED")
    assert row.document == {
        "sshName": "lamp0.lamp",
        "kind": "lamp",
        "name": "lamp0",
        "region": "us-west-2",
        "id": "lamp-000abc00",
        "state": "ON",
        "stateReason": None,
        "bulb": "LED",
    }
    assert listing.is_whole


def test_names_of_other_regions_say_their_region(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk")
    lampworks.world.add_lamp("desk", region="eu-west-1")
    found = names(lampworks, region=BOTH)
    assert found == ["desk.eu-west-1.lamp", "desk.lamp"]
    for name, region in zip(found, ("eu-west-1", "us-west-2"), strict=True):
        assert lampworks.target(name).calls.found.region == region
        assert lampworks.target(name.upper()).calls.found.region == region


def test_list_of_several_regions_has_a_column_for_them(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk")
    assert [column.heading for column in lampworks.listing(region=BOTH).columns] == ["BULB"]
    lampworks.world.add_lamp("floor", region="eu-west-1")
    listing = lampworks.listing(region=BOTH)
    assert [column.heading for column in listing.columns] == ["REGION", "BULB"]
    assert [row.cells[0] for row in listing.rows] == ["eu-west-1", "us-west-2"]


def test_region_that_denies_the_list_does_not_hide_the_others(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk")
    lampworks.refuse("ListLamps", "AccessDeniedException")
    lampworks.world.add_lamp("floor", region="eu-west-1")
    listing = lampworks.listing(region=BOTH)
    assert len(listing.rows) == 1
    (problem,) = listing.problems
    assert isinstance(problem.error, AccessDenied)
    assert problem.is_refusal
    assert listing.is_whole


def test_region_that_fails_is_told_and_tried_again_before(lampworks: Lampworks) -> None:
    lampworks.account.regions["eu-west-1"] = False
    lampworks.world.add_lamp("desk")
    lampworks.refuse("ListLamps", "ThrottlingException")
    listing = lampworks.listing(region=BOTH)
    assert [row.name for row in listing.rows] == ["desk.lamp"]
    (problem,) = listing.problems
    assert isinstance(problem.error, CredentialsError)
    assert not problem.is_refusal
    assert not listing.is_whole


def test_error_of_the_only_region_is_raised(lampworks: Lampworks) -> None:
    lampworks.refuse("ListLamps", "AccessDeniedException")
    with pytest.raises(AccessDenied, match=r"You may not list the lamps in us-west-2: The emul"):
        lampworks.listing()


def test_list_without_keys_raises_at_once(lampworks: Lampworks) -> None:
    del lampworks.environ["AWS_ACCESS_KEY_ID"]
    lampworks.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with pytest.raises(CredentialsError):
        lampworks.listing(region=BOTH)
    assert "ListLamps" not in lampworks.operations()


def test_missing_profile_is_reported_before_its_region(lampworks: Lampworks) -> None:
    del lampworks.environ["AWS_REGION"], lampworks.environ["AWS_DEFAULT_REGION"]
    with pytest.raises(ConfigError, match="There is no AWS profile nix"):
        lampworks.listing("nix")


def test_query_without_a_region_says_how_to_set_one(lampworks: Lampworks) -> None:
    del lampworks.environ["AWS_REGION"], lampworks.environ["AWS_DEFAULT_REGION"]
    with pytest.raises(ConfigError, match="No AWS Region is set"):
        lampworks.listing()
    with pytest.raises(ConfigError, match="No AWS Region is set"):
        lampworks.target("desk.lamp")
    write_config(lampworks.environ, "[default]\nregion = us-west-2\n")
    assert lampworks.listing().rows == []


def test_profile_in_a_name_applies(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk", region="eu-west-1")
    key = lampworks.account.user_key
    write_config(
        lampworks.environ,
        f"[profile Work]\nregion = eu-west-1\naws_access_key_id = {key.id}\n"
        f"aws_secret_access_key = {key.secret}\n",
    )
    del lampworks.environ["AWS_REGION"], lampworks.environ["AWS_DEFAULT_REGION"]
    target = lampworks.target("desk.hall.work.lamp")
    assert target.calls.cloud.profile == "Work"
    assert target.host_name == "lamp-000abc00.eu-west-1.Work.lamp"
    assert lampworks.target(target.host_name).key == target.key
    assert [row.name for row in lampworks.listing("Work").rows] == ["desk.Work.lamp"]
    with pytest.raises(TargetNotFound, match="of the profile Work"):
        lampworks.target("door.work.lamp")


def test_known_name_needs_no_call(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk")
    assert lampworks.target("desk.lamp").calls.is_remembered is False
    calls = lampworks.operations()
    target = lampworks.target("DESK.HALL.LAMP")
    assert target.calls.is_remembered
    assert target.words == ("lamp-000abc00.us-west-2.lamp",)
    assert lampworks.operations() == calls


def test_id_needs_no_call(lampworks: Lampworks) -> None:
    for name, region in (
        ("lamp-000abc00", "us-west-2"),
        ("lamp-000abc00.lamp", "us-west-2"),
        ("lamp-000abc00.eu-west-1.lamp", "eu-west-1"),
    ):
        target = lampworks.target(name)
        assert target.key == f"lamp {region} lamp-000abc00"
        assert target.doubter() is None
    assert lampworks.operations() == []


def test_all_regions_that_are_enabled_are_listed_and_remembered(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk", region="eu-west-1")
    lampworks.world.add_lamp("dark", region="me-south-1")
    assert names(lampworks, region="all") == ["desk.eu-west-1.lamp"]
    enabled = [name for name, is_on in lampworks.account.regions.items() if is_on]
    assert lampworks.operations().count("ListLamps") == len(enabled)
    calls = len(lampworks.operations())
    assert lampworks.target("desk.lamp", region="all").calls.found.region == "eu-west-1"
    assert len(lampworks.operations()) == calls


def test_list_of_all_regions_needs_their_names(lampworks: Lampworks) -> None:
    lampworks.account.deny("ec2:DescribeRegions")
    with pytest.raises(AccessDenied, match=r"You may not list the Regions: .*DescribeRegions"):
        lampworks.listing(region="all")


def test_id_is_looked_up_in_several_regions(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk", region="eu-west-1")
    target = lampworks.target("lamp-000abc00", region=BOTH)
    assert target.calls.found.region == "eu-west-1"


def test_unknown_name_is_looked_up_and_suggests_others(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("reading")
    with pytest.raises(TargetNotFound) as caught:
        lampworks.target("readnig.lamp")
    assert str(caught.value) == (
        "There is no lamp 'readnig' in us-west-2. Did you mean reading.lamp? "
        "See `connector list --kind lamp`"
    )


@pytest.mark.parametrize(
    ("name", "options", "command"),
    [
        ("nothing.eu-west-1.lamp", {}, "connector list --kind lamp --region eu-west-1"),
        ("nothing.work.lamp", {}, "connector list --kind lamp --profile work"),
        (
            "nothing.lamp",
            {"region": "eu-west-1", "profile": "work"},
            "connector list --kind lamp --region eu-west-1 --profile work",
        ),
    ],
)
def test_hint_of_an_unknown_name_lists_where_it_was_looked_for(
    lampworks: Lampworks, name: str, options: dict[str, str], command: str
) -> None:
    key = lampworks.account.user_key
    keys = f"aws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
    write_config(lampworks.environ, f"[profile work]\nregion = us-west-2\n{keys}")
    with pytest.raises(TargetNotFound) as caught:
        lampworks.target(name, **options)
    assert str(caught.value).endswith(f"See `{command}`")


def test_region_that_may_not_be_listed_is_named_where_nothing_is_found(
    lampworks: Lampworks,
) -> None:
    lampworks.refuse("ListLamps", "AccessDeniedException")
    with pytest.raises(TargetNotFound, match=r"You may not list those in (us-west-2|eu-west-1)$"):
        lampworks.target("desk.lamp", region=BOTH)


def test_ambiguous_name_is_refused_with_names_that_work(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk", "hall")
    lampworks.world.add_lamp("desk", "attic")
    with pytest.raises(ConfigError, match="2 lamps can be meant by 'desk'") as caught:
        lampworks.target("desk.lamp")
    assert caught.value.hint == "Give desk.attic.lamp or desk.hall.lamp"
    assert lampworks.target("desk.attic.lamp").calls.found.labels == ("desk", "attic")


def test_lamp_that_is_gone_gives_its_name_to_another(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk", state="BROKEN")
    assert lampworks.target("desk.lamp").state().status == "BROKEN"
    fresh = lampworks.world.add_lamp("desk")
    assert lampworks.target("desk.lamp").calls.found.id == fresh.id


def test_name_that_a_failed_region_may_have_is_not_decided(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk")
    lampworks.refuse("ListLamps", "InternalServerError", 500, times=3)
    with pytest.raises(ServiceError):
        lampworks.target("desk.lamp")


def test_remembered_names_are_completed(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk")
    lampworks.world.add_lamp("floor", region="eu-west-1")
    assert lamp.KIND.remembered(lampworks.environ).names == {}
    lampworks.listing(region=BOTH)
    remembered = lamp.KIND.remembered(lampworks.environ)
    assert remembered.names == {"desk.lamp": "us-west-2", "floor.eu-west-1.lamp": "eu-west-1"}
    assert remembered.values == {"region": {"us-west-2", "eu-west-1"}}


def test_names_that_a_shell_could_misread_are_not_completed(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk").aliases = ["$(id)"]
    lampworks.listing()
    path = Path(lampworks.environ["XDG_CACHE_HOME"], "devenv-connector", "names-lamp.json")
    text = path.read_text()
    path.write_text(text.replace('"desk"', '"$(id)"').replace("lamp-000abc00", "$(id)"))
    assert lamp.KIND.remembered(lampworks.environ).names == {}
    path.write_text(text.replace("us-west-2", "$(id)"))
    assert lamp.KIND.remembered(lampworks.environ) == ({}, {"region": set()})


@pytest.mark.parametrize("text", ["5", "{", '{"x": {"time": 1, "names": [[1]]}}'])
def test_damaged_memory_counts_as_missing(lampworks: Lampworks, text: str) -> None:
    lampworks.world.add_lamp("desk")
    lampworks.listing()
    path = Path(lampworks.environ["XDG_CACHE_HOME"], "devenv-connector", "names-lamp.json")
    path.write_text(text)
    assert lampworks.target("desk.lamp").calls.is_remembered is False


def test_broken_configuration_of_aws_leaves_remembered_names(lampworks: Lampworks) -> None:
    lampworks.world.add_lamp("desk")
    lampworks.listing()
    write_config(lampworks.environ, "[profile")
    assert set(lamp.KIND.remembered(lampworks.environ).names) == {"desk.lamp"}


def test_account_is_that_of_the_keys(lampworks: Lampworks) -> None:
    seen: list[str] = []
    account = lamp.KIND.identify(Query(), lampworks.environ, lambda: seen.append("asks"))
    assert seen == ["asks"]
    assert account.document["arn"] == "arn:aws:iam::111122223333:user/mary"
    assert account.lines[0] == ("account", "111122223333")
    assert account.credentials == "keys"
    assert (account.origin, account.document["profile"]) == ("AWS_ACCESS_KEY_ID", None)


def test_account_needs_no_region(lampworks: Lampworks) -> None:
    del lampworks.environ["AWS_REGION"], lampworks.environ["AWS_DEFAULT_REGION"]
    key = lampworks.account.user_key
    write_config(
        lampworks.environ,
        f"[profile work]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n",
    )
    account = lamp.KIND.identify(Query(profile="work"), lampworks.environ, lambda: None)
    assert account.document["account"] == "111122223333"
    assert (account.origin, account.document["profile"]) == ("the profile work", "work")


def test_profile_that_does_not_exist_is_a_problem(lampworks: Lampworks) -> None:
    assert lamp.KIND.profile_problem(Query(), lampworks.environ) is None
    problem = lamp.KIND.profile_problem(Query(profile="un known"), lampworks.environ)
    assert problem is not None
    assert "The profile un known does not exist" in str(problem)
    assert "`aws configure --profile 'un known'`" in str(problem)
