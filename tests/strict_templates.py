"""Fails a test that renders a template of ours with an undefined name (a pytest plugin, see pyproject.toml).

Django renders an undefined `{{ name }}` as nothing. `--fail-on-template-vars` of pytest-django fails a test for that,
but not for `{% if name %}`, `{% for x in name %}` and `{% with y=name %}`, which treat it as false or empty. Here
every failed look-up is recorded, in every thread, and the running test fails when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.template.base import Variable, VariableDoesNotExist

TEMPLATES = str(Path(__file__).parent.parent / "templates") + "/"
UNDEFINED: list[str] = []  # since the last test that ended

_resolve_lookup = Variable._resolve_lookup  # type: ignore[attr-defined]


def _recording(self: Variable, context: Any) -> Any:
    try:
        return _resolve_lookup(self, context)
    except VariableDoesNotExist as missing:
        template = getattr(getattr(context, "render_context", None), "template", None)
        if template and str(template.origin).startswith(TEMPLATES) and missing.params[1] is not None:
            place = str(template.origin).removeprefix(TEMPLATES)
            page = context.template_name  # its blocks count as parts of the template that it extends
            UNDEFINED.append(f"{place if place == page else f'{page} ({place})'}: {self}")
        raise


Variable._resolve_lookup = _recording  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _templates_find_every_name() -> Iterator[None]:
    yield
    undefined = sorted(set(UNDEFINED))
    UNDEFINED.clear()
    assert not undefined, f"templates used names that nothing defines: {', '.join(undefined)}"
