"""Tasks of templates with all that a file can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from closing.close_tasks.due_offsets import DueOffset
from closing.close_tasks.erp_checks import DOCUMENT_PARTS, WORK_NOUNS, ErpCheck, ErpState, WorkCheck
from closing.close_tasks.task_templates import (
    ENTITY_ROLES,
    PROFILE_FLAGS,
    AppliesIf,
    ErpRule,
    TaskLevel,
    TaskSpec,
)
from closing.close_tasks.template_cells import ERPS


def tasks(entities: tuple[str, ...] = ("E1", "E2")) -> st.SearchStrategy[TaskSpec]:
    """Tasks that wait for nothing and apply to some of these entities or to all."""
    return st.builds(
        TaskSpec,
        code=st.sampled_from(["a", "b-2", "ap-post", "z9"]),
        title=st.text("abc ()=;,+-@\t\"'\nÄ", min_size=1).map(str.strip).filter(bool),
        due=st.builds(
            DueOffset,
            st.integers(-366, 366),
            calendar_days=st.booleans(),
            at=st.none() | st.times().map(lambda at: at.replace(microsecond=0)),
        ),
        areas=st.lists(st.sampled_from(["General ledger", "Tax", "My area"]), unique=True).map(tuple),
        level=st.sampled_from(TaskLevel),
        erp=st.one_of(
            st.builds(ErpRule, st.frozensets(st.sampled_from(sorted(ERPS.values())))),
            st.builds(ErpRule, st.just(frozenset()), st.frozensets(st.sampled_from(sorted(ERPS.values())))),
        ),
        applies_if=st.builds(
            AppliesIf,
            st.frozensets(st.sampled_from(sorted(ENTITY_ROLES)), min_size=1),
            st.frozensets(st.sampled_from(sorted(PROFILE_FLAGS))),
            st.frozensets(st.sampled_from(entities)),
            st.frozensets(st.sampled_from(["G1"])),
        ),
        owner_role=st.sampled_from(["", "Controller"]),
        check=st.builds(
            ErpCheck,
            st.lists(
                st.sampled_from(
                    [WorkCheck(kind) for kind in WORK_NOUNS]
                    + [WorkCheck("unposted_documents", part) for part in DOCUMENT_PARTS]
                ),
                unique=True,
            ).map(tuple),
            st.lists(st.sampled_from(ErpState), unique=True).map(tuple),
        ),
        sign_off=st.booleans(),
    )
