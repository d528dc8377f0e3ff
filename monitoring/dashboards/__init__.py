"""What operators look at: one module per dashboard, each plain data in the words of `model.py`."""

import warnings

with warnings.catch_warnings():
    # The SDK recommends the schema that comes next; Grafana 12 is given files in this one.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.bargauge
    import grafana_foundation_sdk.builders.dashboard  # noqa: F401
