output "hosts" {
  description = "By host key: its server, port and address."
  value = {
    for key, instance in openstack_compute_instance_v2.host : key => {
      instance_id = instance.id
      port_id     = openstack_networking_port_v2.host[key].id
      address     = openstack_networking_port_v2.host[key].all_fixed_ips[0]
    }
  }
}

output "devices" {
  description = "Where the data volume is, by host key: udev names that hold the volume's id, the first of them that exists."
  value = {
    for key, attachment in openstack_compute_volume_attach_v2.data : key => [
      "/dev/disk/by-id/virtio-${substr(attachment.volume_id, 0, 20)}",
      "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_${attachment.volume_id}",
    ]
  }
}

output "floating_ips" {
  description = "Address outside, by host key, once it leads there."
  value       = { for key, association in openstack_networking_floatingip_associate_v2.host : key => association.floating_ip }
}
