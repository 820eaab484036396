"""Switches for unverified behaviour of the real products, so that a reader cannot rely on one variant.

Each switch varies one UNVERIFIED fact of 03-erp-contracts (section 11) or of 08-blockers-and-tasks (chapter 12), or
what an environment may publish or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args, get_type_hints


@dataclass(frozen=True)
class Profile:
    """One choice for every switch; the first value of each is its default."""

    # Finance & Operations
    period_set: Literal["V2", "V1", "both"] = "V2"  # the name of the set of period states
    period_dates: Literal["noon", "midnight"] = "noon"  # FiscalPeriods.StartDate and EndDate
    entity_id_case: Literal["lower", "upper"] = "lower"  # LegalEntityId in LedgerFiscalPeriods*
    period_scope: Literal["shared", "company"] = (
        "shared"  # is LedgerFiscalPeriods* filtered without cross-company
    )
    landed_cost: Literal["present", "absent"] = "present"  # the ITM pair of newer versions
    access_levels: Literal["word", "blank"] = "word"  # unrestricted modules: `All` or null
    error_body: Literal["innererror", "message", "html"] = "innererror"
    not_found_body: Literal["json", "html", "empty"] = "json"
    unauthorized_body: Literal["empty", "json"] = "empty"
    next_link: Literal["skip_top", "skip", "skiptoken"] = "skip_top"
    finops_maxpagesize: Literal["ignored", "honoured"] = "ignored"  # Prefer: odata.maxpagesize
    finops_texts: Literal["ignore_case", "exact"] = "ignore_case"  # how $filter compares texts
    row_order: Literal["stable", "shuffled"] = "stable"  # without $orderby; no order is promised
    finops_page_size: int = 10_000
    # what is in the way of a close, in Finance & Operations (08-blockers-and-tasks chapters 10 and 12)
    bi_sets: Literal["public", "hidden"] = "public"  # every set whose name ends in BiEntities
    snapshots: Literal["nightly", "absent", "empty", "old"] = "nightly"  # old: 36 hours more than they were
    snapshot_opening: Literal["period", "year"] = "period"  # whose opening balance each row holds
    snapshot_dimensions: Literal["partner", "account"] = (
        "partner"  # main account and trading partner, or main account alone
    )
    finops_expand: Literal["plain", "nested", "refused"] = "plain"  # nested: with options in parentheses
    periodic_journals: Literal["shown", "hidden"] = "shown"  # does LedgerJournalHeaders hold templates
    company_case: Literal["lower", "upper", "mixed"] = (
        "lower"  # dataAreaId; mixed: headers lower, lines upper
    )
    row_security: str = ""  # the code of a company whose work the application may not see
    missing_sets: str = ""  # names of sets that are not public, with commas between
    # Business Central
    bc_etag: Literal["base64", "short", "absent"] = "base64"
    bc_429: Literal["bare", "retry_after"] = "bare"
    bc_error_ids: Literal["present", "absent"] = (
        "present"  # " CorrelationId: ..." at the end of error messages
    )
    bc_company_fields: Literal["documented", "more"] = "documented"
    bc_page_size: int = 20_000
    # what is in the way of a close, in Business Central
    bc_companion: Literal["absent", "present", "partly", "forbidden"] = "absent"  # the optional extension
    bc_intercompany_app: Literal["present", "absent"] = "present"
    bc_options: Literal["encoded", "plain"] = "encoded"  # `In_x0020_Review` or `In Review`
    bc_zero_amounts: Literal["zero", "blank"] = "zero"  # trialBalances: "0.00" or ""
    bc_payment_lines: Literal["refused", "served"] = "refused"  # payments without their journal
    bc_concurrent: int = 5
    bc_queue: int = 95
    bc_rate: int = 6_000  # requests per 5 minutes and principal; 0: no limit

    def changed(self, switches: Mapping[str, Any]) -> Profile:
        """The profile with some switches set; raises ValueError with a sentence for an unknown switch or value."""
        hints = get_type_hints(Profile)
        for name, value in switches.items():
            if name not in hints:
                raise ValueError(f"There is no switch '{name}'; there are: {', '.join(hints)}.")
            if hints[name] is int:
                if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                    raise ValueError(f"'{name}' takes a whole number, not {value!r}.")
            elif hints[name] is str:
                if not isinstance(value, str):
                    raise ValueError(f"'{name}' takes a text, not {value!r}.")
            elif value not in get_args(hints[name]):
                raise ValueError(f"'{name}' is one of {', '.join(get_args(hints[name]))}, not {value!r}.")
        return replace(self, **dict(switches))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
