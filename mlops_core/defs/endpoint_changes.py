"""One change of an endpoint as a run makes it, and what the run says of it."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import ModelNotFoundError
from mlops_core.adapters.serving.protocol import BusyError, EndpointError, EndpointState, ServingEndpoint, Traffic
from mlops_core.adapters.serving.sample import NoSampleError, read_sample
from mlops_core.adapters.serving.verified import NotServedError, changed_meanwhile, require_same, serve_verified
from mlops_core.defs.endpoint_records import told
from mlops_core.defs.metadata import readable
from mlops_core.defs.refusals import Refused
from mlops_core.deployment.canary import FINISH, STAY, WITHDRAW, Plan, Recorded
from mlops_core.deployment.endpoint_sample import DifferentAnswersError, Sample
from mlops_core.version_record import VersionRecord

TRY_AGAIN = "to try it again, remove the tag endpoint_withdrawn of the version in the registry, and materialize again"


@dataclass(frozen=True)
class EndpointChange:
    """A change of `endpoint` for the sake of `champion`, whose recorded `sample` it must answer.

    `left` is what an earlier run left it with.
    """

    context: dg.AssetExecutionContext
    registry: ModelRegistry
    endpoint: ServingEndpoint
    champion: ModelVersion
    sample: Sample
    left: Recorded | None

    def made(self, plan: Plan, served: Traffic | None) -> dg.MaterializeResult:
        """What the run records after the change from what is `served`.

        Raises:
            Refused: the champion's version does not serve, and why; what served before does.
            EndpointError: the endpoint could not be changed.
        """
        if plan.step == WITHDRAW:
            self._withdraw(str(self.champion.record.endpoint_withdrawn), plan.traffic)
        if plan.step in (STAY, FINISH) and served is not None:
            self._require_passing(served)
        if plan.step == STAY:
            since = self.left.at if self.left and self.left.traffic == plan.traffic else None
            return self._result(plan.traffic, self.endpoint.state(), since=since)
        try:
            recorded = self.left.traffic if self.left else None
            answered = serve_verified(self.endpoint, plan.traffic, self.champion.version, self.sample, recorded)
        except NotServedError as error:
            if error.differs:
                self._mark(str(error))
            raise Refused(f"{error}" + (f"; {TRY_AGAIN}." if error.differs else ".")) from None
        return self._result(plan.traffic, answered.state, answered.seconds)

    def _require_passing(self, canary: Traffic) -> None:
        """Withdraw a canary whose version answers its sample otherwise, or alone does not answer: a busy endpoint, or
        one that does not answer for the other version either, says nothing of it.
        """
        try:
            require_same(self.endpoint, self.champion.version, self.sample)
        except (EndpointError, DifferentAnswersError) as error:
            not_judged = f"The canary of {self.endpoint.name} was not judged"
            if changed := changed_meanwhile(self.endpoint, canary):
                raise EndpointError(f"{not_judged}: {changed}.") from error
            if isinstance(error, EndpointError) and (why := self._no_verdict(error, canary.champion)):
                raise EndpointError(f"{not_judged}, and goes on: {why}; materialize it again later.") from error
            self._withdraw(str(error).rstrip("."), Traffic(canary.champion))

    def _no_verdict(self, error: EndpointError, beside: int) -> str | None:
        """Why an `error` in place of answers may not be the version's own; None when that `beside` it answers."""
        said = str(error).rstrip(".")
        if isinstance(error, BusyError):
            return said
        try:
            self.endpoint.answer(self._sample_of(beside).records, beside)
        except EndpointError:
            return f"{said}; nor does it answer for version {beside}"
        return None

    def _sample_of(self, version: int) -> Sample:
        """That of the version which serves beside the champion; where nobody has recorded one, the champion's."""
        try:
            return read_sample(self.registry, self.registry.get(version), "")
        except (ModelNotFoundError, NoSampleError):
            return self.sample

    def _withdraw(self, why: str, back: Traffic) -> None:
        """The way back; marked first, so that it is gone on with when the host is killed in between."""
        version = self.champion.version
        self._mark(why)
        self.endpoint.serve(back)
        said = f"Version {version} was withdrawn from the endpoint {self.endpoint.name}, and {back} serves: {why}"
        seen = {**told(self.endpoint.name, self.registry.model, back), "withdrawn_version": version}
        self.context.log_event(dg.AssetObservation(self.context.asset_key, description=said, metadata=seen))
        raise Refused(f"{said}; {TRY_AGAIN}.")

    def _mark(self, why: str) -> None:
        self.registry.write(self.champion, VersionRecord(endpoint_withdrawn=why))

    def _result(
        self, traffic: Traffic, state: EndpointState, seconds: float | None = None, since: float | None = None
    ) -> dg.MaterializeResult:
        metadata: dict[str, Any] = told(self.endpoint.name, self.registry.model, traffic, since)
        metadata |= {
            "traffic": str(traffic),
            "sample_rows": len(self.sample.records),
            "url": dg.MetadataValue.url(self.endpoint.url),
            "page": dg.MetadataValue.url(self.endpoint.page),
            "changed_by": state.changed_by or "unknown",
        }
        if seconds is not None:
            metadata["sample_seconds"] = readable(seconds)
        self.context.log.info(f"The endpoint {self.endpoint.name} serves {traffic}")
        return dg.MaterializeResult(metadata=metadata)
