output "floating_ips" {
  description = "Id and address by key."
  value = {
    for key, floating_ip in openstack_networking_floatingip_v2.address : key => {
      id      = floating_ip.id
      address = floating_ip.address
    }
  }
}
