"""Parts that all screens share: the request, filters, labels, the page layout."""
