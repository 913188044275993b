"""Names of ECS containers that need no look-up."""

from __future__ import annotations

import pytest

from connector.targets.ecs.kind import KIND, is_task_id
from connector.targets.regional.backend import Found

ID = "0123456789abcdef" * 2
RUNTIME = f"{ID}-1527056392"
ECS = KIND.backend


@pytest.mark.parametrize(
    ("name", "id", "region"),
    [
        (ID, f"/{ID}/", ""),
        (f"app.{ID}", f"/{ID}/app", ""),
        ("app..web..prod", "prod/web/app", ""),
        (f"app..{ID}..prod", f"prod/{ID}/app", ""),
        (f"arn:aws:ecs:eu-west-1:111122223333:task/prod/{ID}", f"prod/{ID}/", "eu-west-1"),
        (f"arn:aws-cn:ecs:cn-north-1:111122223333:task/{ID}", f"/{ID}/", "cn-north-1"),
        (f"ecs:prod_{ID}_{RUNTIME}", f"prod/{ID}/", ""),
        (f"ecs:my_prod_2_{ID}_{RUNTIME}", f"my_prod_2/{ID}/", ""),
    ],
)
def test_exact_names_need_no_look_up(name: str, id: str, region: str) -> None:
    found = ECS.exact(name)
    assert found is not None
    assert (found.id, found.region) == (id, region)


def test_other_names_are_left_to_a_look_up() -> None:
    names = [
        *("", ".", "..", "....", "app", "app.web", "app.web.prod", "app..web", "app..web.prod"),
        *("app..web..prod.us-west-2", f"app.web.{ID}", f"{ID}.us-west-2", ID[:-1], f"{ID}0"),
        *("arn:aws:ecs:r:1:service/prod/web", "arn:aws:ecs:r:1:task/prod/web", "arn:aws:ecs:::"),
        *(f"arn:aws:ecs:r:1:task/a/b/{ID}", f"arn:aws:ecs:r:1:task/prod/{ID}.us-west-2"),
        *(f"arn:aws:ecs:r:1:container/prod/{ID}", "arn:aws:ecs:r:1:task/"),
        *("ecs:", "ecs:prod", f"ecs:{ID}", f"ecs:prod_{ID}", "ecs:prod_task_runtime"),
    ]
    assert [name for name in names if ECS.exact(name) is not None] == []


@pytest.mark.parametrize("id", ["prod/web/app", f"prod/{ID}/app", "a-b_c/d_e-f/g-h_1"])
def test_name_for_ssh_is_read_back(id: str) -> None:
    name = ECS.host_name(Found(id))
    read = ECS.exact(name)
    assert read is not None
    assert read.id == id
    assert not set("/:") & set(name)


def test_target_of_sessions_needs_the_task() -> None:
    found = Found("my_prod/web/app", details={"task": ID, "runtime": RUNTIME})
    assert ECS.session_target(found) == f"ecs:my_prod_{ID}_{RUNTIME}"
    assert ECS.session_target(Found("prod/web/app")) == ""


@pytest.mark.parametrize(
    "name", ["{}", "app.{}", "arn:aws:ecs:us-west-2:1:task/prod/{}", "ecs:prod_{}_x"]
)
def test_id_of_a_task_may_be_in_upper_case(name: str) -> None:
    found = ECS.exact(name.format(ID.upper()))
    assert found is not None
    assert found.id.split("/")[1] == ID


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "g" * 32, f"{'0' * 31}."])
def test_id_of_a_task_has_32_hexadecimal_digits(text: str) -> None:
    assert is_task_id(ID.upper())
    assert not is_task_id(text)
