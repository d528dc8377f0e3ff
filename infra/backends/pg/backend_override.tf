# Copied beside versions.tf of both roots: the state is kept in PostgreSQL, and locked there.
terraform {
  backend "pg" {}
}
