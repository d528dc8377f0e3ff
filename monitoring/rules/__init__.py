"""What Prometheus computes and what it alerts on."""
