"""Each kind of notice has a whole specification, and what used to be dictionaries by kind is as it was."""

from __future__ import annotations

import re

import pytest

from alerts.notices.notice_specs import SPECS, kinds_where, spec_of
from alerts.notices.spec import NoticeSpec
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence
from tests.guards.external_names import ROOT

ICONS = set(
    re.findall(r'id="icon-(\w+)"', (ROOT / "templates/board/web/_icons.html").read_text(encoding="utf-8"))
)


def test_each_kind_has_one_specification() -> None:
    assert list(SPECS) == [kind.value for kind in NoticeKind]
    assert len({spec.label for spec in SPECS.values()}) == len(SPECS)


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.kind)
def test_a_specification_is_whole(spec: NoticeSpec) -> None:
    assert spec is spec_of(spec.kind)
    assert spec.label
    assert spec.help.endswith(".")
    assert not spec.post_help.endswith(".")
    assert spec.icon in ICONS
    assert spec.tone in {"alert", "unsure", "ok", "quiet"}
    assert (spec.month_section is None) is not (spec.event_section is None)
    assert set(spec.ends) <= SPECS.keys()
    assert not spec.ends or spec.informational  # the end of trouble is good news
    assert not (spec.cadence.mandatory and spec.informational)
    assert spec.opens_alert or not spec.first_of_overrun


def test_the_cadences_of_the_kinds() -> None:
    assert kinds_where(lambda spec: spec.cadence.mandatory) == [
        *("alert", "escalation", "unconfirmed", "reopened", "anomaly"),
    ]
    assert {spec.kind: spec.cadence.default for spec in SPECS.values() if spec.is_reminder} == {
        "due_soon": Cadence.DAILY,
        "late": Cadence.DAILY,
        "no_deadline": Cadence.DAILY,
    }
    assert kinds_where(lambda spec: spec.cadence.repeats) == ["late"]


def test_an_unknown_kind_is_plain() -> None:
    spec = spec_of("books_lost")
    assert (spec.kind, spec.label, spec.tone) == ("books_lost", "Books lost", "quiet")
    assert "books_lost" not in SPECS
    assert not (spec.cadence.mandatory)
    assert not (spec.informational)
    assert not spec.ends
