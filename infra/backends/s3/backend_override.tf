# Copied beside versions.tf of both roots: the state is kept in a bucket, and locked there.
terraform {
  backend "s3" {}
}
