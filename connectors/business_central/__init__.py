"""Reading Dynamics 365 Business Central."""
