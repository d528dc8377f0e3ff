"""A real OpenStack control plane on one machine, to apply Terraform to; no server ever boots."""
