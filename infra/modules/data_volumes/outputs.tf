output "volumes" {
  description = "Id, size and the zone asked for, by host key."
  value = {
    for key, volume in openstack_blockstorage_volume_v3.data : key => {
      id   = volume.id
      gb   = volume.size
      zone = var.volumes[key].zone
    }
  }
}
