"""``connector doctor`` and ECS tasks."""

from __future__ import annotations

from pathlib import Path

from ..copy.images import image
from .ecs import Containers


def test_doctor_finds_exec_that_is_off(ecs: Containers) -> None:
    ecs.emulator.set_state("EXEC_OFF")
    said = ecs.examine("demo.ecs").failure(75, "target")
    assert "EXEC_OFF" in said
    assert "aws ecs update-service" in said


def test_doctor_finds_a_missing_permission(ecs: Containers) -> None:
    ecs.emulator.deny("ecs:ExecuteCommand")
    said = ecs.examine("demo.ecs").failure(77, "session")
    assert "not authorized to perform: ecs:ExecuteCommand" in said


def test_doctor_runs_a_command_and_needs_no_ssh(ecs: Containers) -> None:
    ecs.emulator.deny("ssm:StartSession")
    found = ecs.examine("demo.ecs")
    assert found.exit_code == 0
    assert found.text("greeting").startswith("A command ran (dial ")
    assert "ssh-config" not in found.legs


def test_doctor_finds_an_image_without_sh(ecs: Containers, tmp_path: Path) -> None:
    ecs.add(path=image(tmp_path / "image", ["true"]))
    said = ecs.examine("app.ecs").failure(69, "greeting")
    assert 'exec: "sh": executable file not found' in said
