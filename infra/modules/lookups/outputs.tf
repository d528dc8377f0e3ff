output "images" {
  description = "Id, and the least gigabytes a boot volume needs, by image name."
  value = merge(
    { for name, image in data.openstack_images_image_v2.image : name => { id = image.id, min_gb = image.min_disk_gb } },
    { for id in local.image_ids : id => { id = id, min_gb = 0 } },
  )
}

output "flavors" {
  description = "Id and size by flavor name."
  value = {
    for name, flavor in data.openstack_compute_flavor_v2.flavor : name => {
      id     = flavor.id
      vcpus  = flavor.vcpus
      ram_mb = flavor.ram
    }
  }
}

output "external_network_id" {
  description = "Id of the network that leads outside."
  value       = data.openstack_networking_network_v2.external[var.external_network].id
}

output "quota" {
  description = "What the project may have at most (-1: without limit), and what Nova says of it is in use. The cloud does not tell Terraform what else is in use."
  value = {
    instances            = data.openstack_compute_limits_v2.project.max_total_instances
    vcpus                = data.openstack_compute_limits_v2.project.max_total_cores
    ram_mb               = data.openstack_compute_limits_v2.project.max_total_ram_size
    volumes              = data.openstack_blockstorage_quotaset_v3.project.volumes
    disk_gb              = data.openstack_blockstorage_quotaset_v3.project.gigabytes
    floating_ips         = data.openstack_networking_quota_v2.project.floatingip
    ports                = data.openstack_networking_quota_v2.project.port
    security_groups      = data.openstack_networking_quota_v2.project.security_group
    security_group_rules = data.openstack_networking_quota_v2.project.security_group_rule
    used = {
      instances = data.openstack_compute_limits_v2.project.total_instances_used
      vcpus     = data.openstack_compute_limits_v2.project.total_cores_used
      ram_mb    = data.openstack_compute_limits_v2.project.total_ram_used
    }
  }
}
