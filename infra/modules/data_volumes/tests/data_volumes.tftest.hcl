# Only plans: what these volumes are protected from is being destroyed, and so would a test's be.
mock_provider "openstack" {}

variables {
  environment = "test"
  volumes = {
    db-1 = { gb = 20 }
    db-2 = { gb = 20, zone = "b" }
  }
}

run "each_host_has_its_volume" {
  command = plan

  assert {
    condition     = { for key, volume in openstack_blockstorage_volume_v3.data : key => volume.size } == { db-1 = 20, db-2 = 20 }
    error_message = "Volumes are not those asked for."
  }
  assert {
    condition     = openstack_blockstorage_volume_v3.data["db-2"].availability_zone == "b"
    error_message = "A volume is not in the zone asked for."
  }
  assert {
    condition     = openstack_blockstorage_volume_v3.data["db-1"].metadata == tomap({ biletter = "yes", env = "test", host = "db-1" })
    error_message = "A volume could not be found again by its metadata."
  }
}

run "volume_of_nothing_is_refused" {
  command = plan
  variables { volumes = { db-1 = { gb = 0 } } }
  expect_failures = [var.volumes]
}

run "part_of_a_gigabyte_is_refused" {
  command = plan
  variables { volumes = { db-1 = { gb = 1.5 } } }
  expect_failures = [var.volumes]
}
