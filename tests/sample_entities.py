"""The entities of the worked example (01-domain 1.8): names, owners, countries and deadlines."""

from __future__ import annotations

from dataclasses import dataclass

from closing.scoreboard.board import GroupNode


@dataclass(frozen=True)
class SampleEntity:
    """A legal entity of the worked example, before any database."""

    code: str
    name: str
    country: str
    zone: str
    group: str
    owner: str
    due_on: str  # for May 2026, ISO
    label: str
    explanation: str


MERIDIAN = GroupNode("MERIDIAN", "Meridian Group", "")
UK = GroupNode("UK", "United Kingdom", "MERIDIAN")
EUROPE = GroupNode("EUROPE", "Continental Europe", "MERIDIAN")
AMERICAS = GroupNode("AMERICAS", "Americas", "MERIDIAN")
GROUPS = (MERIDIAN, UK, EUROPE, AMERICAS)

_DAY_ZERO = (
    "6th working day after Sun 31 May 2026, {} calendar, "
    "counting from day zero (Mon 1 June = 0): Tue 9 June 2026"
)

UKHC = SampleEntity(
    "UKHC",
    "UK HoldCo",
    "GB",
    "Europe/London",
    "UK",
    "Amira Hale",
    "2026-06-09",
    "WD6",
    _DAY_ZERO.format("England"),
)
UKRT = SampleEntity(
    "UKRT",
    "UK Retail Ltd",
    "GB",
    "Europe/London",
    "UK",
    "Amira Hale",
    "2026-06-09",
    "WD6",
    _DAY_ZERO.format("England"),
)
USRT = SampleEntity(
    "USRT",
    "US Retail Inc",
    "US",
    "America/New_York",
    "AMERICAS",
    "Dana Whitfield",
    "2026-06-11",
    "agreed",
    "agreed date: Thu 11 June 2026, agreed by R. Bell (new warehouse system)",
)
NLDT = SampleEntity(
    "NLDT",
    "EU DTC BV",
    "NL",
    "Europe/Amsterdam",
    "EUROPE",
    "Sanne de Wit",
    "2026-06-09",
    "WD6",
    _DAY_ZERO.format("Netherlands"),
)
FOUR_ENTITIES = (UKHC, UKRT, USRT, NLDT)


def _more(code: str, name: str, country: str, zone: str, group: str, owner: str) -> SampleEntity:
    return SampleEntity(
        code, name, country, zone, group, owner, "2026-06-09", "WD6", _DAY_ZERO.format(country)
    )


TWELVE_ENTITIES = (
    *FOUR_ENTITIES,
    _more("UKWS", "UK Wholesale Ltd", "GB", "Europe/London", "UK", "Tom Okafor"),
    _more("IEOP", "Ireland Operations", "IE", "Europe/Dublin", "EUROPE", "Aoife Byrne"),
    _more("DEVT", "Vertrieb GmbH", "DE", "Europe/Berlin", "EUROPE", "Jonas Krüger"),
    _more("FRSA", "Distribution SAS", "FR", "Europe/Paris", "EUROPE", "Claire Morel"),
    _more("ESIB", "Ibérica SL", "ES", "Europe/Madrid", "EUROPE", "Marta Ruiz"),
    _more("USHQ", "US Holdings LLC", "US", "America/New_York", "AMERICAS", "Dana Whitfield"),
    _more("CALC", "Canada Ltd", "CA", "America/Toronto", "AMERICAS", "Luc Tremblay"),
    _more("MXCO", "México SA", "MX", "America/Mexico_City", "AMERICAS", "Luc Tremblay"),
)
