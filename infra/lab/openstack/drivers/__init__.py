"""Modules that the control plane imports from this folder, each by its own name."""
