"""The kind of facts with a lock date is registered for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.company_lock.company_lock_erp import CompanyLockErp, LockedGroup, installed, save_locked_group


@pytest.fixture
def company_lock_erp() -> Iterator[CompanyLockErp]:
    """The kind and its connector are registered."""
    with installed() as erp:
        yield erp


@pytest.fixture
def locked_group(db: None, company_lock_erp: CompanyLockErp) -> LockedGroup:
    """The sample group is on a connection of this kind, not read yet."""
    return save_locked_group(company_lock_erp)
