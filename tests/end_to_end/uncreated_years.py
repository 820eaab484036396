"""Companies of Business Central whose fiscal year was not created, or that keep no accounting periods."""

from __future__ import annotations

STORY = """
bizcentral:
  companies:
    - {code: BARE, name: No Periods Ltd, periods: none}
    - {code: LATE, name: Late Year Ltd, periods: {from: 2025, to: 2025}}
    - {code: LONG, name: Long Ago Ltd, periods: {from: 2021, to: 2022}}
    - {code: TWELVE, name: Twelve Rows Ltd, periods: {from: 2025, to: 2025, lone_row: false}}
    - {code: WEEKS, name: Weeks Ltd, periods: {from: 2024, to: 2025, weeks: 4-4-5}}
    - {code: SIXTH, name: Sixth of April Ltd, periods: {from: 2024, to: 2025, start_day: 6}, year_starts: 4}
    - {code: MID, name: Mid Month Ltd, periods: {from: 2024, to: 2025, start_day: 16}}
"""
CODES = ("BARE", "LATE", "LONG", "TWELVE", "WEEKS", "SIXTH", "MID")
GROUP_FILE = """
groups: [{code: TOP, name: Top}]
calendars: [{code: ENGLAND, name: England, country: GB, subdivision: ENG}]
people: [{email: rosa@example.com, name: Rosa Bell, roles: [{role: finance, group: TOP}]}]
connections:
  - {name: bc, kind: business_central, base_url: URL, authority: URL, tenant: periods.example,
     environment: production, client_id: simulator, secret: simulator}
policies: [{group: TOP, working_day: 6}]
entities:
"""
ENTITY = (
    "  - {{code: {0}, name: {0}, country: GB, zone: Europe/London, group: TOP, calendar: ENGLAND, connection: bc,"
    " erp_id: {1}}}\n"
)
