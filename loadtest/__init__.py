"""Load scenarios of the hackathon as named experiments; they know the service by its API alone."""
