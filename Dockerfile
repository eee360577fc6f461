# One image for the site, the workers, beat and the commands: compose.yaml says which runs what. docs/how-to/install.md.
ARG PYTHON=python:3.11.14-slim-bookworm

# --- Packages and static files: pip and what it leaves behind stay in this stage --------------------------------------
FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /srv/redeemer
# The requirements first: while they are the same, their layer is.
COPY .ci/install.py .ci/
COPY requirements.txt ./
# Every file is checked against its hash, and nothing is resolved: the same as `make up` does.
RUN ["python", ".ci/install.py", ".venv/.installed", "requirements.txt"]
COPY manage.py ./
COPY .docker/with-password .docker/
COPY redeemer redeemer
COPY giftcodes giftcodes
COPY simulator simulator
COPY templates templates
# Nothing is compiled at a start: the files cannot be written then. Unchecked, because copying may change their dates.
RUN ./.venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && ./.venv/bin/python -m compileall -q --invalidation-mode unchecked-hash redeemer giftcodes simulator

# --- What runs --------------------------------------------------------------------------------------------------------
FROM ${PYTHON}
ENV PATH=/srv/redeemer/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REDEEMER_HOME=/var/lib/redeemer
# The home is all that is written to, and only by commands: the first administrator's password, and backups.
RUN useradd --system --uid 10001 --home-dir /var/lib/redeemer --shell /usr/sbin/nologin redeemer \
    && install -d -o redeemer -g redeemer -m 0700 /var/lib/redeemer
# The code belongs to root: the user it runs as cannot change it.
COPY --from=build /srv/redeemer /srv/redeemer
WORKDIR /srv/redeemer
USER 10001
EXPOSE 8000
# SIGTERM: workers finish the requests that they have sent, and take no further ones.
STOPSIGNAL SIGTERM
# Beat ticks, a worker takes the ticks, and the database answers from here. The site has its own question (compose.yaml).
HEALTHCHECK --interval=60s --timeout=15s --start-period=90s --retries=3 \
    CMD ["/srv/redeemer/.docker/with-password", "python", "manage.py", "pulse"]
ENTRYPOINT ["/srv/redeemer/.docker/with-password"]
CMD ["python", "manage.py", "status"]
