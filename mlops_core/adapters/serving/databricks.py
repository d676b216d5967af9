"""A model serving endpoint of a Databricks workspace.

It serves versions by their number, never an alias: an alias that moves would deploy by itself. Databricks keeps the old
configuration answering until the new one is ready, and when that fails; it refuses a second change while one is under
way.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.serving.databricks_config import TAG, config_of, described, is_same
from mlops_core.adapters.serving.protocol import BusyError, EndpointError, EndpointState, Record, Traffic, served_name
from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.patient_calls import PatientCalls
from mlops_core.adapters.waiting import wait_until

if TYPE_CHECKING:
    from databricks.sdk.service.serving import EndpointCoreConfigInput, ServingEndpointDetailed

UNCHANGED = "what answered before still does"
RIGHTS = (
    "see that the pipeline's identity may create serving endpoints, or manages this one (CAN MANAGE), and has EXECUTE "
    "on the model"
)
BUSY = "give it a larger workload_size, or have its callers send less"
QUOTA = "remove an endpoint that nobody needs, or have the workspace's limit raised"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatabricksEndpoint:
    """`ServingEndpoint` of the workspace that `calls` reach; `model` is the registered model's full name.

    A deployment is waited for `timeout_s` seconds; `url` and `page` are addresses of the endpoint.
    """

    name: str
    model: str
    calls: PatientCalls
    url: str
    page: str
    workload_size: str = "Small"
    scale_to_zero: bool = True
    timeout_s: float = 2700.0

    def state(self) -> EndpointState:
        """See `ServingEndpoint.state`."""
        found = self._find()
        return EndpointState() if found is None else described(found, self.model)

    def serve(self, traffic: Traffic) -> EndpointState:
        """See `ServingEndpoint.serve`. A change that somebody else has begun is waited for first."""
        found = self._find()
        if found is None:
            return self._created(traffic)
        self._require_own(found)
        found = self._settled(f"the change that is under way, before {traffic} can be served,")
        if not self._serves(found, traffic):
            config = config_of(self.model, traffic, self.workload_size, self.scale_to_zero)
            logger.info("Endpoint %s changes to %s", self.name, traffic)
            self._change(config)
        return self._deployed(traffic)

    def answer(self, records: Sequence[Record], version: int | None = None) -> list[Any]:
        """See `ServingEndpoint.answer`. What may pass, a 429 or 503 among it, is repeated as `calls` are."""
        served = "" if version is None else f"/served-models/{served_name(version)}"
        path, body = f"/serving-endpoints/{self.name}{served}/invocations", {"dataframe_records": [*map(dict, records)]}
        try:
            answer = self.calls.make(lambda client: client.api_client.do("POST", path, body=body))
        except call_errors() as error:
            if (refused := _too_many(error)) is not None:
                raise BusyError(f"Endpoint {self.name} is busy: {_sentence(refused)}: {BUSY}.") from error
            raise EndpointError(f"Endpoint {self.name} does not answer: {_sentence(error)}.") from error
        predictions = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(predictions, list) or len(predictions) != len(records):
            raise EndpointError(
                f"Endpoint {self.name} has no prediction for each of {len(records)} records: see its logs, {self.page}."
            )
        return predictions

    def remove(self) -> None:
        """See `ServingEndpoint.remove`."""
        from databricks.sdk.errors import NotFound

        found = self._find()
        if found is None:
            return
        self._require_own(found)
        try:
            self.calls.make(lambda client: client.serving_endpoints.delete(self.name))
        except NotFound:  # an earlier attempt, whose answer was lost
            return
        except call_errors() as error:
            raise self._explained(error) from error

    def _created(self, traffic: Traffic) -> EndpointState:
        from databricks.sdk.errors import AlreadyExists, BadRequest, ResourceAlreadyExists
        from databricks.sdk.service.serving import EndpointTag

        config = config_of(self.model, traffic, self.workload_size, self.scale_to_zero)
        logger.info("Endpoint %s is created for %s", self.name, traffic)
        try:
            self.calls.make(
                lambda client: (
                    client.serving_endpoints.create(
                        self.name, config=config, tags=[EndpointTag(TAG, self.model)]
                    ).response
                )
            )
        except (AlreadyExists, ResourceAlreadyExists, BadRequest) as error:
            if (found := self._find()) is None:
                raise self._explained(error) from error
            self._require_own(found)  # an earlier attempt, whose answer was lost, or another run's
        except call_errors() as error:
            raise self._explained(error) from error
        try:
            return self._deployed(traffic)
        except EndpointError:
            if (found := self._find()) is not None and found.config is None and not _is_updating(found):
                self.remove()  # it has never answered: nothing is left half deployed
            raise

    def _change(self, config: EndpointCoreConfigInput) -> None:
        from databricks.sdk.errors import ResourceConflict

        entities, routes = config.served_entities, config.traffic_config
        try:
            self.calls.make(
                lambda client: (
                    client.serving_endpoints.update_config(
                        self.name, served_entities=entities, traffic_config=routes
                    ).response
                )
            )
        except ResourceConflict:  # an earlier attempt, whose answer was lost, or somebody else's change
            logger.info("Endpoint %s is being changed already", self.name)
        except call_errors() as error:
            raise self._explained(error) from error

    def _deployed(self, traffic: Traffic) -> EndpointState:
        found = self._settled(f"the deployment of {traffic}")
        if self._serves(found, traffic):
            return described(found, self.model)
        state = described(found, self.model)
        why = state.error or f"somebody else has changed it to {state.served or 'something else'}"
        raise EndpointError(
            f"Endpoint {self.name} does not serve {traffic}: {why}; {UNCHANGED}; see its build logs at {self.page}."
        )

    def _settled(self, what: str) -> ServingEndpointDetailed:
        """The endpoint when nothing about it changes any more."""
        seen = wait_until(self._existing, lambda found: not _is_updating(found), self.timeout_s)
        if _is_updating(seen):
            raise EndpointError(
                f"Endpoint {self.name} is not ready after {self.timeout_s / 60:.0f} minutes: {what} goes on, and can't "
                f"be called off; {UNCHANGED} until then. Look at {self.page}, and materialize the endpoint again when "
                "it is done; timeout_minutes of the target's endpoint says how long it is waited for."
            )
        return seen

    def _serves(self, found: ServingEndpointDetailed, traffic: Traffic) -> bool:
        asked = config_of(self.model, traffic, self.workload_size, self.scale_to_zero)
        return found.config is not None and is_same(found.config, asked)

    def _existing(self) -> ServingEndpointDetailed:
        found = self._find()
        if found is None:
            raise EndpointError(f"Endpoint {self.name} was removed while it was changed: materialize it again.")
        return found

    def _find(self) -> ServingEndpointDetailed | None:
        from databricks.sdk.errors import NotFound

        try:
            return self.calls.make(lambda client: client.serving_endpoints.get(self.name))
        except NotFound:
            return None
        except call_errors() as error:
            raise self._explained(error) from error

    def _require_own(self, found: ServingEndpointDetailed) -> None:
        state = described(found, self.model)
        foreign = [model for model in state.models if model != self.model]
        if state.tag == self.model and not foreign:
            return
        whose = f"serves {', '.join(foreign)}" if foreign else f"has no tag {TAG}={self.model}"
        fix = "set another name as endpoint.name of the target"
        adopt = "" if foreign else ", or give it that tag to hand it to this pipeline"
        raise EndpointError(
            f"The endpoint {self.name} is not this pipeline's: it {whose}, and {found.creator} made it; nothing was "
            f"changed: {fix}{adopt}."
        )

    def _explained(self, error: BaseException) -> EndpointError:
        from databricks.sdk.errors import PermissionDenied, TooManyRequests

        said = _sentence(error)
        is_full = isinstance(error, TooManyRequests) or re.search("limit|quota", said, re.IGNORECASE)
        advice = RIGHTS if isinstance(error, PermissionDenied) else QUOTA if is_full else ""
        return EndpointError(f"Endpoint {self.name}: {said}; {UNCHANGED}" + (f": {advice}." if advice else "."))


def _sentence(error: BaseException) -> str:
    return str(error).rstrip(".")


def _too_many(error: BaseException) -> BaseException | None:
    """The refusal of a call because there are too many, also where it was repeated in vain."""
    from databricks.sdk.errors import TooManyRequests

    return next((each for each in (error, error.__cause__) if isinstance(each, TooManyRequests)), None)


def _is_updating(found: ServingEndpointDetailed) -> bool:
    from databricks.sdk.service.serving import EndpointStateConfigUpdate

    return found.state is not None and found.state.config_update is EndpointStateConfigUpdate.IN_PROGRESS
