resource "openstack_networking_floatingip_v2" "address" {
  for_each = var.purposes

  pool        = var.external_network
  description = "${var.environment}-${each.key}: ${each.value}"
  tags        = ["biletter", "env:${var.environment}", "for:${each.key}"]

  lifecycle {
    prevent_destroy = true
  }
}
