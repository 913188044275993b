"""Fault plans as dictionaries, JSON and TOML."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import pytest

from connector.emulator.faults.data import PlanError, read_plan
from connector.emulator.faults.plans import (
    AgentCut,
    At,
    Close,
    Cut,
    Direction,
    Effect,
    FaultPlan,
    FrameFault,
    How,
    Pause,
    Restart,
    Scope,
    no_acks,
    random_cuts,
    slow_acks,
)
from manual.__main__ import ROOT

TO_CLIENT, TO_AGENT = Direction.TO_CLIENT, Direction.TO_AGENT

PLANS = [
    FaultPlan(),
    FaultPlan((FrameFault(Effect.DROP, TO_CLIENT, odds=0.5),), seed=7),
    FaultPlan((FrameFault(Effect.CORRUPT, TO_AGENT, numbers=frozenset({3, 0})),)),
    FaultPlan((FrameFault(Effect.DELAY, TO_AGENT, 0.1, seconds=2.0, span=(1.0, 5.0)),)),
    FaultPlan((FrameFault(Effect.DUPLICATE, TO_AGENT, 0.1, scope=Scope.ALL),)),
    FaultPlan((slow_acks(TO_CLIENT, 0.3), no_acks(TO_AGENT, (2.0, math.inf)))),
    FaultPlan(tuple(Cut(how, At(seconds=1.5), code=1012) for how in How)),
    FaultPlan((Pause(At(bytes=10), 1.0), Pause(At(bytes=10, direction=TO_AGENT), 0.0, True))),
    FaultPlan((Restart(At(seconds=0.0), 3.0), AgentCut(At(bytes=1)))),
    FaultPlan((Close(At(bytes=5, direction=TO_CLIENT), "Maintenance"),)),
    random_cuts(random.Random(1), 5, 100_000),
]


@pytest.mark.parametrize("plan", PLANS, ids=range(len(PLANS)))
def test_plan_survives_the_way_through_json(plan: FaultPlan) -> None:
    assert FaultPlan.from_data(json.loads(json.dumps(plan.to_data(), allow_nan=False))) == plan


AT = {"at": {"seconds": 1}}
DROP = {"fault": "frames", "effect": "drop", "direction": "to-agent"}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "the plan is not a table"),
        ({"seeds": 1}, "the plan has the key 'seeds', which is not one of: seed, faults"),
        ({"seed": "x"}, "seed is not a whole number of 0 or more"),
        ({"seed": True}, "seed is not a whole number of 0 or more"),
        ({"faults": {}}, "faults is not a list"),
        ({"faults": [1]}, "faults[0] is not a table"),
        ({"faults": [DROP, {}]}, "faults[1].fault is missing"),
        (
            {"faults": [{"fault": "cuts"}]},
            "faults[0].fault is 'cuts', not one of: frames, cut, pause, restart, agent-cut, close",
        ),
        (
            {"faults": [{**DROP, "effect": "lose"}]},
            "faults[0].effect is not one of: drop, duplicate, reorder, delay, corrupt",
        ),
        ({"faults": [{**DROP, "odds": 1.5}]}, "faults[0].odds is not a number from 0 to 1"),
        ({"faults": [{**DROP, "odds": math.nan}]}, "faults[0].odds is not a number from 0 to 1"),
        ({"faults": [{**DROP, "end": -1}]}, "faults[0].end is not a number of 0 or more"),
        ({"faults": [{**DROP, "numbers": 3}]}, "faults[0].numbers is not a list"),
        (
            {"faults": [{**DROP, "numbers": [0, -1]}]},
            "faults[0].numbers[1] is not a whole number of 0 or more",
        ),
        ({"faults": [{"fault": "cut", **AT}]}, "faults[0].how is missing"),
        (
            {"faults": [{"fault": "cut", "how": "fin", **AT, "code": 99}]},
            "faults[0].code is not a whole number from 1000 to 4999",
        ),
        (
            {"faults": [{"fault": "agent-cut", "at": {}}]},
            "faults[0].at needs either seconds or bytes",
        ),
        (
            {"faults": [{"fault": "agent-cut", "at": {"bytes": 1, "seconds": 1}}]},
            "faults[0].at needs either seconds or bytes",
        ),
        (
            {"faults": [{"fault": "pause", "seconds": 1, **AT, "text": 1}]},
            "faults[0].text is not true or false",
        ),
        ({"faults": [{"fault": "close", **AT, "output": 1}]}, "faults[0].output is not a string"),
        (
            {"faults": [{"fault": "agent-cut", **AT, "how": "fin"}]},
            "faults[0] has the key 'how', which is not one of: fault, at",
        ),
    ],
)
def test_bad_data_is_refused_with_the_place_and_the_problem(data: object, problem: str) -> None:
    with pytest.raises(PlanError, match=re.escape(problem)):
        FaultPlan.from_data(data)


@pytest.mark.parametrize("text", ["{", "seed =", "\ufeff{]"])
def test_file_that_is_neither_json_nor_toml_is_refused_in_one_line(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "plan"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=r"the file is not (JSON|TOML): [^\n]+$"):
        read_plan(path)
    path.write_bytes(b"\xff")
    with pytest.raises(PlanError, match="the file is not UTF-8"):
        read_plan(path)


def test_plan_is_read_from_json_and_toml(tmp_path: Path) -> None:
    data: dict[str, Any] = {"faults": [{"fault": "cut", "how": "reset", "at": {"bytes": 5}}]}
    plan = FaultPlan((Cut(How.RESET, At(bytes=5)),))
    as_json, as_toml = tmp_path / "plan.json", tmp_path / "plan.toml"
    as_json.write_text(json.dumps(data))
    as_toml.write_text('[[faults]]\nfault = "cut"\nhow = "reset"\nat = { bytes = 5 }\n')
    assert read_plan(as_json) == read_plan(as_toml) == plan


def test_plan_of_the_documentation_is_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "emulator-for-tests.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "plan.toml"
    path.write_text(block)
    assert [type(fault) for fault in read_plan(path).faults] == [FrameFault, Cut, Pause]
