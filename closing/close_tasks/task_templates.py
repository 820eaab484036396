"""What a template of close tasks is made of (08-blockers-and-tasks 9.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from closing.close_tasks.due_offsets import DueOffset
from closing.close_tasks.erp_checks import NO_CHECK, ErpCheck

DEFAULT_ROLES = frozenset({"operating", "holding"})
ELIMINATION_ROLES = frozenset({"elimination", "consolidation"})
ENTITY_ROLES = frozenset({*DEFAULT_ROLES, *ELIMINATION_ROLES, "dormant"})
PROFILE_FLAGS = frozenset(
    {"inventory", "projects", "fixed_assets", "foreign_currency", "intercompany", "payroll", "vat"}
)
AREAS = {
    "GL": "General ledger",
    "AR": "Receivables",
    "AP": "Payables",
    "Bank": "Cash and bank",
    "FA": "Fixed assets",
    "Inv": "Inventory",
    "Prj": "Projects",
    "Tax": "Tax",
    "IC": "Intercompany",
    "Group": "Group",
}


class TemplateKind(StrEnum):
    """The period ends that a template is for, in the order in which later rows replace earlier ones."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class TaskLevel(StrEnum):
    """Whether there is one task of each entity and period, or one of the group and month."""

    ENTITY = "entity"
    GROUP = "group"


class Reach(StrEnum):
    """Whose task a task waits for: its own holder's, also its counterparties', all members', or the group's."""

    SAME = "same"
    PARTNERS = "partners"
    ALL = "all"
    GROUP = "group"


class LinkKind(StrEnum):
    """The kinds of links, by the names of the Microsoft workspace."""

    MENU_ITEM = "MenuItem"
    URL = "Url"


@dataclass(frozen=True, slots=True)
class TaskLink:
    """A page of the ERP by its menu item, or an address."""

    kind: LinkKind
    target: str


@dataclass(frozen=True, slots=True)
class DependsOn:
    """The code of a task that must be satisfied first, and whose task it is.

    In a template a plain code is SAME; generation turns it into GROUP where an entity waits for a task of its group.
    """

    code: str
    reach: Reach = Reach.SAME


@dataclass(frozen=True, slots=True)
class ErpRule:
    """The kinds of ERP that have a task; none named: all but those excluded."""

    only: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    def admits(self, erp: str) -> bool:
        """Whether an entity with this kind of ERP ("" where it has none) has the task."""
        return erp not in self.excluded and (not self.only or erp in self.only)


@dataclass(frozen=True, slots=True)
class AppliesIf:
    """The entities that have a task: role, everything that their profile must have, and named entities or groups.

    Without named entities and groups, all of these roles.
    """

    roles: frozenset[str] = DEFAULT_ROLES
    needs: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def admits(self, role: str, has: Collection[str], code: str, groups: Collection[str]) -> bool:
        """Whether an entity of this role, profile, code and groups above it has the task; codes without case."""
        named = not (self.entities or self.groups) or (
            code.casefold() in _folded(self.entities) or bool(_folded(groups) & _folded(self.groups))
        )
        return named and role in self.roles and self.needs <= set(has)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One row of a template.

    `sign_off`: a second person, of `reviewer_role`, signs the task off. `hint` is printed with the task.
    """

    code: str
    title: str
    due: DueOffset
    areas: tuple[str, ...] = ()
    level: TaskLevel = TaskLevel.ENTITY
    erp: ErpRule = ErpRule()
    applies_if: AppliesIf = AppliesIf()
    depends_on: tuple[DependsOn, ...] = ()
    owner_role: str = ""
    reviewer_role: str = ""
    check: ErpCheck = NO_CHECK
    sign_off: bool = False
    link: TaskLink | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """A named list of tasks for one kind of period end, in one version; raises ValueError for a code that repeats."""

    name: str
    kind: TemplateKind
    version: int
    tasks: tuple[TaskSpec, ...]

    def __post_init__(self) -> None:
        codes = [task.code for task in self.tasks]
        repeated = sorted({code for code in codes if codes.count(code) > 1})
        if repeated:
            raise ValueError(f"template {self.name} has more than one task {', '.join(repeated)}")


@dataclass(frozen=True, slots=True)
class VersionedSpec:
    """A row of a template with the template and version that it comes from."""

    spec: TaskSpec
    template: str
    version: int


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """The templates of one close: month rows, and where there are any quarter and year rows.

    Raises ValueError for a template of another kind than its place.
    """

    month: TemplateVersion
    quarter: TemplateVersion | None = None
    year: TemplateVersion | None = None
    _rows: dict[tuple[bool, bool], Mapping[str, VersionedSpec]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        places = {
            TemplateKind.MONTH: self.month,
            TemplateKind.QUARTER: self.quarter,
            TemplateKind.YEAR: self.year,
        }
        for kind, template in places.items():
            if template is not None and template.kind is not kind:
                raise ValueError(f"template {template.name} is for a {template.kind}, not for a {kind}")

    def rows(self, *, quarter_end: bool = False, year_end: bool = False) -> Mapping[str, VersionedSpec]:
        """The rows of a period end by code, in order; a row of a later kind replaces one of the same code.

        A quarter end has the month and quarter rows, a year end, which is a quarter end too, the year rows as well.
        """
        key = (quarter_end or year_end, year_end)
        if key not in self._rows:
            chosen = [self.month, self.quarter if key[0] else None, self.year if key[1] else None]
            self._rows[key] = {
                task.code: VersionedSpec(task, template.name, template.version)
                for template in chosen
                if template is not None
                for task in template.tasks
            }
        return self._rows[key]

    def row_anywhere(self, code: str) -> TaskSpec | None:
        """The row of a code in the month rows, else in the quarter or year rows; None if no template has it."""
        for template in (self.month, self.quarter, self.year):
            for task in template.tasks if template is not None else ():
                if task.code == code:
                    return task
        return None


def title_for(title: str, erp: str) -> str:
    """A title as an entity with this kind of ERP reads it: words after "(BC: " are for Business Central alone."""
    plain, mark, words = title.partition(" (BC: ")
    if not mark:
        return title
    words, _, rest = words.partition(")")
    return f"{plain} ({words}){rest}" if erp == "business_central" else f"{plain}{rest}"


def _folded(codes: Collection[str]) -> set[str]:
    return {code.casefold() for code in codes}
