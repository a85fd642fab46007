"""Continuous compliance monitoring for hosts: an agent, a server, policies, reports, and AWS."""

__version__ = "0.1.0"
