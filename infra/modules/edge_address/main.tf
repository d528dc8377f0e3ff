# A port without a host: it keeps the address that the edges hand to one another.
resource "openstack_networking_port_v2" "vip" {
  name               = "${var.environment}-vip"
  network_id         = var.network_id
  security_group_ids = var.security_group_ids
  admin_state_up     = true
  tags               = ["biletter", "env:${var.environment}", "role:edge"]

  fixed_ip {
    subnet_id  = var.subnet_id
    ip_address = var.address
  }
}

resource "openstack_networking_floatingip_associate_v2" "vip" {
  floating_ip = var.floating_ip
  port_id     = openstack_networking_port_v2.vip.id
}
