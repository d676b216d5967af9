"""The serving endpoint of a model, as a target's variable `endpoint` states it; an empty mapping is none."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mlops_core.config.target_values import AsText, Count, CountOrZero, Flag, Text, Whole, fault
from mlops_core.config.workflows import Frozen

ENDPOINT_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def _endpoint_name(name: str) -> str:
    if not ENDPOINT_NAME.fullmatch(name):
        raise fault("", "it should be at most 63 letters, digits, dashes and underscores, as the endpoints' names are")
    return name


EndpointName = Annotated[Text, AfterValidator(_endpoint_name)]
EmptyMappingIsNone = BeforeValidator(lambda stated: None if stated == {} else stated)


class OnlineStore(Frozen):
    """The store of the workspace to which looked-up feature tables are published; one that is missing is created."""

    name: EndpointName
    capacity: Annotated[Literal["CU_1", "CU_2", "CU_4", "CU_8"], AsText] = "CU_1"


class Endpoint(Frozen):
    """What serves the champion, request by request.

    `timeout_minutes`: how long a deployment is waited for. `canary_percent` of the requests go to a new champion for
    `canary_minutes` before all do; 0 lets it serve at once. `sample_rows`: how many recorded events an endpoint must
    answer as batch inference does. `moved_by_hand`: whether an endpoint that somebody changed is only reported, or put
    back too.
    """

    name: EndpointName
    workload_size: Annotated[Literal["Small", "Medium", "Large"], AsText] = "Small"
    scale_to_zero: Flag = True
    timeout_minutes: Count = 45
    canary_percent: Annotated[Whole, Field(ge=0, le=50)] = 0
    canary_minutes: CountOrZero = 60
    sample_rows: Annotated[Whole, Field(ge=1, le=1_000)] = 20
    moved_by_hand: Annotated[Literal["report", "put_back"], AsText] = "report"
    online_store: Annotated[OnlineStore | None, EmptyMappingIsNone] = None
