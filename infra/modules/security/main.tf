# One group per role, and one that every host is in.
resource "openstack_networking_secgroup_v2" "role" {
  for_each = local.groups

  name                 = "${var.environment}-${each.key}"
  description          = each.value
  delete_default_rules = true
  tags                 = ["biletter", "env:${var.environment}", "role:${each.key}"]
}

resource "openstack_networking_secgroup_rule_v2" "row" {
  for_each = local.openings

  description       = "${var.environment}: ${each.key}"
  security_group_id = openstack_networking_secgroup_v2.role[each.value.group].id
  direction         = each.value.direction
  ethertype         = "IPv4"
  protocol          = each.value.protocol
  port_range_min    = each.value.first_port
  port_range_max    = each.value.last_port
  remote_group_id   = each.value.peer == null ? null : openstack_networking_secgroup_v2.role[each.value.peer].id
  remote_ip_prefix  = each.value.cidr
}

locals {
  groups = merge(
    { for role in var.table.roles : role => "Hosts of ${var.environment} that are ${role}." },
    { all = "Every host of ${var.environment}." },
  )

  rows = {
    for row in var.table.rules : row.key => {
      from       = row.from == "jump" ? var.table.jump : row.from
      to         = row.to == "jump" ? var.table.jump : row.to
      protocol   = row.protocol
      first_port = row.ports == null ? null : tonumber(split("-", row.ports)[0])
      last_port  = row.ports == null ? null : tonumber(reverse(split("-", row.ports))[0])
    }
  }

  entering = [
    for key, row in local.rows : merge(row, {
      key       = key
      direction = "ingress"
      group     = row.to
      peer      = contains(["world", "admins"], row.from) ? null : row.from
    }) if row.to != "world"
  ]

  # "edge<-world" enters, "edge->world" leaves.
  leaving = [
    for key, row in local.rows : merge(row, {
      key       = replace(key, "/^(\\w+)<-(\\w+)/", "$2->$1")
      direction = "egress"
      group     = row.from
      peer      = row.to == "world" ? null : row.to
    }) if !contains(["world", "admins"], row.from)
  ]

  openings = merge(
    { for row in concat(local.entering, local.leaving) : row.key => merge(row, {
      cidr = row.peer == null ? "0.0.0.0/0" : null
    }) if row.from != "admins" },
    merge([for row in local.entering : { for cidr in var.admin_cidrs : "${row.key} ${cidr}" => merge(row, {
      cidr = cidr
    }) } if row.from == "admins"]...),
  )
}
