# Everything that may be made anew: network, groups, servers, and what ties them to the durable root.

module "lookups" {
  source = "../../modules/lookups"

  images           = local.image_names
  flavors          = local.flavor_names
  external_network = var.external_network
  server_zones     = toset([for host in var.hosts : host.zone if host.zone != null])
}

module "budget" {
  source = "../../modules/budget"

  hosts        = local.sized_hosts
  image_ids    = { for name, image in module.lookups.images : name => image.id }
  running      = local.sized_running
  replacing    = var.replacing
  volumes      = { for key, volume in var.durable.volumes : key => volume.gb }
  floating_ips = length(var.durable.floating_ips)
  quota        = module.lookups.quota
  envelope     = var.envelope
  prices       = var.prices
  days         = var.days
  budget_tenge = var.budget_tenge

  network_objects = {
    ports                = length(var.hosts) + local.other_ports
    security_groups      = length(local.table.roles) + 2 # Everybody's, and the project's default one.
    security_group_rules = length(module.security.openings)
  }
}

module "network" {
  source = "../../modules/network"

  environment         = var.environment
  cidr                = var.cidr
  dns_servers         = var.dns_servers
  external_network_id = module.lookups.external_network_id
}

module "security" {
  source = "../../modules/security"

  environment = var.environment
  admin_cidrs = var.admin_cidrs
  table       = local.table
}

module "edge_address" {
  source = "../../modules/edge_address"

  environment        = var.environment
  network_id         = module.network.network_id
  subnet_id          = module.network.subnet_id
  address            = local.vip
  floating_ip        = var.durable.floating_ips["vip"].address
  security_group_ids = module.security.group_ids["edge"]
}

module "servers" {
  source = "../../modules/servers"

  environment        = var.environment
  admin_keys         = var.admin_keys
  network_id         = module.network.network_id
  subnet_id          = module.network.subnet_id
  security_group_ids = module.security.group_ids
  shared_addresses   = { edge = [local.vip] }
  data_volumes       = { for key, volume in var.durable.volumes : key => volume.id }
  floating_ips       = { (local.jump) = var.durable.floating_ips["jump"].address }
  anti_affinity      = var.anti_affinity
  volume_type        = var.volume_type

  hosts = {
    for key, host in var.hosts : key => {
      role      = host.role
      flavor_id = module.lookups.flavors[host.flavor].id
      image_id  = module.lookups.images[local.images[key]].id
      min_gb    = module.lookups.images[local.images[key]].min_gb
      boot_gb   = host.boot_gb
      zone      = host.zone
    }
  }
}

locals {
  table = yamldecode(file("${path.module}/../../rules.yaml"))

  # The host that administrators enter by; its role has exactly one.
  jump = one([for key, host in var.hosts : key if host.role == local.table.jump])

  # The address that the edges share is outside the range that the cloud gives out.
  vip = cidrhost(var.cidr, 10)

  # The shared address, the router's two ends, and the cloud's own port for DHCP.
  other_ports = 4

  images      = { for key, host in var.hosts : key => coalesce(host.image, var.image) }
  image_names = toset(values(local.images))

  flavor_names = toset(concat(
    [for host in var.hosts : host.flavor],
    [for host in var.running : host.flavor if host.vcpus == null || host.ram_mb == null],
  ))

  sized_hosts = {
    for key, host in var.hosts : key => {
      role    = host.role
      flavor  = host.flavor
      image   = local.images[key]
      boot_gb = host.boot_gb
      zone    = host.zone
      vcpus   = module.lookups.flavors[host.flavor].vcpus
      ram_mb  = module.lookups.flavors[host.flavor].ram_mb
    }
  }

  sized_running = {
    for key, host in var.running : key => merge(host, {
      vcpus  = host.vcpus != null ? host.vcpus : module.lookups.flavors[host.flavor].vcpus
      ram_mb = host.ram_mb != null ? host.ram_mb : module.lookups.flavors[host.flavor].ram_mb
    })
  }
}
