"""A real OpenStack control plane on one machine, and a fleet of hosts on another network of it."""
