"""The types of what comes in, as the OpenAPI document of the contract has them."""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An int64; one that names nothing is 'not found', not 'malformed'."""
Page = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=20)]
RowNumber = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
