"""Reads YAML into plain lists, mappings and texts, with the line of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

NodePath = tuple[str | int, ...]
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same loader in C, where the wheel brings it
_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class FileProblem:
    """One problem of a group file and its line (the first is 1)."""

    line: int
    words: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.words}"


class InvalidGroupFile(Exception):
    """A group file has problems; all of them are listed, and nothing was changed."""

    def __init__(self, problems: list[FileProblem]) -> None:
        super().__init__("\n".join(map(str, sorted(set(problems)))))
        self.problems = sorted(set(problems))


@dataclass(slots=True)
class YamlTree:
    """The plain values of a file: every scalar is text, or None where it is empty, so that `NO` stays Norway.

    `lines` gives the line of each path, for an entry of a mapping that of its key.
    """

    root: Any = None
    lines: dict[NodePath, int] = field(default_factory=dict)
    problems: list[FileProblem] = field(default_factory=list)

    def line(self, path: NodePath) -> int:
        """The line of a path, or of its nearest parent that is in the file."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def add_problem(self, path: NodePath, words: str) -> None:
        """Add a problem at a path."""
        self.problems.append(FileProblem(self.line(path), words))


def read_tree(text: str, environ: Mapping[str, str]) -> YamlTree:
    """Read YAML with `${NAME}` and `${NAME:-default}` replaced from the environment; adds problems to the tree."""
    tree = YamlTree()
    try:
        for event in yaml.parse(text, Loader=LOADER):
            if isinstance(event, yaml.AliasEvent):
                line = _line(event.start_mark)
                tree.problems.append(
                    FileProblem(line, "anchors and aliases (& and *) are not used in a group file")
                )
        node = None if tree.problems else yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = ", ".join(filter(None, (error.context, error.problem)))
        tree.problems.append(FileProblem(_line(mark), f"this is not readable as YAML: {why}"))
        return tree
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        tree.problems.append(FileProblem(line, f"this is not readable as YAML: {error.reason}"))
        return tree
    if node is not None:
        tree.root = _plain(node, (), tree, environ)
    elif not tree.problems:
        tree.problems.append(FileProblem(1, "the file is empty"))
    return tree


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 1


def _plain(node: yaml.Node, path: NodePath, tree: YamlTree, environ: Mapping[str, str]) -> Any:
    tree.lines.setdefault(path, _line(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, tree, environ)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, at), tree, environ) for at, item in enumerate(node.value)]
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
        tree.add_problem(path, f"tags such as {node.tag} are not used in a group file")
        return None
    return _expanded(str(node.value), path, tree, environ)


def _mapping(
    node: yaml.MappingNode, path: NodePath, tree: YamlTree, environ: Mapping[str, str]
) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            tree.problems.append(FileProblem(line, "a key must be a word"))
            continue
        key = str(key_node.value)
        if key in plain:
            first = tree.lines[*path, key]
            tree.problems.append(FileProblem(line, f"`{key}` stands here twice, first on line {first}"))
            continue
        tree.lines[*path, key] = line
        plain[key] = _plain(value_node, (*path, key), tree, environ)
    return plain


def _expanded(text: str, path: NodePath, tree: YamlTree, environ: Mapping[str, str]) -> str:
    """The text with each `${...}` replaced; `$${` stands for `${` itself."""

    def expand(match: re.Match[str]) -> str:
        if match[1] is None:
            return "${"
        name_match = _NAME.fullmatch(match[1])
        if name_match is None:
            tree.add_problem(path, f"`{match[0]}` is not understood: write ${{NAME}} or ${{NAME:-default}}")
            return ""
        name, default = name_match[1], name_match[2]
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            tree.add_problem(
                path,
                f"the environment variable {name} is not set; set it, or write a default: ${{{name}:-...}}",
            )
            return ""
        return environ[name]

    return _PLACEHOLDER.sub(expand, text)
