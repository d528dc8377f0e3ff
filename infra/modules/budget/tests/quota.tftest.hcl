variables {
  hosts = {
    app-1 = { role = "app", flavor = "2c-4g", image = "Debian 13", vcpus = 2, ram_mb = 4096, boot_gb = 8 }
    app-2 = { role = "app", flavor = "2c-4g", image = "Debian 13", vcpus = 2, ram_mb = 4096, boot_gb = 8 }
  }
  volumes         = { app-1 = 20 }
  floating_ips    = 2
  network_objects = { ports = 6, security_groups = 8, security_group_rules = 50 }
  quota = {
    instances            = 2
    vcpus                = 4
    ram_mb               = 8192
    volumes              = 3
    disk_gb              = 36
    floating_ips         = 2
    ports                = 6
    security_groups      = 8
    security_group_rules = 50
    used                 = { instances = 0, vcpus = 0, ram_mb = 0 }
  }
}

run "quota_that_just_holds_is_accepted" {
  assert {
    condition     = output.quota["vCPU"] == [4, 4]
    error_message = "The sum or the limit is wrong."
  }
}

run "no_limit_is_no_refusal" {
  variables {
    quota = merge({ for what, limit in var.quota : what => - 1 if what != "used" }, {
      used = { instances = 9, vcpus = 99, ram_mb = 999999 }
    })
  }
}

run "own_running_servers_are_not_counted_twice" {
  variables {
    running = {
      app-1 = { role = "app", flavor = "2c-4g", image = "Debian 13", boot_gb = 8, vcpus = 2, ram_mb = 4096 }
      app-2 = { role = "app", flavor = "2c-4g", image = "Debian 13", boot_gb = 8, vcpus = 2, ram_mb = 4096 }
    }
    quota = merge(var.quota, { used = { instances = 2, vcpus = 4, ram_mb = 8192 } })
  }
}

run "servers_of_others_are_counted" {
  command = plan
  variables {
    running = {
      app-1 = { role = "app", flavor = "2c-4g", image = "Debian 13", boot_gb = 8, vcpus = 2, ram_mb = 4096 }
    }
    quota = merge(var.quota, { instances = 3, ram_mb = 12288, used = { instances = 2, vcpus = 3, ram_mb = 8192 } })
  }
  expect_failures = [output.quota]
}

run "one_server_too_many_is_refused" {
  command = plan
  variables {
    hosts   = { for number in range(1, 4) : "app-${number}" => merge(var.hosts.app-1, { vcpus = 1, ram_mb = 1024, boot_gb = 4 }) }
    volumes = {}
  }
  expect_failures = [output.quota]
}

run "too_much_disk_is_refused" {
  command = plan
  variables { volumes = { app-1 = 21 } }
  expect_failures = [output.quota]
}

run "too_many_floating_ips_are_refused" {
  command = plan
  variables { floating_ips = 3 }
  expect_failures = [output.quota]
}

run "too_many_ports_are_refused" {
  command = plan
  variables { network_objects = { ports = 7, security_groups = 8, security_group_rules = 50 } }
  expect_failures = [output.quota]
}

run "too_many_security_groups_are_refused" {
  command = plan
  variables { network_objects = { ports = 6, security_groups = 9, security_group_rules = 50 } }
  expect_failures = [output.quota]
}

run "too_many_rules_are_refused" {
  command = plan
  variables { network_objects = { ports = 6, security_groups = 8, security_group_rules = 51 } }
  expect_failures = [output.quota]
}
