"""Auditors of the worked example, signed in to read the audit log."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.board.audit.audit_events import auditor
from tests.board.page_client import signed_in
from tests.db_builders import SampleGroup


@pytest.fixture
def ada(meridian: SampleGroup) -> Client:
    """Ada Audit, auditor of the whole group, is signed in to the worked example."""
    return signed_in(auditor())
