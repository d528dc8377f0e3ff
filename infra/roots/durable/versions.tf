terraform {
  required_version = ">= 1.9.0"

  # Where the state is, `terraform init -backend-config=…` says; backends/ has others for more than one person.
  backend "local" {}

  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = ">= 1.54.1, < 4.0.0"
    }
  }
}

# Which cloud and who we are there comes from OS_CLOUD and clouds.yaml, never from here.
provider "openstack" {}
