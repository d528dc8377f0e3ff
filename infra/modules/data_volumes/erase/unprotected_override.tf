# Only for erasing an environment: copied beside main.tf of a temporary copy, it takes the protection away.
resource "openstack_blockstorage_volume_v3" "data" {
  lifecycle {
    prevent_destroy = false
  }
}
