mock_provider "openstack" {
  mock_data "openstack_images_image_ids_v2" {
    defaults = { ids = ["00000000-0000-0000-0000-000000000013"] }
  }
  mock_data "openstack_images_image_v2" {
    defaults = { id = "00000000-0000-0000-0000-000000000013", min_disk_gb = 2 }
  }
  # A mock fills in what only the cloud sets, and a flavor's sizes may be asked for too: they stay null here.
  mock_data "openstack_compute_flavor_v2" {
    defaults = { id = "f" }
  }
  mock_data "openstack_compute_availability_zones_v2" {
    defaults = { names = ["a", "b"] }
  }
  mock_data "openstack_blockstorage_availability_zones_v3" {
    defaults = { names = ["a"] }
  }
  mock_data "openstack_compute_limits_v2" {
    defaults = { max_total_cores = 64, total_cores_used = 8 }
  }
}

variables {
  images           = ["Debian 13"]
  flavors          = ["4c-8g"]
  external_network = "public"
  server_zones     = ["a", "b"]
  volume_zones     = ["a"]
}

run "names_become_ids" {
  command = plan

  assert {
    condition     = output.images["Debian 13"].id == "00000000-0000-0000-0000-000000000013"
    error_message = "The image is another."
  }
  assert {
    condition     = output.flavors["4c-8g"].id == "f"
    error_message = "The flavor is another."
  }
  assert {
    condition     = output.quota.vcpus == 64 && output.quota.used.vcpus == 8
    error_message = "The quota is not the cloud's."
  }
}

run "id_of_an_image_is_taken_as_it_is" {
  command = plan
  variables { images = ["0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"] }

  assert {
    condition     = output.images["0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"].id == "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
    error_message = "An id was looked up as a name."
  }
}

run "absent_image_is_refused" {
  command = plan
  override_data {
    target = data.openstack_images_image_ids_v2.image
    values = { ids = [] }
  }
  expect_failures = [data.openstack_images_image_ids_v2.image]
}

run "two_images_of_one_name_are_refused" {
  command = plan
  override_data {
    target = data.openstack_images_image_ids_v2.image
    values = { ids = ["00000000-0000-0000-0000-000000000013", "00000000-0000-0000-0000-000000000014"] }
  }
  expect_failures = [data.openstack_images_image_ids_v2.image]
}

run "absent_zone_for_servers_is_refused" {
  command = plan
  variables { server_zones = ["a", "c"] }
  expect_failures = [data.openstack_compute_availability_zones_v2.servers]
}

run "absent_zone_for_volumes_is_refused" {
  command = plan
  variables { volume_zones = ["b"] }
  expect_failures = [data.openstack_blockstorage_availability_zones_v3.volumes]
}

run "nameless_external_network_is_refused" {
  command = plan
  variables { external_network = " " }
  expect_failures = [var.external_network]
}
