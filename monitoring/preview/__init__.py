"""Pictures of the dashboards, drawn from a real Prometheus without Grafana."""

from monitoring.preview.command import add_to

__all__ = ["add_to"]
