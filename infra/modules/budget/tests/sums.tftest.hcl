variables {
  hosts = {
    db-1  = { role = "db", flavor = "4c-8g", image = "Debian 13", vcpus = 4, ram_mb = 8192, boot_gb = 10 }
    app-1 = { role = "app", flavor = "2c-4g", image = "Debian 13", vcpus = 2, ram_mb = 4096, boot_gb = 8 }
  }
  volumes      = { db-1 = 20 }
  floating_ips = 2
}

run "boot_and_data_volumes_count" {
  assert {
    condition     = output.totals == { hosts = 2, vcpus = 6, ram_gb = 12, disk_gb = 38, volumes = 3, floating_ips = 2 }
    error_message = "Sums are wrong."
  }
}

run "nothing_is_nothing" {
  variables {
    hosts   = {}
    volumes = {}
  }
  assert {
    condition     = output.totals.vcpus == 0 && output.totals.disk_gb == 0
    error_message = "An empty environment needs something."
  }
}

run "envelope_that_just_holds_is_accepted" {
  variables { envelope = { vcpus = 6, ram_gb = 12, disk_gb = 38 } }
}

run "one_vcpu_too_many_is_refused" {
  command = plan
  variables { envelope = { vcpus = 5, ram_gb = 12, disk_gb = 38 } }
  expect_failures = [output.totals]
}

run "one_gigabyte_of_memory_too_many_is_refused" {
  command = plan
  variables { envelope = { vcpus = 6, ram_gb = 11, disk_gb = 38 } }
  expect_failures = [output.totals]
}

run "one_gigabyte_of_disk_too_many_is_refused" {
  command = plan
  variables { envelope = { vcpus = 6, ram_gb = 12, disk_gb = 37 } }
  expect_failures = [output.totals]
}

run "cost_is_hours_times_prices" {
  variables {
    prices       = { vcpu = 5, ram_gb = 2, disk_gb = 0.1, floating_ip = 3 }
    budget_tenge = 30000
  }
  assert {
    condition     = output.cost.total == ceil(72 * (6 * 5 + 12 * 2 + 38 * 0.1 + 2 * 3))
    error_message = "Three days cost something else."
  }
  assert {
    condition     = output.cost.parts.vcpu == 2160
    error_message = "The parts are wrong."
  }
}

run "cost_above_the_budget_warns" {
  command = plan
  variables {
    prices       = { vcpu = 500, ram_gb = 2, disk_gb = 0.1, floating_ip = 3 }
    budget_tenge = 30000
  }
  expect_failures = [check.budget]
}

run "no_prices_no_cost" {
  variables { budget_tenge = 1 }
  assert {
    condition     = output.cost.total == null && output.cost.parts == null
    error_message = "A cost came from nowhere."
  }
}

run "negative_price_is_refused" {
  command = plan
  variables { prices = { vcpu = -5, ram_gb = 2, disk_gb = 0.1, floating_ip = 3 } }
  expect_failures = [var.prices]
}

run "no_days_are_refused" {
  command = plan
  variables { days = 0 }
  expect_failures = [var.days]
}
