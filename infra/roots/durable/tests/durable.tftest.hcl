# Only plans: what is protected here could not be taken away again after a test.
mock_provider "openstack" {}

override_module {
  target = module.lookups
  outputs = {
    images              = {}
    flavors             = {}
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

variables {
  environment      = "test"
  external_network = "public"
  volumes          = { db-1 = { gb = 20 }, db-2 = { gb = 20 } }
}

run "volumes_and_addresses_are_handed_on" {
  command = plan

  assert {
    condition     = toset(keys(output.durable.volumes)) == toset(["db-1", "db-2"])
    error_message = "Volumes are not those asked for."
  }
  assert {
    condition     = toset(keys(output.durable.floating_ips)) == toset(["vip", "jump"])
    error_message = "The hosts root looks for vip and jump."
  }
}

run "name_with_capitals_is_refused" {
  command = plan
  variables { environment = "Test" }
  expect_failures = [var.environment]
}

run "long_name_is_refused" {
  command = plan
  variables { environment = "a-name-of-17-chars" }
  expect_failures = [var.environment]
}

run "volume_of_no_host_is_refused" {
  command = plan
  variables { volumes = { database = { gb = 20 } } }
  expect_failures = [var.volumes]
}
