# environments/production/hosts.backend.hcl; durable.backend.hcl differs in `schema_name` alone.
# Where and as whom comes from PG_CONN_STR: postgres://operator@state.example.org/terraform?sslmode=verify-full
# and the password from PGPASSWORD or ~/.pgpass, never from a file here.
#
# Locked by PostgreSQL's advisory locks: a client that dies lets go by itself.
# Encrypted on the way by TLS (verify-full); at rest by the disk of that server, for PostgreSQL does not.
schema_name = "production_hosts"
