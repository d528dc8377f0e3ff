mock_provider "openstack" {}

variables {
  environment         = "test"
  cidr                = "10.20.0.0/24"
  dns_servers         = ["9.9.9.9", "1.1.1.1"]
  external_network_id = "00000000-0000-0000-0000-000000000001"
}

run "network_has_a_way_out_and_resolvers" {
  command = plan

  assert {
    condition     = openstack_networking_router_v2.this.external_network_id == var.external_network_id
    error_message = "The router leads nowhere."
  }
  assert {
    condition     = openstack_networking_subnet_v2.this.dns_nameservers == tolist(var.dns_servers)
    error_message = "Hosts are told no resolvers, or in another order."
  }
  assert {
    condition     = openstack_networking_subnet_v2.this.gateway_ip == "10.20.0.1"
    error_message = "The gateway is the first address."
  }
}

run "first_addresses_are_kept_back" {
  command = plan

  assert {
    condition     = one(openstack_networking_subnet_v2.this.allocation_pool).start == "10.20.0.16"
    error_message = "The cloud could give the shared address to a host."
  }
  assert {
    condition     = one(openstack_networking_subnet_v2.this.allocation_pool).end == "10.20.0.254"
    error_message = "The range ends before the broadcast address."
  }
}

run "what_is_made_carries_the_environment" {
  command = plan

  assert {
    condition = alltrue([for tags in [
      openstack_networking_network_v2.this.tags, openstack_networking_subnet_v2.this.tags, openstack_networking_router_v2.this.tags,
    ] : toset(tags) == toset(["biletter", "env:test"])])
    error_message = "Something could not be found again by its tags."
  }
}

run "smallest_network_is_accepted" {
  command = plan
  variables { cidr = "192.168.4.64/26" }

  assert {
    condition     = one(openstack_networking_subnet_v2.this.allocation_pool).end == "192.168.4.126"
    error_message = "The range does not end inside the network."
  }
}

run "no_network_is_refused" {
  command = plan
  variables { cidr = "ten" }
  expect_failures = [var.cidr]
}

run "bits_of_a_host_are_refused" {
  command = plan
  variables { cidr = "10.20.0.5/24" }
  expect_failures = [var.cidr]
}

run "public_addresses_are_refused" {
  command = plan
  variables { cidr = "8.8.8.0/24" }
  expect_failures = [var.cidr]
}

run "addresses_beside_the_private_ones_are_refused" {
  command = plan
  variables { cidr = "172.32.0.0/24" }
  expect_failures = [var.cidr]
}

run "too_small_a_network_is_refused" {
  command = plan
  variables { cidr = "10.20.0.0/28" }
  expect_failures = [var.cidr]
}

run "too_large_a_network_is_refused" {
  command = plan
  variables { cidr = "10.0.0.0/8" }
  expect_failures = [var.cidr]
}

run "no_resolvers_are_refused" {
  command = plan
  variables { dns_servers = [] }
  expect_failures = [var.dns_servers]
}

run "a_name_as_resolver_is_refused" {
  command = plan
  variables { dns_servers = ["dns.example.org"] }
  expect_failures = [var.dns_servers]
}
