"""The agent: looks at one host and tells the server what changed. Synchronous, and alone on its host."""
