"""The cells of a template as text, as people write them in CSV and Excel, and back.

Each `parse_` function raises ValueError with a sentence that says how to write the cell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import time
from functools import lru_cache

from closing.close_tasks.due_offsets import DueOffset
from closing.close_tasks.erp_checks import (
    DOCUMENT_PARTS,
    UNPOSTED_DOCUMENTS,
    WORK_NOUNS,
    ErpCheck,
    ErpState,
    WorkCheck,
)
from closing.close_tasks.task_templates import (
    AREAS,
    DEFAULT_ROLES,
    ELIMINATION_ROLES,
    ENTITY_ROLES,
    PROFILE_FLAGS,
    AppliesIf,
    DependsOn,
    ErpRule,
    LinkKind,
    Reach,
    TaskLevel,
    TaskLink,
    TaskSpec,
)

ERPS = {
    "F&O": "finops",
    "BC": "business_central",
    "Odoo": "odoo",
    "ERPNext": "erpnext",
    "NetSuite": "netsuite",
    "Xero": "xero",
}
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_WHOLE = re.compile(r"([+-]?[0-9]{1,4})(\.0+)?", re.ASCII)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(:[0-9]{2})?", re.ASCII)
# Some spreadsheets ignore what cannot be seen before a sign; apostrophes of our own stay apart from those typed.
_FORMULA = re.compile(r"'*[^\w\x21-\x7e]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
LONGEST_CODE = 40
LONGEST_AREA = 60
_SECONDS_A_DAY = 24 * 60 * 60
_REACHES = {Reach.PARTNERS: "of partners", Reach.ALL: "of all"}
_YES, _NO = frozenset({"yes", "y", "true", "1", "x"}), frozenset({"", "no", "n", "false", "0", "none"})


def guarded(text: str) -> str:
    """A text for a CSV file: with an apostrophe before it where a spreadsheet might run it as a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """A text without the apostrophe of `guarded`, and without surrounding spaces."""
    text = text.strip()
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def guarded_twice(text: str) -> str:
    """A text for a cell that is no formula: `unguarded` gives it back although it looks guarded already."""
    return guarded(text) if text.startswith("'") else text


def parse_code(text: str) -> str:
    """A task's code: small letters, digits and hyphens, at most 40."""
    if not _CODE.fullmatch(text):
        if len(text) > LONGEST_CODE:
            raise ValueError(f"a code has at most {LONGEST_CODE} characters, not {len(text)}")
        raise ValueError(f'write a code with small letters, digits and hyphens, like "ap-post", not "{text}"')
    return text


def parse_offset(days: str, kind: str, at: str) -> DueOffset:
    """Days from period end, their kind ("working" if blank, or "calendar") and a time of day ("" for end of day).

    The time is written like 12:00, or in seconds after midnight as the Microsoft workspace has it, where 0 means
    none.
    """
    whole = _WHOLE.fullmatch(days)
    if not whole:
        raise ValueError(f'write days from period end as a whole number like 3, 0 or -2, not "{days}"')
    word = kind.casefold()
    if word not in ("", "working", "calendar"):
        raise ValueError(f'days are "working" or "calendar", not "{kind}"')
    return DueOffset(int(whole[1]), calendar_days=word == "calendar", at=_parse_time(at))


def offset_cells(offset: DueOffset) -> tuple[str, str, str]:
    """The days, their kind and the time of day of an offset, as `parse_offset` reads them."""
    at = "" if offset.at is None else f"{offset.at:%H:%M:%S}" if offset.at.second else f"{offset.at:%H:%M}"
    return str(offset.days), "calendar" if offset.calendar_days else "working", at


def seconds_after_midnight(at: time | None) -> int:
    """A time of day as the Microsoft workspace stores it; 0 for the end of day, which has no number there."""
    return 0 if at is None else at.hour * 3600 + at.minute * 60 + at.second


def parse_areas(text: str) -> tuple[str, ...]:
    """Areas by their short or full names, others as they are written, at most 60 letters each."""
    areas = tuple(AREAS.get(part, part) for part in _parts(text))
    if too_long := next((area for area in areas if len(area) > LONGEST_AREA), ""):
        raise ValueError(f"an area has at most {LONGEST_AREA} letters, not {len(too_long)}")
    return areas


def parse_level(text: str) -> TaskLevel:
    """ "entity" (also if blank) or "group"."""
    try:
        return TaskLevel(text.casefold() or "entity")
    except ValueError:
        raise ValueError(f'a task is of an "entity" or of the "group", not "{text}"') from None


def parse_erp_rule(text: str) -> ErpRule:
    """Kinds of ERP: blank for all, "F&O, BC" for these, "not BC" for all others."""
    only: set[str] = set()
    excluded: set[str] = set()
    for part in _parts(text):
        negated = part.casefold().startswith("not ")
        name = part[4:].strip() if negated else part
        (excluded if negated else only).add(_erp(name))
    if only and excluded:
        raise ValueError(f'name the ERPs that have the task, or those that do not, not both: "{text}"')
    return ErpRule(frozenset(only), frozenset(excluded))


def erp_cell(rule: ErpRule) -> str:
    """An ERP rule as `parse_erp_rule` reads it."""
    names = {kind: name for name, kind in ERPS.items()}
    order = list(ERPS.values())
    only = [names[kind] for kind in sorted(rule.only, key=order.index)]
    return ", ".join(only + [f"not {names[kind]}" for kind in sorted(rule.excluded, key=order.index)])


def parse_applies_if(text: str, companies: str = "") -> AppliesIf:
    """What an entity must be and have: "inventory", "dormant", "also dormant", "entity EUDTC", "group EMEA".

    A role replaces operating and holding, "also" adds to them; "elimination" takes consolidation companies with it,
    "elimination only" does not. `companies` names entities, separated by commas or semicolons; blank or "All": all.
    """
    roles: set[str] = set()
    added: set[str] = set()
    needs, entities, groups = set(), set(), set()
    for part in _parts(text):
        word = part.casefold()
        role = word.removeprefix("also ").strip()
        if word.startswith("entity "):
            entities.add(part[7:].strip())
        elif word.startswith("group "):
            groups.add(part[6:].strip())
        elif role == "elimination only":
            (added if word.startswith("also ") else roles).add("elimination")
        elif role in ENTITY_ROLES:
            (added if word.startswith("also ") else roles).update(
                ELIMINATION_ROLES if role == "elimination" else {role}
            )
        elif (flag := word.replace(" ", "_")) in PROFILE_FLAGS:
            needs.add(flag)
        else:
            known = ", ".join(
                [*sorted(ENTITY_ROLES), *(flag.replace("_", " ") for flag in sorted(PROFILE_FLAGS))]
            )
            raise ValueError(f'"{part}" is no role and no part of a profile; there are: {known}')
    named = [part for part in re.split(r"[,;]", companies) if part.strip()]
    if [part.strip().casefold() for part in named] != ["all"]:
        entities.update(part.strip() for part in named)
    return AppliesIf(
        frozenset(roles or DEFAULT_ROLES) | added, frozenset(needs), frozenset(entities), frozenset(groups)
    )


def applies_if_cell(rule: AppliesIf) -> str:
    """What a task applies to as `parse_applies_if` reads it; its entities included."""
    if rule.roles >= DEFAULT_ROLES:
        roles = [f"also {word}" for word in _role_words(rule.roles - DEFAULT_ROLES)]
    else:
        roles = _role_words(rule.roles)
    needs = [flag.replace("_", " ") for flag in sorted(rule.needs)]
    entities = [f"entity {code}" for code in sorted(rule.entities)]
    return ", ".join([*roles, *needs, *entities, *(f"group {code}" for code in sorted(rule.groups))])


def parse_depends_on(text: str) -> tuple[DependsOn, ...]:
    """Codes of tasks: "gl-post, bank", "hold of all", "of partners: ic-inv, gl-post"; separated by semicolons."""
    found: list[DependsOn] = []
    for segment in text.split(";"):
        reach, words = Reach.SAME, segment.strip()
        for each, prefix in _REACHES.items():
            if words.casefold().startswith(f"{prefix}:"):
                reach, words = each, words[len(prefix) + 1 :]
        found += [_dependency(part, reach) for part in _parts(words)]
    return tuple(dict.fromkeys(found))


def depends_on_cell(dependencies: Iterable[DependsOn]) -> str:
    """Dependencies as `parse_depends_on` reads them, in their order but for those of one reach together."""
    groups: dict[Reach, list[str]] = {}
    for each in dependencies:
        groups.setdefault(Reach.SAME if each.reach is Reach.GROUP else each.reach, []).append(each.code)
    return "; ".join(
        ", ".join(codes) if reach is Reach.SAME else f"{_REACHES[reach]}: {', '.join(codes)}"
        for reach, codes in groups.items()
    )


def parse_check(text: str) -> ErpCheck:
    """Kinds of blockers, parts of unposted documents, and states, separated by commas."""
    check = stored_check(text)
    for part in check.not_understood:
        known = ", ".join([*WORK_NOUNS, *DOCUMENT_PARTS, *ErpState])
        raise ValueError(f'"{part}" is no ERP check; there are: {known}')
    return check


@lru_cache(maxsize=1024)
def stored_check(text: str) -> ErpCheck:
    """As `parse_check`, of a cell that is stored: words of a newer version are in its `not_understood`."""
    work, states, unknown = [], [], []
    for part in _parts(text):
        word = part.casefold()
        if word in DOCUMENT_PARTS:
            work.append(WorkCheck(UNPOSTED_DOCUMENTS, word))
        elif word in WORK_NOUNS:
            work.append(WorkCheck(word))
        elif word in set(ErpState):
            states.append(ErpState(word))
        else:
            unknown.append(part)
    return ErpCheck(tuple(dict.fromkeys(work)), tuple(dict.fromkeys(states)), tuple(dict.fromkeys(unknown)))


def check_cell(check: ErpCheck) -> str:
    """An ERP check as `stored_check` reads it."""
    return ", ".join([*(each.part or each.kind for each in check.work), *check.states, *check.not_understood])


def own_cells(task: TaskSpec) -> dict[str, str]:
    """The cells of a task in the columns that the Microsoft workspace does not have."""
    return {
        "DependsOn": depends_on_cell(task.depends_on),
        "Code": task.code,
        "Level": task.level.value,
        "Erp": erp_cell(task.erp),
        "AppliesIf": applies_if_cell(task.applies_if),
        "DayKind": offset_cells(task.due)[1],
        "ErpCheck": check_cell(task.check),
        "SignOff": "yes" if task.sign_off else "",
        "ReviewerRole": task.reviewer_role,
        "Hint": task.hint,
    }


def parse_yes(text: str) -> bool:
    """ "yes" or "no"; blank is no."""
    word = text.casefold()
    if word not in _YES | _NO:
        raise ValueError(f'write "yes" or nothing, not "{text}"')
    return word in _YES


def parse_link(kind: str, target: str, allowed_hosts: Collection[str] | None) -> TaskLink | None:
    """A link to a menu item of the ERP or to an address; None without a target.

    An address must begin with https:// and lead to a host of the allow-list, or below one; None allows every host.
    """
    if not target:
        return None
    word = kind.replace(" ", "").casefold()
    if word not in ("", "0", "1", "menuitem", "url"):
        raise ValueError(f'a link is a "MenuItem" or a "Url", not "{kind}"')
    if word in ("0", "menuitem") or (not word and "://" not in target):
        return TaskLink(LinkKind.MENU_ITEM, target)
    address = re.fullmatch(r"https://([a-zA-Z0-9.-]+)(:[0-9]+)?([/?#]\S*)?", target, re.ASCII)
    if not address:
        raise ValueError(f'a link begins with https:// and a host, not "{target}"')
    host = address[1].casefold()
    if allowed_hosts is not None and not any(
        host == allowed.casefold() or host.endswith(f".{allowed.casefold()}") for allowed in allowed_hosts
    ):
        raise ValueError(f"links to {host} are not allowed: an administrator adds the host to the allow-list")
    return TaskLink(LinkKind.URL, target)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _erp(name: str) -> str:
    for known, kind in ERPS.items():
        if name.casefold() in (known.casefold(), kind):
            return kind
    raise ValueError(f'there is no ERP "{name}"; there are: {", ".join(ERPS)}')


def _role_words(roles: Collection[str]) -> list[str]:
    rest = set(roles)
    words = []
    if rest >= ELIMINATION_ROLES:
        words, rest = ["elimination"], rest - ELIMINATION_ROLES
    elif "elimination" in rest:
        words, rest = ["elimination only"], rest - {"elimination"}
    return [*words, *sorted(rest)]


def _dependency(part: str, reach: Reach) -> DependsOn:
    for each, suffix in _REACHES.items():
        if part.casefold().endswith(f" {suffix}"):
            reach, part = each, part[: -len(suffix) - 1].strip()
    return DependsOn(parse_code(part), reach)


def _parse_time(text: str) -> time | None:
    if clock := _CLOCK.fullmatch(text):
        try:
            return time.fromisoformat(text.zfill(5) if not clock[3] else text.zfill(8))
        except ValueError:
            pass
    elif whole := _WHOLE.fullmatch(text) if len(text) <= 4 else re.fullmatch(r"([0-9]{5})(\.0+)?", text):
        seconds = int(whole[1])
        if 0 <= seconds < _SECONDS_A_DAY:
            return time(seconds // 3600, seconds // 60 % 60, seconds % 60) if seconds else None
    elif not text:
        return None
    raise ValueError(f'write a time of day like 12:00, or seconds after midnight, not "{text}"')
