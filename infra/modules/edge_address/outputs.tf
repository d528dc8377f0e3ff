output "vip" {
  description = "The shared address: inside, outside, and its port."
  value = {
    address     = var.address
    floating_ip = openstack_networking_floatingip_associate_v2.vip.floating_ip
    port_id     = openstack_networking_port_v2.vip.id
  }
}
