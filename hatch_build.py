"""Puts the built portal into the wheel, where there is one (`make wheel` builds it first; the image has it beside)."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = Path("web") / ".output" / "public"


class PortalHook(BuildHookInterface[Any]):
    """The hook that pyproject.toml names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the portal to a wheel that is not an editable one."""
        built = Path(self.root) / BUILT
        if version == "standard" and (built / "index.html").is_file():
            build_data["force_include"][str(built)] = "dossier/_portal"
