"""Build hook: put the SBOM into the wheel, if `make dist` has made it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: Made by `make dist`; an install from the source folder has none.
SBOM = "build/devenv-connector.cdx.json"


class SbomHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if Path(self.root, SBOM).is_file():
            build_data["sbom_files"].append(SBOM)
