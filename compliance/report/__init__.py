"""Terminal reports: read the API, and show what it answers with all that it does not know."""
