mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["10.20.0.21"] }
  }
}

# What the cloud would answer.
override_module {
  target = module.lookups
  outputs = {
    images = {
      "Debian 13"   = { id = "00000000-0000-0000-0000-000000000013", min_gb = 2 }
      "Debian 13.1" = { id = "00000000-0000-0000-0000-000000000131", min_gb = 2 }
    }
    flavors = {
      "c1.small" = { id = "1", vcpus = 1, ram_mb = 2048 }
      "c1.large" = { id = "3", vcpus = 4, ram_mb = 8192 }
    }
    external_network_id = "00000000-0000-0000-0000-000000000001"
    quota = {
      instances            = -1
      vcpus                = -1
      ram_mb               = -1
      volumes              = -1
      disk_gb              = -1
      floating_ips         = -1
      ports                = -1
      security_groups      = -1
      security_group_rules = -1
      used                 = { instances = 0, vcpus = 0, ram_mb = 0 }
    }
  }
}

run "inventory_names_groups_hosts_and_the_way_in" {
  assert {
    condition     = output.inventory.groups.db == tolist(["db-1", "db-2", "db-3"]) && length(output.inventory.groups.loadgen) == 0
    error_message = "Groups are not the roles."
  }
  assert {
    condition     = output.inventory.hosts["db-1"].data.volume_id == "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9" && output.inventory.hosts["db-2"].data == null
    error_message = "Data volumes belong to other hosts."
  }
  assert {
    condition     = output.inventory.jump.host == "monitor-1" && output.inventory.jump.address == "198.51.100.11"
    error_message = "The way in is another."
  }
  assert {
    condition     = output.inventory.vip.address == "10.20.0.10" && output.inventory.vip.floating_ip == "198.51.100.10"
    error_message = "Buyers are sent elsewhere."
  }
}

run "sums_come_from_flavors_and_volumes" {
  assert {
    condition     = output.summary.totals.vcpus == 17 && output.summary.totals.ram_gb == 34 && output.summary.totals.disk_gb == 84
    error_message = "Sums are wrong."
  }
}

run "host_keeps_its_own_image" {
  variables { hosts = merge(var.hosts, { edge-1 = { role = "edge", flavor = "c1.small", boot_gb = 8, image = "Debian 13.1" } }) }

  assert {
    condition     = output.inventory.hosts["edge-1"].image == "Debian 13.1" && output.inventory.hosts["edge-2"].image == "Debian 13"
    error_message = "A host got another's image."
  }
}

run "project_rules_are_accepted_and_fit_the_usual_quota" {
  assert {
    condition     = module.budget.quota["security group rules"][0] <= 90
    error_message = "The usual quota is 100 rules, and the default group has some: ${module.budget.quota["security group rules"][0]}."
  }
}

run "running_flavor_that_the_cloud_retired_is_not_looked_up" {
  variables {
    running = {
      app-1 = { role = "app", flavor = "gone", image = "Debian 13", boot_gb = 8, vcpus = 2, ram_mb = 4096 }
    }
  }
  assert {
    condition     = length(module.budget.touched_members) == 0
    error_message = "A host of role app counts as a member of the database."
  }
}
