resource "openstack_networking_network_v2" "this" {
  name           = "${var.environment}-network"
  admin_state_up = true
  tags           = local.tags
}

resource "openstack_networking_subnet_v2" "this" {
  name            = "${var.environment}-subnet"
  network_id      = openstack_networking_network_v2.this.id
  cidr            = var.cidr
  ip_version      = 4
  gateway_ip      = cidrhost(var.cidr, 1)
  dns_nameservers = var.dns_servers
  tags            = local.tags

  # The addresses below are given by meaning (the edges' shared one), the rest by the cloud.
  allocation_pool {
    start = cidrhost(var.cidr, local.reserved)
    end   = cidrhost(var.cidr, -2)
  }
}

resource "openstack_networking_router_v2" "this" {
  name                = "${var.environment}-router"
  admin_state_up      = true
  external_network_id = var.external_network_id
  tags                = local.tags
}

resource "openstack_networking_router_interface_v2" "this" {
  router_id = openstack_networking_router_v2.this.id
  subnet_id = openstack_networking_subnet_v2.this.id
}

locals {
  reserved = 16
  tags     = ["biletter", "env:${var.environment}"]
}
