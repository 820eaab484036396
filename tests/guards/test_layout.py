"""A name says where one is: no two modules and no two public classes share one (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.guards.external_names import OURS, ROOT

# What Django finds by name, and what there is one of for each screen, ERP or channel.
MAY_REPEAT = {
    "__init__",
    "apps",
    "models",
    "tasks",
    "urls",
    "forms",
    "views",
    "source",
    "work",
    "links",
    "channel",
}
MOST_MODULES = 20  # in a folder
MOST_LINES = 400
LONGER: dict[str, str] = {}  # path of a file with more lines: why it is one thing


def modules(*packages: str) -> Iterator[Path]:
    """The modules of packages, without migrations and commands: Django finds these by the names of their files."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"migrations", "management"} & set(path.relative_to(ROOT).parts):
                yield path


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_two_modules_share_a_name() -> None:
    paths = defaultdict(list)
    for path in modules(*OURS):
        paths[path.stem].append(relative(path))
    shared = {name: found for name, found in paths.items() if len(found) > 1 and name not in MAY_REPEAT}
    assert not shared


def test_no_two_public_classes_share_a_name() -> None:
    classes = defaultdict(list)
    for path in modules(*OURS):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].append(relative(path))
    assert not {name: found for name, found in classes.items() if len(found) > 1}


def test_no_folder_and_no_file_grows_without_a_question() -> None:
    counts: dict[str, int] = defaultdict(int)
    long = {}
    for path in modules(*OURS, "simulator"):
        counts[relative(path.parent)] += 1
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES:
            long[relative(path)] = lines
    assert not {folder: count for folder, count in counts.items() if count > MOST_MODULES}
    assert long.keys() == LONGER.keys(), f"split it, or say in LONGER why it is one thing: {long}"


def test_fixtures_live_in_conftest() -> None:
    # The answers of the matrix are parametrised by its own table; the plugin needs its fixture in every test.
    elsewhere = {"tests/board/test_access_matrix.py", "tests/strict_templates.py"}
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name != "conftest.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                decorators = getattr(node, "decorator_list", [])
                if any(ast.unparse(decorator).startswith("pytest.fixture") for decorator in decorators):
                    found.add(relative(path))
    assert found == elsewhere
