resource "openstack_blockstorage_volume_v3" "data" {
  for_each = var.volumes

  name                 = "${var.environment}-${each.key}-data"
  description          = "Data of ${each.key}; outlives the host."
  size                 = each.value.gb
  availability_zone    = each.value.zone
  volume_type          = var.volume_type
  enable_online_resize = true

  metadata = {
    biletter = "yes"
    env      = var.environment
    host     = each.key
  }

  lifecycle {
    prevent_destroy = true

    # Cinder writes these two into the owner's metadata when a volume is attached.
    ignore_changes = [metadata["attached_mode"], metadata["readonly"]]
  }
}
