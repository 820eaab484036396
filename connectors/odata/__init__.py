"""Reads OData lists with tokens of Microsoft Entra, as both Dynamics ERPs serve them."""
