"""Tasks that ECS does not describe in time."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from connector.aws.api import CallFailed
from connector.aws.cloud import Cloud
from connector.targets.ecs.tasks import Tasks
from connector.targets.model import Query
from connector.targets.regional.backend import Found


class Slow:
    """A cloud whose ECS lists tasks, and describes none before ``over`` is set."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def api(self, service: object, region: str) -> Slow:
        return self

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        if operation == "list_tasks":
            return {"taskArns": ["arn:aws:ecs:r:1:task/prod/a"]}
        self.over.wait()
        return {"tasks": []}


def test_container_whose_tasks_are_described_too_late_has_failed() -> None:
    slow = Slow()
    tasks = Tasks(cast(Cloud, slow), "us-west-2", time.monotonic() + 0.5)
    try:
        with pytest.raises(CallFailed, match="in time"):
            tasks.look(Found("prod/web/app"), Query())
    finally:
        slow.over.set()
