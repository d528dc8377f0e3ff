mock_provider "openstack" {}

variables {
  environment = "test"
  admin_cidrs = ["203.0.113.0/24", "198.51.100.7/32"]
  table = {
    roles = ["edge", "app", "db"]
    jump  = "app"
    rules = [
      { key = "edge<-world/tcp/443", from = "world", to = "edge", protocol = "tcp", ports = "443", why = "Buyers." },
      { key = "edge<-edge/vrrp", from = "edge", to = "edge", protocol = "vrrp", why = "Who holds the address." },
      { key = "db<-app/tcp/5432", from = "app", to = "db", protocol = "tcp", ports = "5432", why = "PostgreSQL." },
      { key = "db<-db/tcp/2379-2380", from = "db", to = "db", protocol = "tcp", ports = "2379-2380", why = "etcd." },
      { key = "jump<-admins/tcp/22", from = "admins", to = "jump", protocol = "tcp", ports = "22", why = "The way in." },
      { key = "all<-jump/tcp/22", from = "jump", to = "all", protocol = "tcp", ports = "22", why = "The way on." },
      { key = "world<-all/udp/53", from = "all", to = "world", protocol = "udp", ports = "53", why = "Names." },
    ]
  }
}

run "each_row_opens_both_ends_and_nothing_else" {
  assert {
    condition = toset(keys(output.openings)) == toset([
      "edge<-world/tcp/443",
      "edge<-edge/vrrp", "edge->edge/vrrp",
      "db<-app/tcp/5432", "app->db/tcp/5432",
      "db<-db/tcp/2379-2380", "db->db/tcp/2379-2380",
      "jump<-admins/tcp/22 203.0.113.0/24", "jump<-admins/tcp/22 198.51.100.7/32",
      "all<-jump/tcp/22", "jump->all/tcp/22",
      "all->world/udp/53",
    ])
    error_message = "Rules are not those of the table: ${join(", ", keys(output.openings))}."
  }
  assert {
    condition     = length(openstack_networking_secgroup_rule_v2.row) == length(output.openings)
    error_message = "The output does not name every rule made."
  }
}

run "world_and_administrators_are_addresses_the_rest_are_groups" {
  assert {
    condition = {
      for key, rule in openstack_networking_secgroup_rule_v2.row : key => rule.remote_ip_prefix
      if output.openings[key].peer == null
      } == {
      "edge<-world/tcp/443"                 = "0.0.0.0/0"
      "all->world/udp/53"                   = "0.0.0.0/0"
      "jump<-admins/tcp/22 203.0.113.0/24"  = "203.0.113.0/24"
      "jump<-admins/tcp/22 198.51.100.7/32" = "198.51.100.7/32"
    }
    error_message = "A CIDR is wrong."
  }
  assert {
    condition     = openstack_networking_secgroup_rule_v2.row["db<-app/tcp/5432"].remote_group_id == openstack_networking_secgroup_v2.role["app"].id
    error_message = "PostgreSQL is open to another group."
  }
  assert {
    condition     = openstack_networking_secgroup_rule_v2.row["all<-jump/tcp/22"].remote_group_id == openstack_networking_secgroup_v2.role["app"].id
    error_message = "SSH is open to others than the jump host."
  }
}

run "ports_and_directions_are_the_rows" {
  command = plan

  assert {
    condition = (
      openstack_networking_secgroup_rule_v2.row["db<-db/tcp/2379-2380"].port_range_min == 2379
      && openstack_networking_secgroup_rule_v2.row["db<-db/tcp/2379-2380"].port_range_max == 2380
      && openstack_networking_secgroup_rule_v2.row["db<-db/tcp/2379-2380"].direction == "ingress"
      && openstack_networking_secgroup_rule_v2.row["db->db/tcp/2379-2380"].direction == "egress"
    )
    error_message = "A range or a direction is wrong."
  }
}

run "groups_start_empty" {
  command = plan

  assert {
    condition     = alltrue([for group in openstack_networking_secgroup_v2.role : group.delete_default_rules])
    error_message = "The cloud's default rules would stand beside the table."
  }
}

run "host_is_in_everybodys_group_and_its_own" {
  assert {
    condition     = toset(output.group_ids["db"]) == toset([openstack_networking_secgroup_v2.role["all"].id, openstack_networking_secgroup_v2.role["db"].id])
    error_message = "A db host would be in other groups."
  }
}
