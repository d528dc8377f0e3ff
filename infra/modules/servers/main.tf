resource "openstack_compute_keypair_v2" "admin" {
  name       = "${var.environment}-admin"
  public_key = var.admin_keys[0]
}

resource "openstack_compute_servergroup_v2" "role" {
  for_each = var.anti_affinity

  name     = "${var.environment}-${each.key}"
  policies = [each.value]
}

# A port outlives its server, so that a replaced host keeps its address.
resource "openstack_networking_port_v2" "host" {
  for_each = var.hosts

  name               = "${var.environment}-${each.key}"
  network_id         = var.network_id
  security_group_ids = var.security_group_ids[each.value.role]
  admin_state_up     = true
  tags               = local.tags[each.key]

  fixed_ip {
    subnet_id = var.subnet_id
  }

  dynamic "allowed_address_pairs" {
    for_each = lookup(var.shared_addresses, each.value.role, [])

    content {
      ip_address = allowed_address_pairs.value
    }
  }
}

resource "openstack_compute_instance_v2" "host" {
  for_each = var.hosts

  name              = "${var.environment}-${each.key}"
  flavor_id         = each.value.flavor_id
  availability_zone = each.value.zone
  key_pair          = openstack_compute_keypair_v2.admin.name
  config_drive      = true
  tags              = local.tags[each.key]

  metadata = {
    biletter = "yes"
    env      = var.environment
    host     = each.key
    role     = each.value.role
  }

  user_data = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    hostname   = "${var.environment}-${each.key}"
    admin_keys = var.admin_keys
  })

  block_device {
    uuid                  = each.value.image_id
    source_type           = "image"
    destination_type      = "volume"
    volume_size           = each.value.boot_gb
    volume_type           = var.volume_type
    boot_index            = 0
    delete_on_termination = true
  }

  network {
    port = openstack_networking_port_v2.host[each.key].id
  }

  dynamic "scheduler_hints" {
    for_each = contains(keys(var.anti_affinity), each.value.role) ? [each.value.role] : []

    content {
      group = openstack_compute_servergroup_v2.role[scheduler_hints.value].id
    }
  }

  lifecycle {
    # What a host does on its first boot is no reason to make it anew.
    ignore_changes = [user_data]

    precondition {
      condition     = each.value.boot_gb >= each.value.min_gb
      error_message = "${each.key}: its image needs a boot volume of ${each.value.min_gb} GB, boot_gb is ${each.value.boot_gb}."
    }
  }
}

resource "openstack_compute_volume_attach_v2" "data" {
  for_each = var.data_volumes

  instance_id = openstack_compute_instance_v2.host[each.key].id
  volume_id   = each.value
}

resource "openstack_networking_floatingip_associate_v2" "host" {
  for_each = var.floating_ips

  floating_ip = each.value
  port_id     = openstack_networking_port_v2.host[each.key].id
}

locals {
  tags = {
    for key, host in var.hosts : key => ["biletter", "env:${var.environment}", "role:${host.role}", "host:${key}"]
  }
}
