# One image for everything that runs a project's code: the code server, runs, and with docker compose also the
# webserver and the daemon. It holds every project of the repository, and serves PROJECT unless its command names another.
# Build it with scripts/build_image.sh, which says the project, the commit and the reference.

# Steps refuse to start when Python's minor version differs between here and the compute of databricks.yml: serverless
# environment version 5 has Python 3.12. Change both together; `python -m my_mlops_stacks doctor` compares them.
ARG PYTHON=python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c

FROM ${PYTHON} AS build
# The same holds for major.minor of pyspark, which the runtime brings and constraints.txt leaves out.
ARG PYSPARK=4.1
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/opt/venv
ARG UV="uv==0.13.9 --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19"
RUN echo "$UV" | pip install --no-cache-dir --require-hashes --requirement /dev/stdin && uv venv /opt/venv
WORKDIR /build
# Dependencies first: they change seldom, and this layer is then taken from the cache.
COPY pyproject.toml setup.py setup.cfg constraints.txt LICENSE ./
RUN uv pip install -c constraints.txt ".[deployed]" "pyspark[connect]==${PYSPARK}.*"
COPY . .
RUN uv pip install --no-deps --reinstall-package my_mlops_stacks .
# Whatever starts Dagster's webserver, as its chart does, starts the one that no page of another site can use.
RUN printf '#!/bin/sh\nexec /opt/venv/bin/python -m mlops_core.adapters.webserver "$@"\n' >/opt/venv/bin/dagster-webserver

FROM ${PYTHON}
# LightGBM's wheel needs OpenMP, which the slim image leaves out.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home dagster \
    && install --directory --owner dagster /opt/dagster/dagster_home /opt/dagster/dagster_home/storage
COPY --from=build /opt/venv /opt/venv
# The instance of docker compose; on Kubernetes, Dagster's chart mounts its own file over it.
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/dagster_home/

# Last, because they differ in every build.
ARG PROJECT=my_mlops_stacks
ARG GIT_COMMIT=unknown
ARG IMAGE=
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/opt/dagster/dagster_home \
    DAGSTER_CURRENT_IMAGE=${IMAGE} \
    MLOPS_PROJECT=${PROJECT} \
    GIT_COMMIT=${GIT_COMMIT}
LABEL org.opencontainers.image.revision=${GIT_COMMIT}

# By its number: Kubernetes' runAsNonRoot does not look up names.
USER 10001
WORKDIR /opt/dagster
EXPOSE 4000
# A command, not an entry point: Dagster's chart, its agents and its run launchers put their own command in its place.
CMD ["sh", "-c", "exec dagster api grpc --host 0.0.0.0 --port 4000 --module-name $MLOPS_PROJECT.definitions"]
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["dagster", "api", "grpc-health-check", "--port", "4000"]
