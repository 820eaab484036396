"""The bytes of every mail and post of the stories in tests/alerts/mail/mail_scenarios (docs/testing.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives

from alerts.channels.kinds import Draft, destination_kind
from alerts.mail.compose import compose_mail
from alerts.models import Delivery
from alerts.notices.entries import DeliverableNotice
from tests.alerts.channels.destination_builders import save_destination
from tests.alerts.mail import mail_scenarios
from tests.builders import WORKED_EXAMPLE_AT
from tests.guards.recorded_responses import (
    RecordedResponses,
    fix_settings,
    move_the_clock,
    own_story,
    stop_the_clock,
)

ADDRESS = "https://hooks.slack.com/services/x"


@pytest.mark.django_db
def test_the_bytes_of_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mail as it goes to the mail server, and what each kind of destination is posted in its place."""
    fix_settings(monkeypatch)
    stop_the_clock(monkeypatch, WORKED_EXAMPLE_AT)
    answers = RecordedResponses("messages", tmp_path)

    def compose_all(
        delivery: Delivery, items: Sequence[DeliverableNotice], as_of: datetime
    ) -> EmailMultiAlternatives:
        move_the_clock(as_of)
        for kind in ("teams", "slack", "webhook"):
            place = save_destination(kind, ADDRESS, name="Close team")
            post: Any = destination_kind(place).compose(
                Draft(Delivery(destination=place, channel=place.channel), items, as_of)
            )
            answers.add(f"{name} {kind}", "post application/json", bytes(post.body))
            place.delete()
        return compose_mail(delivery, items, as_of)

    monkeypatch.setattr(mail_scenarios, "compose_mail", compose_all)
    for name, story in mail_scenarios.STORIES.items():
        with own_story(), answers.recording_templates():
            answers.add(f"{name} mail", "mail message/rfc822", story().message().as_bytes())
    answers.assert_as_before()
