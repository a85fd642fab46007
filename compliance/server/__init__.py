"""The server: takes reports, keeps them as intervals, and answers what was true at any moment."""
