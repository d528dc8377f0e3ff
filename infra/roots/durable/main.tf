# What outlives servers: data and addresses. A state of its own, so that destroying hosts cannot reach it.

module "lookups" {
  source = "../../modules/lookups"

  external_network = var.external_network
  volume_zones     = toset([for volume in var.volumes : volume.zone if volume.zone != null])
}

module "budget" {
  source = "../../modules/budget"

  volumes      = { for key, volume in var.volumes : key => volume.gb }
  floating_ips = length(local.purposes)
  quota        = module.lookups.quota
  envelope     = var.envelope
}

module "data_volumes" {
  source = "../../modules/data_volumes"

  environment = var.environment
  volumes     = var.volumes
  volume_type = var.volume_type
}

module "public_addresses" {
  source = "../../modules/public_addresses"

  environment      = var.environment
  external_network = var.external_network
  purposes         = local.purposes
}

locals {
  purposes = {
    vip  = "what buyers call"
    jump = "SSH of administrators"
  }
}
