"""Everything that runs the service on one machine for a developer; production has none of it."""
