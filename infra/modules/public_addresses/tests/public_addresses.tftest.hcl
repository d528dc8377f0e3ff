# Only plans: what these addresses are protected from is being released, and so would a test's be.
mock_provider "openstack" {}

variables {
  environment      = "test"
  external_network = "public"
  purposes         = { vip = "what buyers call", jump = "SSH of administrators" }
}

run "each_purpose_has_its_address" {
  command = plan

  assert {
    condition     = toset(keys(openstack_networking_floatingip_v2.address)) == toset(["vip", "jump"])
    error_message = "Addresses are not those asked for."
  }
  assert {
    condition     = openstack_networking_floatingip_v2.address["vip"].tags == toset(["biletter", "env:test", "for:vip"])
    error_message = "An address could not be found again by its tags."
  }
}

run "address_for_nothing_is_refused" {
  command = plan
  variables { purposes = { vip = "" } }
  expect_failures = [var.purposes]
}

run "number_as_key_is_refused" {
  command = plan
  variables { purposes = { "1" = "what buyers call" } }
  expect_failures = [var.purposes]
}
