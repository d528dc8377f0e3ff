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

run "name_with_capitals_is_refused" {
  command = plan
  variables { environment = "Test" }
  expect_failures = [var.environment]
}

run "one_letter_is_no_name" {
  command = plan
  variables { environment = "t" }
  expect_failures = [var.environment]
}

run "one_edge_is_refused" {
  command = plan
  variables { hosts = { for key, host in var.hosts : key => host if key != "edge-2" } }
  expect_failures = [var.hosts]
}

run "no_app_is_refused" {
  command = plan
  variables { hosts = { for key, host in var.hosts : key => host if key != "app-1" } }
  expect_failures = [var.hosts]
}

run "fewer_apps_than_the_environment_wants_are_refused" {
  command = plan
  variables { app_minimum = 2 }
  expect_failures = [var.hosts]
}

run "minimum_of_no_app_is_refused" {
  command = plan
  variables { app_minimum = 0 }
  expect_failures = [var.app_minimum]
}

run "two_databases_are_refused" {
  command = plan
  variables { hosts = { for key, host in var.hosts : key => host if key != "db-3" } }
  expect_failures = [var.hosts]
}

run "four_databases_are_refused" {
  command = plan
  variables { hosts = merge(var.hosts, { db-4 = { role = "db", flavor = "c1.small", boot_gb = 8 } }) }
  expect_failures = [var.hosts]
}

run "no_monitor_is_refused" {
  command = plan
  variables { hosts = { for key, host in var.hosts : key => host if key != "monitor-1" } }
  expect_failures = [var.hosts]
}

run "two_monitors_are_refused" {
  command = plan
  variables { hosts = merge(var.hosts, { monitor-2 = { role = "monitor", flavor = "c1.small", boot_gb = 8 } }) }
  expect_failures = [var.hosts]
}

run "no_backup_repository_is_refused" {
  command = plan
  variables { hosts = { for key, host in var.hosts : key => host if key != "backup-1" } }
  expect_failures = [var.hosts]
}

run "unknown_role_is_refused" {
  command = plan
  variables { hosts = merge(var.hosts, { cache-1 = { role = "cache", flavor = "c1.small", boot_gb = 8 } }) }
  expect_failures = [var.hosts]
}

run "key_of_another_role_is_refused" {
  command = plan
  variables { hosts = merge(var.hosts, { web-1 = { role = "app", flavor = "c1.small", boot_gb = 8 } }) }
  expect_failures = [var.hosts]
}

run "key_without_a_number_is_refused" {
  command = plan
  variables { hosts = merge(var.hosts, { loadgen = { role = "loadgen", flavor = "c1.small", boot_gb = 8 } }) }
  expect_failures = [var.hosts]
}

run "part_of_a_gigabyte_is_refused" {
  command = plan
  variables { hosts = merge(var.hosts, { app-1 = { role = "app", flavor = "c1.small", boot_gb = 8.5 } }) }
  expect_failures = [var.hosts]
}

run "boot_volume_of_three_gigabytes_is_refused" {
  command = plan
  variables { hosts = merge(var.hosts, { app-1 = { role = "app", flavor = "c1.small", boot_gb = 3 } }) }
  expect_failures = [var.hosts]
}

run "replacing_an_unknown_host_is_refused" {
  command = plan
  variables { replacing = ["db-9"] }
  expect_failures = [var.replacing]
}

run "host_with_data_and_no_volume_is_refused" {
  command = plan
  variables { durable = merge(var.durable, { volumes = {} }) }
  expect_failures = [var.durable]
}

run "volume_without_its_host_is_refused" {
  command = plan
  variables { durable = merge(var.durable, { volumes = merge(var.durable.volumes, { db-9 = { id = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", gb = 20 } }) }) }
  expect_failures = [var.durable]
}

run "volume_of_a_host_that_wants_none_is_refused" {
  command = plan
  variables { durable = merge(var.durable, { volumes = merge(var.durable.volumes, { db-2 = { id = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", gb = 20 } }) }) }
  expect_failures = [var.durable]
}

run "volume_in_another_zone_than_its_host_is_refused" {
  command = plan
  variables { durable = merge(var.durable, { volumes = { db-1 = { id = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", gb = 20, zone = "b" } } }) }
  expect_failures = [var.durable]
}

run "missing_floating_ip_is_refused" {
  command = plan
  variables { durable = merge(var.durable, { floating_ips = { vip = var.durable.floating_ips.vip } }) }
  expect_failures = [var.durable]
}
