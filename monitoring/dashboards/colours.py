"""Colours that mean the same on every dashboard."""

STATUS_CLASSES = (
    ("1xx|other", "gray"),
    ("2xx", "green"),
    ("3xx", "blue"),
    ("4xx", "orange"),
    ("5xx", "red"),
)
SEATS = (("free.*", "blue"), ("held.*", "orange"), ("sold.*", "green"))
