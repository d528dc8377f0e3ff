output "group_ids" {
  description = "Groups that a host of each role is in: everybody's and its own."
  value = {
    for role in var.table.roles : role => [
      openstack_networking_secgroup_v2.role["all"].id,
      openstack_networking_secgroup_v2.role[role].id,
    ]
  }

  # A host that starts before its rules would miss names and packages on its first boot.
  depends_on = [openstack_networking_secgroup_rule_v2.row]
}

output "openings" {
  description = "Every rule made, by key: direction, group, peer group or CIDR, protocol, ports."
  value = {
    for key, row in local.openings : key => {
      direction = row.direction
      group     = row.group
      peer      = row.peer
      cidr      = row.cidr
      protocol  = row.protocol
      ports     = row.first_port == null ? null : [row.first_port, row.last_port]
    }
  }
}
