"""The earlier revision whose processes run on the schema of this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.guards.full_scenario import FullScenario

OLD_REVISION = "ff77652"


@dataclass
class OldRevision:
    """The old code with the story that the new code has saved."""

    story: FullScenario
    code: Path
    env: dict[str, str]
    folder: Path
