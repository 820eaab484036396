"""Writes `$metadata`: the served sets in CSDL 4.0 with their keys and enumerations."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from simulator.odata.tables import BC_NAMESPACE, ENUMS, NAMESPACE, EntitySet


def finops_metadata(sets: Iterable[EntitySet]) -> bytes:
    return _metadata(NAMESPACE, "Resources", list(sets))


def bc_metadata(sets: Iterable[EntitySet]) -> bytes:
    return _metadata(BC_NAMESPACE, "NAV", list(sets))


def _metadata(namespace: str, container: str, sets: list[EntitySet]) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">',
        "<edmx:DataServices>",
        f'<Schema Namespace="{namespace}" xmlns="http://docs.oasis-open.org/odata/ns/edm">',
    ]
    for name in sorted({column.type for entity in sets for column in entity.columns if column.type in ENUMS}):
        lines.append(f"<EnumType Name={quoteattr(name)}>")
        lines += [
            f'<Member Name={quoteattr(member)} Value="{value}"/>' for member, value in ENUMS[name].items()
        ]
        lines.append("</EnumType>")
    types = {entity.name: entity.type for entity in sets}
    for entity in sets:
        keys = "".join(f"<PropertyRef Name={quoteattr(name)}/>" for name in entity.key)
        lines.append(f"<EntityType Name={quoteattr(entity.type)}>" + (f"<Key>{keys}</Key>" if keys else ""))
        for column in entity.columns:
            kind = f"{namespace}.{column.type}" if column.type in ENUMS else f"Edm.{column.type}"
            scale = ' Scale="variable"' if column.type == "Decimal" else ""
            null = "" if column.nullable else ' Nullable="false"'
            lines.append(f'<Property Name={quoteattr(column.name)} Type="{kind}"{null}{scale}/>')
        for way in (one for one in entity.navigation if one.target in types):
            kind = f"{namespace}.{types[way.target]}"
            kind = f"Collection({kind})" if way.many else kind
            lines.append(f'<NavigationProperty Name="{way.name}" Type="{kind}"/>')
        if entity.name == "companies" and namespace == BC_NAMESPACE:
            lines += [
                f'<NavigationProperty Name="{other.name}" Type="Collection({namespace}.{other.type})" '
                'ContainsTarget="true"/>'
                for other in sets
                if other is not entity
            ]
        lines.append("</EntityType>")
    lines.append(f'<EntityContainer Name="{container}">')
    for entity in sets:
        lines.append(f'<EntitySet Name={quoteattr(entity.name)} EntityType="{namespace}.{entity.type}"/>')
    lines += ["</EntityContainer>", "</Schema>", "</edmx:DataServices>", "</edmx:Edmx>"]
    return "\n".join(lines).encode()
