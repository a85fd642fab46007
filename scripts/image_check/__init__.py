"""`make image-check`: the Dockerfile and the compose file as they are, on a real Docker, from nothing to a report."""
