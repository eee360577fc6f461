# One image for the site, the workers, beat and the commands. See compose.yaml and
# docs/explanation/scaling.md.
ARG PYTHON=python:3.11.14-slim-bookworm

# --- The build stage: packages and static files. pip and its caches stay here --------------------
FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /srv/redeemer
# The requirements come first: their layer is reused until they change.
COPY .ci/install.py .ci/
COPY requirements.txt ./
# `make up` installs in the same way: pip checks every file against its hash, and resolves nothing.
RUN ["python", ".ci/install.py", ".venv/.installed", "requirements.txt"]
COPY manage.py ./
COPY .docker/with-password .docker/
COPY redeemer redeemer
COPY giftcodes giftcodes
COPY simulator simulator
COPY templates templates
# COPY keeps the modes of the files. After a clone with umask 077, only root could read the code.
RUN chmod -R a+rX manage.py .docker redeemer giftcodes simulator templates
# Compile the code now, because the files are read-only when the container runs. Copying may change
# the dates of the files, so the mode `unchecked-hash` ignores them.
COPY .ci/sbom.py .ci/
# The list of packages (CycloneDX) is sbom.cdx.json in the image's working directory.
ARG SOURCE_DATE_EPOCH
RUN ./.venv/bin/python .ci/sbom.py requirements.txt > sbom.cdx.json
RUN ./.venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && ./.venv/bin/python -m compileall -q --invalidation-mode unchecked-hash \
       redeemer giftcodes simulator

# --- The image that runs -------------------------------------------------------------------------
FROM ${PYTHON}
# `make image` gives these values.
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=
LABEL org.opencontainers.image.title="Redeemer" \
    org.opencontainers.image.description="Redeems gift codes for every member of every guild, once." \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.licenses="MIT"
ENV PATH=/srv/redeemer/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REDEEMER_HOME=/var/lib/redeemer
# Only commands write to this folder: they store the first administrator's password and backups.
RUN useradd --system --uid 10001 --home-dir /var/lib/redeemer --shell /usr/sbin/nologin redeemer \
    && install -d -o redeemer -g redeemer -m 0700 /var/lib/redeemer
# The code belongs to root, so that the user who runs it cannot change it.
COPY --from=build /srv/redeemer /srv/redeemer
WORKDIR /srv/redeemer
USER 10001
EXPOSE 8000
# On SIGTERM, workers finish the requests that they have sent, and begin no others.
STOPSIGNAL SIGTERM
# Healthy means that beat ticks, a worker takes the ticks, and this container reaches the database.
# The site has its own check (compose.yaml).
HEALTHCHECK --interval=60s --timeout=15s --start-period=90s --retries=3 \
    CMD ["/srv/redeemer/.docker/with-password", "python", "manage.py", "pulse"]
ENTRYPOINT ["/srv/redeemer/.docker/with-password"]
CMD ["python", "manage.py", "status"]
