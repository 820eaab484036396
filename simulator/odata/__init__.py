"""OData as the ERPs speak it."""
