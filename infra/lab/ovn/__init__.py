"""OVN: its databases, what stands in for the chassis, and its trace of a packet."""
