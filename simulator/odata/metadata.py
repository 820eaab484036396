"""Answers `/metadata`: the catalogue of entities and enumerations that Finance & Operations serves as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.odata.tables import ENUMS, NAMESPACE, EntitySet
from simulator.web.wire import Answer, Refusal, Request, json_answer

TRANSACTIONS = (
    "Headers",
    "Lines",
    "BiEntities",
    "Trans",
    "Tables",
    "WorkItems",
    "Snapshots",
)  # ends of names


def answer(request: Request, rest: str, sets: Mapping[str, EntitySet]) -> Answer:
    """Answer `/metadata/{rest}`; raises `Refusal` 404 for an unknown path. Query options are ignored."""
    name, _, key = rest.strip("/").partition("(")
    items = {
        "DataEntities": [_data_entity(item) for item in sets.values()],
        "PublicEntities": [_public_entity(item) for item in sets.values()],
        "PublicEnumerations": [_enumeration(name) for name in _used(sets)],
    }.get(name)
    if items is None:
        raise Refusal(404, f"No HTTP resource was found that matches the request URI '/metadata/{rest}'.")
    context = f"{request.origin}/metadata/$metadata#{name}"
    if not key:
        return json_answer({"@odata.context": context, "value": items})
    for item in items:
        if key == f"'{item['Name']}')":
            return json_answer({"@odata.context": f"{context}/$entity", **item})
    raise Refusal(404, f"There is no {name}({key}.")


def _used(sets: Mapping[str, EntitySet]) -> list[str]:
    return sorted(
        {column.type for entity in sets.values() for column in entity.columns if column.type in ENUMS}
    )


def _data_entity(entity_set: EntitySet) -> dict[str, Any]:
    return {
        "Name": entity_set.aot or entity_set.type,
        "PublicEntityName": entity_set.type,
        "PublicCollectionName": entity_set.name,
        "LabelId": "",
        "DataServiceEnabled": True,
        "DataManagementEnabled": True,
        "EntityCategory": "Transaction" if entity_set.name.endswith(TRANSACTIONS) else "Reference",
        "IsReadOnly": False,
    }


def _public_entity(entity_set: EntitySet) -> dict[str, Any]:
    return {
        "Name": entity_set.type,
        "EntitySetName": entity_set.name,
        "LabelId": "",
        "IsReadOnly": False,
        "ConfigurationEnabled": True,
        "Properties": [
            {
                "Name": column.name,
                "TypeName": f"{NAMESPACE}.{column.type}" if column.type in ENUMS else f"Edm.{column.type}",
                "DataType": "Enum" if column.type in ENUMS else column.type,
                "LabelId": "",
                "IsKey": column.name in entity_set.key,
                "IsMandatory": column.name in entity_set.key,
                "ConfigurationEnabled": True,
                "AllowEdit": column.name not in entity_set.key,
                "AllowEditOnCreate": True,
                "IsDimension": False,
                "DimensionRelation": None,
                "IsDynamicDimension": False,
                "DimensionLegalEntityProperty": None,
                "DimensionTypeProperty": None,
            }
            for column in entity_set.columns
        ],
        "NavigationProperties": [
            {
                "Name": way.name,
                "RelatedEntity": way.target,
                "Cardinality": "Multiple" if way.many else "Single",
            }
            for way in entity_set.navigation
        ],
        "PropertyGroups": [],
        "Actions": [],
    }


def _enumeration(name: str) -> dict[str, Any]:
    return {
        "Name": name,
        "LabelId": "",
        "Members": [
            {"Name": member, "Value": value, "LabelId": "", "ConfigurationEnabled": True}
            for member, value in ENUMS[name].items()
        ],
    }
