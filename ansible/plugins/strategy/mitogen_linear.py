"""Ansible's own strategy, with one Python kept on each host instead of one for each task."""

from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule

__all__ = ["StrategyModule"]
