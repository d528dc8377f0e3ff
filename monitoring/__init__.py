"""What operators see and what wakes them: Python, made into files by `python -m monitoring`."""
