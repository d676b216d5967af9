"""Changes of an endpoint that count only when it answers a recorded sample as batch inference did."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from mlops_core.adapters.serving.protocol import EndpointError, EndpointState, ServingEndpoint, Traffic
from mlops_core.deployment.endpoint_sample import DifferentAnswersError, Sample


class NotServedError(RuntimeError):
    """A version does not serve: a sentence with what serves instead. `differs` when its answers are the reason."""

    def __init__(self, sentence: str, *, differs: bool) -> None:
        super().__init__(sentence)
        self.differs = differs


@dataclass(frozen=True)
class Answered:
    """An endpoint that has answered the sample of a version, in `seconds` for all of its records in one request."""

    state: EndpointState
    seconds: float


def serve_verified(
    endpoint: ServingEndpoint, traffic: Traffic, version: int, sample: Sample, recorded: Traffic | None
) -> Answered:
    """Let the endpoint serve `traffic`, in which `version` is, and see that it answers the version's sample.

    Args:
        recorded: what it was left with by an earlier run, where there was one: what is served again when the sample is
            answered otherwise and the endpoint served `traffic` already, for that run's host may have been killed.

    Raises:
        EndpointError: the traffic could not be served; what answered before still does.
        NotServedError: the sample was answered differently, or not at all; what served before does again.
    """
    before = endpoint.state().served
    state = endpoint.serve(traffic)
    try:
        return Answered(state, require_same(endpoint, version, sample))
    except (EndpointError, DifferentAnswersError) as error:
        said, differs = str(error).rstrip("."), isinstance(error, DifferentAnswersError)
        why = f"Version {version} does not serve on the endpoint {endpoint.name}: {said}"
        raise NotServedError(f"{why}; {_put_back(endpoint, traffic, before, recorded)}", differs=differs) from error


def require_same(endpoint: ServingEndpoint, version: int, sample: Sample) -> float:
    """The seconds in which `version` answers its sample as batch inference did.

    Raises:
        EndpointError, DifferentAnswersError: it does not.
    """
    began = perf_counter()
    answers = endpoint.answer(sample.records, version)
    seconds = perf_counter() - began
    sample.require_same(answers)
    return seconds


def changed_meanwhile(endpoint: ServingEndpoint, traffic: Traffic) -> str:
    """Empty while `traffic` is served and stays; else what another run or a person serves, which is left alone."""
    state = endpoint.state()
    if state.served == traffic and not state.is_updating:
        return ""
    return f"somebody else has changed it meanwhile: {state.pending or state.served or 'nothing'} serves"


def _put_back(endpoint: ServingEndpoint, traffic: Traffic, before: Traffic | None, recorded: Traffic | None) -> str:
    back = recorded if before == traffic else before
    try:
        if changed := changed_meanwhile(endpoint, traffic):
            return changed
        if before is None:
            endpoint.remove()
            return "the endpoint, which had served nothing before, was removed"
        if back is None or back == traffic:
            return f"it goes on with {traffic}, for no earlier version is known that could serve"
        endpoint.serve(back)
    except EndpointError as error:
        return f"and it still serves {traffic}, for it could not be put back to {back or 'nothing'}: {error}"
    return f"{back} serves again"
