"""A small group file with the sample entities, and the command that loads it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.apps import apps
from django.core.management import call_command

MERIDIAN = """\
groups:
  - code: MERIDIAN
    name: Meridian Group
    groups:
      - {code: UK, name: United Kingdom}
      - {code: EUROPE, name: Continental Europe}
calendars:
  - {code: ENGLAND, name: England, country: GB, subdivision: ENG}
connections:
  - name: meridian-finops
    kind: finops
    base_url: http://127.0.0.1:9100
    tenant: meridian
    client_id: simulator
    secret: ssh-its-a-secret
people:
  - email: Amira.Hale@meridian.example
    name: Amira Hale
    password: pass-not-to-be-told
    roles: [{role: owner, entity: UKHC}, {role: finance, group: UK}]
entities:
  - code: UKHC
    name: UK HoldCo
    country: GB
    zone: Europe/London
    group: UK
    calendar: ENGLAND
    owner: amira.hale@meridian.example
    connection: meridian-finops
    erp_id: ukhc
policies:
  - group: MERIDIAN
    rule: 6th working day
    first_working_day_is: 0
agreed_dates:
  - {entity: UKHC, month: 2026-05, due_on: 2026-06-11, reason: audit, agreed_by: R. Bell}
"""


def load(folder: Path, text: str | bytes, *words: str) -> str:
    """The output of `manage.py load_group` for a file with this text."""
    file = folder / "group.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    out = StringIO()
    call_command("load_group", str(file), *words, stdout=out)
    return out.getvalue()


def changed(old: str, new: str, *, text: str = MERIDIAN) -> str:
    """The file with one text replaced."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file"
    return text.replace(old, new)


def rows() -> dict[str, int]:
    """The number of rows of each of our tables."""
    return {
        model._meta.label: model._default_manager.count()
        for app in ("entities", "periods", "alerts")
        for model in apps.get_app_config(app).get_models()
    }
