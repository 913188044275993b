"""The emulated APIs, a room for each service.

``rest.py`` serves the operations of all rooms at one port, in the protocols of ``protocols/``. A
service that has targets of its own brings them as a *world* (see ``world.py``, and ``room.py``
for services whose requests are signed).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from .world import PlannedTarget, Services, World

#: The module and the class of each kind's world. The first kind is the default.
WORLDS = {
    "codecatalyst": ("codecatalyst.world", "CodeCatalystWorld"),
    "codebuild": ("codebuild.world", "CodeBuildWorld"),
    "ec2": ("ec2.world", "Ec2World"),
    "ecs": ("ecs.world", "EcsWorld"),
    "sagemaker": ("sagemaker.world", "SageMakerWorld"),
    "ssm": ("ssm.world", "SsmWorld"),
}


def make_world(kind: str, services: Services, targets: Sequence[PlannedTarget]) -> World:
    """Return the world of one kind of target.

    :param kind: a key of :data:`WORLDS`.
    """
    module, name = WORLDS[kind]
    return cast("World", getattr(import_module(f".{module}", __name__), name)(services, targets))
