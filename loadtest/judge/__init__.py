"""The judge's report: what a run showed, second by second, on one page."""
