"""Releases: a program and all it needs as one file that a host installs without any index."""
