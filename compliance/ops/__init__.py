"""Puts the server on AWS: templates, change sets, images, and how all of it stands. Synchronous."""
