mock_provider "openstack" {}

variables {
  environment        = "test"
  network_id         = "00000000-0000-0000-0000-000000000001"
  subnet_id          = "00000000-0000-0000-0000-000000000002"
  address            = "10.20.0.10"
  floating_ip        = "198.51.100.10"
  security_group_ids = ["00000000-0000-0000-0000-000000000003"]
}

run "floating_ip_leads_to_the_shared_address" {
  assert {
    condition     = openstack_networking_floatingip_associate_v2.vip.port_id == openstack_networking_port_v2.vip.id
    error_message = "The buyers' address leads elsewhere."
  }
  assert {
    condition     = one(openstack_networking_port_v2.vip.fixed_ip).ip_address == "10.20.0.10"
    error_message = "The shared address is another."
  }
  assert {
    condition     = output.vip.floating_ip == "198.51.100.10" && output.vip.address == "10.20.0.10"
    error_message = "The output says something else."
  }
}

run "shared_address_is_filtered_like_an_edge" {
  command = plan

  assert {
    condition     = openstack_networking_port_v2.vip.security_group_ids == var.security_group_ids
    error_message = "The port is in other groups than the edges."
  }
}

run "no_group_is_refused" {
  command = plan
  variables { security_group_ids = [] }
  expect_failures = [var.security_group_ids]
}

run "no_address_is_refused" {
  command = plan
  variables { address = "10.20.0.0/24" }
  expect_failures = [var.address]
}

run "no_floating_ip_is_refused" {
  command = plan
  variables { floating_ip = "" }
  expect_failures = [var.floating_ip]
}
