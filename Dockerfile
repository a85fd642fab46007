# One image is server, agent and ops: its entrypoint is `compliance`. docs/containers.md says how it is run.
# The base is pinned by tag. To pin the bytes: --build-arg PYTHON=python:3.13.16-slim-trixie@sha256:...
ARG PYTHON=python:3.13.16-slim-trixie

FROM ${PYTHON} AS wheels
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --constraint constraints.txt --wheel-dir /wheels/libraries '.[all]' \
    && mkdir /wheels/own \
    && mv /wheels/libraries/compliance_monitor-*.whl /wheels/own/

FROM ${PYTHON}
RUN useradd --uid 10001 --user-group --home-dir /var/lib/compliance --shell /usr/sbin/nologin compliance \
    && install --directory --mode 700 --owner compliance --group compliance /var/lib/compliance /run/passwords \
    && python -m venv --without-pip /opt/compliance
# Two layers: an upgrade that changes no library sends a small one only. Compiled here, for the root may be read-only.
RUN --mount=type=bind,from=wheels,source=/wheels/libraries,target=/wheels \
    pip --python /opt/compliance/bin/python install --no-cache-dir --no-index --no-deps --compile /wheels/*.whl
RUN --mount=type=bind,from=wheels,source=/wheels/own,target=/wheels \
    pip --python /opt/compliance/bin/python install --no-cache-dir --no-index --no-deps --compile /wheels/*.whl
COPY container/*.py /usr/local/lib/compliance/

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="compliance" \
      org.opencontainers.image.description="Continuous compliance monitoring for hosts: agent, server, reports and ops." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/compliance/bin:$PATH \
    COMPLIANCE_STATE_DIR=/var/lib/compliance \
    PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /var/lib/compliance
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --start-interval=2s --retries=3 \
    CMD ["python", "/usr/local/lib/compliance/health.py"]
ENTRYPOINT ["compliance"]
CMD ["--help"]
