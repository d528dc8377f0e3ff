mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["10.20.0.21"] }
  }
}

variables {
  environment        = "test"
  network_id         = "00000000-0000-0000-0000-000000000001"
  subnet_id          = "00000000-0000-0000-0000-000000000002"
  admin_keys         = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2 admin"]
  security_group_ids = { edge = ["all", "edge"], db = ["all", "db"], monitor = ["all", "monitor"] }
  shared_addresses   = { edge = ["10.20.0.10"] }
  data_volumes       = { db-1 = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" }
  floating_ips       = { monitor-1 = "198.51.100.11" }
  anti_affinity      = { edge = "anti-affinity", db = "soft-anti-affinity" }
  hosts = {
    edge-1    = { role = "edge", flavor_id = "f", image_id = "i", boot_gb = 8 }
    db-1      = { role = "db", flavor_id = "f", image_id = "i", boot_gb = 10, zone = "a" }
    monitor-1 = { role = "monitor", flavor_id = "f", image_id = "i", boot_gb = 10 }
  }
}

run "shared_address_is_allowed_on_edges_only" {
  command = plan

  assert {
    condition     = one(openstack_networking_port_v2.host["edge-1"].allowed_address_pairs).ip_address == "10.20.0.10"
    error_message = "An edge could not answer for the shared address."
  }
  assert {
    condition     = length(openstack_networking_port_v2.host["db-1"].allowed_address_pairs) == 0
    error_message = "Another host could answer for the shared address."
  }
}

run "each_host_is_in_the_groups_of_its_role" {
  command = plan

  assert {
    condition     = openstack_networking_port_v2.host["db-1"].security_group_ids == toset(["all", "db"])
    error_message = "A host is in other groups."
  }
}

run "boot_volume_comes_from_the_image_and_goes_with_the_host" {
  command = plan

  assert {
    condition = alltrue([for key, instance in openstack_compute_instance_v2.host : (
      length(instance.block_device) == 1
      && instance.block_device[0].source_type == "image"
      && instance.block_device[0].volume_size == var.hosts[key].boot_gb
      && instance.block_device[0].delete_on_termination
    )])
    error_message = "A boot volume is another, or stays behind."
  }
}

run "members_of_a_role_are_kept_apart" {
  assert {
    condition     = one(openstack_compute_instance_v2.host["edge-1"].scheduler_hints).group == openstack_compute_servergroup_v2.role["edge"].id
    error_message = "Edges could stand on one machine."
  }
  assert {
    condition     = length(openstack_compute_instance_v2.host["monitor-1"].scheduler_hints) == 0
    error_message = "A role without a policy is placed by one."
  }
  assert {
    condition     = openstack_compute_servergroup_v2.role["db"].policies == tolist(["soft-anti-affinity"])
    error_message = "The policy is another."
  }
}

run "first_boot_knows_names_and_keys_and_no_more" {
  command = plan

  assert {
    condition = jsonencode(yamldecode(templatefile("cloud-init.yaml.tftpl", { hostname = "test-db-1", admin_keys = var.admin_keys }))) == jsonencode({
      hostname            = "test-db-1"
      manage_etc_hosts    = true
      ssh_pwauth          = false
      ssh_authorized_keys = var.admin_keys
    })
    error_message = "The first boot does something else."
  }
  assert {
    condition     = alltrue([for instance in openstack_compute_instance_v2.host : instance.config_drive])
    error_message = "A host would need the metadata service to come up."
  }
}

run "data_volume_is_found_by_its_id" {
  assert {
    condition     = toset(keys(output.devices)) == toset(["db-1"])
    error_message = "Volumes are attached to other hosts."
  }
  assert {
    condition     = output.devices["db-1"][0] == "/dev/disk/by-id/virtio-0a1b2c3d-4e5f-6071-8"
    error_message = "udev cuts a virtio serial after twenty characters."
  }
}

run "floating_ip_leads_to_its_host" {
  assert {
    condition     = openstack_networking_floatingip_associate_v2.host["monitor-1"].port_id == openstack_networking_port_v2.host["monitor-1"].id
    error_message = "The address leads to another host."
  }
}

run "what_is_made_can_be_found_again" {
  command = plan

  assert {
    condition     = openstack_compute_instance_v2.host["db-1"].tags == toset(["biletter", "env:test", "role:db", "host:db-1"])
    error_message = "A server has other tags."
  }
  assert {
    condition     = openstack_networking_port_v2.host["db-1"].tags == toset(["biletter", "env:test", "role:db", "host:db-1"])
    error_message = "A port has other tags."
  }
  assert {
    condition     = openstack_compute_instance_v2.host["db-1"].metadata == tomap({ biletter = "yes", env = "test", host = "db-1", role = "db" })
    error_message = "A server has other metadata."
  }
}

run "boot_volume_too_small_for_its_image_is_refused" {
  command = plan
  variables {
    hosts = {
      db-1      = { role = "db", flavor_id = "f", image_id = "i", boot_gb = 10, min_gb = 11 }
      monitor-1 = { role = "monitor", flavor_id = "f", image_id = "i", boot_gb = 10 }
    }
  }
  expect_failures = [openstack_compute_instance_v2.host]
}

run "no_key_is_refused" {
  command = plan
  variables { admin_keys = [] }
  expect_failures = [var.admin_keys]
}

run "something_else_than_a_public_key_is_refused" {
  command = plan
  variables { admin_keys = ["-----BEGIN OPENSSH PRIVATE KEY-----"] }
  expect_failures = [var.admin_keys]
}

run "policy_that_puts_members_together_is_refused" {
  command = plan
  variables { anti_affinity = { db = "affinity" } }
  expect_failures = [var.anti_affinity]
}
