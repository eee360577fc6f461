# PostgreSQL's image runs this once, in a new volume (compose.yaml). Redeemer's role owns its
# database, but may neither run programs nor read files in the container. The superuser `postgres`
# has no password afterwards, so it can be used only inside the container.
#
# The user of the container must be able to read this file: after a clone with umask 077, run
# `chmod 644 .docker/postgres-owner.sh`.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<END
CREATE ROLE redeemer LOGIN CREATEDB PASSWORD '$POSTGRES_PASSWORD';
CREATE DATABASE redeemer OWNER redeemer;
ALTER ROLE postgres PASSWORD NULL;
END
