"""One evaluation: overdue flags, episodes, outages, reopenings, group closes, and the notices they cause."""
