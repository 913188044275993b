"""The two ends of copies by tar, once with each kind of image."""

from __future__ import annotations

from pathlib import Path

import pytest

from .images import BUSYBOX, busybox_image, image
from .tarcopies import Ends

IMAGES = [
    "slim",
    pytest.param(
        "busybox", marks=pytest.mark.skipif(not BUSYBOX, reason="this machine has no busybox")
    ),
]


@pytest.fixture(params=IMAGES)
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Ends:
    make = busybox_image if request.param == "busybox" else image
    return Ends(tmp_path, make(tmp_path / "programs"))
