"""HTTP: each handler decodes, authorises, makes one call, and answers."""
