"""Lists names that are used outside the code: in queues, addresses, scripts, sessions, sent mails and settings."""

from __future__ import annotations

import ast
import inspect
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from celery import Celery
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.urls import URLPattern, URLResolver, get_resolver

from alerts.channels.kinds import destination_kinds
from closing.facts.base import FACT_KINDS
from periods.models import News
from periods.snapshot.annotations import row_annotations

ROOT = Path(__file__).parent.parent.parent
OURS = (
    "closing",
    "infra",
    "entities",
    "periods",
    "worklist",
    "insight",
    "connectors",
    "alerts",
    "board",
    "closeboard",
)
DOTTED = re.compile(r"[a-z_]\w*(\.\w+)+")


def tasks(app: Celery) -> Iterator[str]:
    """Each task of ours with its parameters and its queue."""
    app.loader.import_default_modules()
    for name, task in sorted(app.tasks.items()):
        if not name.startswith("celery."):
            queue = app.amqp.router.route({}, name)["queue"].name
            parameters = ", ".join(inspect.signature(task.run).parameters)
            yield f"{name}({parameters}) -> {queue}"


def beat(app: Celery) -> Iterator[str]:
    """Each entry of the beat schedule: its name, its task, and its seconds."""
    for name, entry in sorted(app.conf.beat_schedule.items()):
        yield f"{name}: {entry['task']} every {entry['schedule']:g} s, expires {entry['options']['expires']:g} s"


def commands() -> Iterator[str]:
    """Each management command of ours with its arguments and options."""
    usual = {action.dest for action in BaseCommand().create_parser("manage.py", "")._actions}
    for name, app in sorted(get_commands().items()):
        if app in OURS:
            parser = load_command_class(app, name).create_parser("manage.py", name)
            yield " ".join([name, *_arguments(parser, usual)])


def _arguments(parser: ArgumentParser, usual: set[str]) -> Iterator[str]:
    for action in parser._actions:
        if action.dest not in usual:
            word = "/".join(action.option_strings) or action.dest
            value = f"={'|'.join(map(str, action.choices))}" if action.choices else ""
            yield word + value if action.required else f"[{word}{value}]"


def urls() -> Iterator[str]:
    """Each address: its name and its pattern with converters."""
    yield from sorted(_patterns(get_resolver(), "/"))


def _patterns(resolver: URLResolver, before: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield f"{pattern.name}: {path}"
        else:
            yield from _patterns(pattern, path)


def dotted_settings() -> dict[str, list[str]]:
    """The dotted paths in the settings by the setting or function that holds them, in the order of the file.

    They are read from the source, so that all those which depend on the environment are included.
    """
    found: dict[str, list[str]] = {}
    for file in ("environment.py", "settings.py", "logs.py"):
        for statement in ast.parse((ROOT / "closeboard" / file).read_text(encoding="utf-8")).body:
            paths = [
                each.value
                for each in ast.walk(statement)
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and _is_path(each.value)
            ]
            if paths:
                found[_name(statement)] = paths
    return found


def _is_path(text: str) -> bool:
    return bool(DOTTED.fullmatch(text)) and find_spec(text.partition(".")[0]) is not None


def _name(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name), *_]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.FunctionDef(name=name):
            return f"{name}()"
    return "elsewhere"


def names_in_migrations() -> Iterator[str]:
    """Names of our modules that migrations use: they cannot move as long as the migrations stay."""
    used: set[str] = set()
    for file in ROOT.glob("*/migrations/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            path = ""
            match node:
                case ast.Attribute():
                    path = ast.unparse(node)
                case ast.ImportFrom(module=str(module)):
                    used.update(f"{module}.{each.name}" for each in node.names if _ours(module))
            if DOTTED.fullmatch(path) and _ours(path):
                used.add(path)
    # `a.b` is part of `a.b.c`, which is more specific.
    return iter(sorted(path for path in used if not any(other.startswith(f"{path}.") for other in used)))


def _ours(path: str) -> bool:
    return path.partition(".")[0] in OURS


def stored_words() -> Iterator[str]:
    """Values that rows store: the choices of each field of ours that has some."""
    for model in sorted(apps.get_models(), key=lambda model: model._meta.label):
        if model._meta.app_label in OURS:
            for field in model._meta.get_fields():
                choices = getattr(getattr(field, "base_field", field), "choices", None)
                if choices:
                    words = sorted(str(value) for value, _ in choices)
                    yield f"{model._meta.label}.{field.name}: {', '.join(words)}"
    yield f"alerts.Destination.kind: {', '.join(sorted(destination_kinds()))}"
    yield f"entities.Connection.kind: {', '.join(sorted(FACT_KINDS))}"
    yield f"periods.NativeFacts.body.kind: {', '.join(sorted(facts.stored_kind for facts in FACT_KINDS.values()))}"
    topics = {annotation.topic for annotation in row_annotations()}
    yield f"periods.News.kind: {', '.join(sorted({*News.KINDS, *topics}))}"


def run_by_documents() -> set[str]:
    """The modules and commands that the documents and the Makefile run, as `-m x.y` and `manage.py x`."""
    texts = [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").glob("*.md")]
    return {
        each
        for text in texts
        for each in re.findall(r"(-m closeboard[\w.]*|manage\.py [a-z_]+)", text.read_text(encoding="utf-8"))
    }
