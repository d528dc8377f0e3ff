# Only for erasing an environment: copied beside main.tf of a temporary copy, it takes the protection away.
resource "openstack_networking_floatingip_v2" "address" {
  lifecycle {
    prevent_destroy = false
  }
}
