"""``connector doctor`` and ECS tasks."""

from __future__ import annotations

import json
from pathlib import Path

from ..copy.images import image
from .ecs import Containers


def legs(ecs: Containers, *words: str) -> dict[str, tuple[str, str]]:
    """Return the status and the text of each check."""
    report = json.loads(ecs.run("doctor", *words, "--json").stdout)
    return {
        leg["name"]: (leg["status"], f"{leg['text']} {leg.get('hint') or ''}")
        for leg in report["legs"]
    }


def test_doctor_finds_exec_that_is_off(ecs: Containers) -> None:
    ecs.emulator.set_state("EXEC_OFF")
    status, text = legs(ecs, "demo.ecs")["target"]
    assert status == "fail"
    assert "EXEC_OFF" in text
    assert "aws ecs update-service" in text


def test_doctor_finds_a_missing_permission(ecs: Containers) -> None:
    ecs.emulator.deny("ecs:ExecuteCommand")
    found = legs(ecs, "demo.ecs")
    assert found["target"][0] == "ok"
    status, text = found["session"]
    assert (status, "not authorized to perform: ecs:ExecuteCommand" in text) == ("fail", True)


def test_doctor_runs_a_command_and_needs_no_ssh(ecs: Containers) -> None:
    ecs.emulator.deny("ssm:StartSession")
    found = legs(ecs, "demo.ecs")
    assert {status for status, _ in found.values()} <= {"ok", "warn", "skip"}
    assert found["greeting"][1].startswith("A command ran (dial ")
    assert "ssh-config" not in found


def test_doctor_finds_an_image_without_sh(ecs: Containers, tmp_path: Path) -> None:
    ecs.add(path=image(tmp_path / "image", ["true"]))
    status, text = legs(ecs, "app.ecs")["greeting"]
    assert (status, 'exec: "sh": executable file not found' in text) == ("fail", True)
