mock_provider "openstack" {}

variables {
  environment = "test"
  admin_cidrs = ["203.0.113.0/24"]
  table = {
    roles = ["edge", "app", "db"]
    jump  = "app"
    rules = [
      { key = "world<-all/udp/53", from = "all", to = "world", protocol = "udp", ports = "53", why = "Names." },
    ]
  }
}

run "smallest_table_is_accepted" {
  command = plan
}

run "whole_world_as_administrators_is_refused" {
  command = plan
  variables { admin_cidrs = ["0.0.0.0/0"] }
  expect_failures = [var.admin_cidrs]
}

run "whole_world_of_ipv6_is_refused" {
  command = plan
  variables { admin_cidrs = ["::/0"] }
  expect_failures = [var.admin_cidrs]
}

run "whole_world_in_two_halves_is_refused" {
  command = plan
  variables { admin_cidrs = ["0.0.0.0/1", "128.0.0.0/1"] }
  expect_failures = [var.admin_cidrs]
}

run "nobody_as_administrator_is_refused" {
  command = plan
  variables { admin_cidrs = [] }
  expect_failures = [var.admin_cidrs]
}

run "address_without_length_is_refused" {
  command = plan
  variables { admin_cidrs = ["203.0.113.7"] }
  expect_failures = [var.admin_cidrs]
}

run "network_with_bits_of_a_host_is_refused" {
  command = plan
  variables { admin_cidrs = ["203.0.113.7/24"] }
  expect_failures = [var.admin_cidrs]
}

run "unknown_role_that_speaks_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-web/tcp/5432", from = "web", to = "db", protocol = "tcp", ports = "5432", why = "PostgreSQL." },
    ]) })
  }
  expect_failures = [var.table]
}

run "unknown_role_that_is_spoken_to_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "cache<-app/tcp/6379", from = "app", to = "cache", protocol = "tcp", ports = "6379", why = "A cache." },
    ]) })
  }
  expect_failures = [var.table]
}

run "jump_host_without_a_role_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { jump = "bastion" })
  }
  expect_failures = [var.table]
}

run "key_that_stands_twice_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-app/tcp/5432", from = "app", to = "db", protocol = "tcp", ports = "5432", why = "PostgreSQL." },
      { key = "db<-app/tcp/5432", from = "app", to = "db", protocol = "tcp", ports = "5432", why = "PostgreSQL." },
    ]) })
  }
  expect_failures = [var.table]
}

run "key_that_says_something_else_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-app/tcp/5432", from = "app", to = "db", protocol = "tcp", ports = "5433", why = "PostgreSQL." },
    ]) })
  }
  expect_failures = [var.table]
}

run "unknown_protocol_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-app/sctp", from = "app", to = "db", protocol = "sctp", why = "PostgreSQL." },
    ]) })
  }
  expect_failures = [var.table]
}

run "row_without_ports_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-app/tcp", from = "app", to = "db", protocol = "tcp", why = "PostgreSQL." },
    ]) })
  }
  expect_failures = [var.table]
}

run "ports_of_a_protocol_without_ports_are_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "edge<-edge/vrrp/112", from = "edge", to = "edge", protocol = "vrrp", ports = "112", why = "Who holds the address." },
    ]) })
  }
  expect_failures = [var.table]
}

run "row_without_a_reason_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-app/tcp/5432", from = "app", to = "db", protocol = "tcp", ports = "5432", why = " " },
    ]) })
  }
  expect_failures = [var.table]
}

run "database_open_to_the_world_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-world/tcp/5432", from = "world", to = "db", protocol = "tcp", ports = "5432", why = "PostgreSQL." },
    ]) })
  }
  expect_failures = [var.table]
}

run "another_port_open_to_the_world_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "edge<-world/tcp/22", from = "world", to = "edge", protocol = "tcp", ports = "22", why = "SSH." },
    ]) })
  }
  expect_failures = [var.table]
}

run "administrators_at_another_host_are_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "db<-admins/tcp/22", from = "admins", to = "db", protocol = "tcp", ports = "22", why = "SSH." },
    ]) })
  }
  expect_failures = [var.table]
}

run "administrators_at_another_port_are_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "jump<-admins/tcp/5432", from = "admins", to = "jump", protocol = "tcp", ports = "5432", why = "PostgreSQL." },
    ]) })
  }
  expect_failures = [var.table]
}

run "row_without_a_host_of_ours_is_refused" {
  command = plan
  variables {
    table = merge(var.table, { rules = concat(var.table.rules, [
      { key = "world<-admins/tcp/443", from = "admins", to = "world", protocol = "tcp", ports = "443", why = "Nobody's." },
    ]) })
  }
  expect_failures = [var.table]
}

run "table_that_lets_nobody_out_is_refused" {
  command = plan
  variables { table = merge(var.table, { rules = [] }) }
  expect_failures = [var.table]
}
