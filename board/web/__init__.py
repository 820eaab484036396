"""What every screen needs: the request, filters, labels, the frame around a page."""
