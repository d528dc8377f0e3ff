"""The OpenStack services: configuration, schemas, processes, and what a cloud brings along."""
