# db-1, db-2 and db-3 run; each test changes what should be there.
variables {
  image_ids = { "Debian 13" = "id-13", "Debian 13.1" = "id-13.1" }
  hosts = {
    db-1  = { role = "db", flavor = "4c-8g", image = "Debian 13", vcpus = 4, ram_mb = 8192, boot_gb = 10 }
    db-2  = { role = "db", flavor = "4c-8g", image = "Debian 13", vcpus = 4, ram_mb = 8192, boot_gb = 10 }
    db-3  = { role = "db", flavor = "4c-8g", image = "Debian 13", vcpus = 4, ram_mb = 8192, boot_gb = 10 }
    app-1 = { role = "app", flavor = "2c-4g", image = "Debian 13", vcpus = 2, ram_mb = 4096, boot_gb = 10 }
  }
  running = {
    db-1  = { role = "db", flavor = "4c-8g", image = "id-13", vcpus = 4, ram_mb = 8192, boot_gb = 10, zone = "nova" }
    db-2  = { role = "db", flavor = "4c-8g", image = "id-13", vcpus = 4, ram_mb = 8192, boot_gb = 10, zone = "nova" }
    db-3  = { role = "db", flavor = "4c-8g", image = "Debian 13", vcpus = 4, ram_mb = 8192, boot_gb = 10 }
    app-1 = { role = "app", flavor = "2c-4g", image = "id-13", vcpus = 2, ram_mb = 4096, boot_gb = 10 }
  }
}

run "unchanged_members_are_not_touched" {
  assert {
    condition     = length(output.touched_members) == 0
    error_message = "A plan without changes touches a member."
  }
}

run "first_apply_touches_nobody" {
  variables { running = {} }
  assert {
    condition     = length(output.touched_members) == 0
    error_message = "Nothing runs, and yet something is touched."
  }
}

run "one_bigger_member_is_accepted" {
  variables { hosts = merge(var.hosts, { db-1 = merge(var.hosts.db-1, { flavor = "8c-16g", vcpus = 8 }) }) }
  assert {
    condition     = output.touched_members == tolist(["db-1"])
    error_message = "Another member is touched."
  }
}

run "two_bigger_members_are_refused" {
  command = plan
  variables {
    hosts = merge(var.hosts, {
      db-1 = merge(var.hosts.db-1, { flavor = "8c-16g", vcpus = 8 })
      db-2 = merge(var.hosts.db-2, { flavor = "8c-16g", vcpus = 8 })
    })
  }
  expect_failures = [output.touched_members]
}

run "new_image_for_all_members_is_refused" {
  command = plan
  variables { hosts = { for key, host in var.hosts : key => merge(host, { image = "Debian 13.1" }) } }
  expect_failures = [output.touched_members]
}

run "image_published_anew_under_its_name_is_refused" {
  command = plan
  variables { image_ids = { "Debian 13" = "id-13-of-today" } }
  expect_failures = [output.touched_members]
}

run "bigger_boot_volume_and_replacement_are_refused" {
  command = plan
  variables {
    replacing = ["db-2"]
    hosts     = merge(var.hosts, { db-1 = merge(var.hosts.db-1, { boot_gb = 12 }) })
  }
  expect_failures = [output.touched_members]
}

run "removal_and_move_to_another_zone_are_refused" {
  command = plan
  variables {
    hosts = {
      db-1 = merge(var.hosts.db-1, { zone = "b" })
      db-2 = var.hosts.db-2
    }
  }
  expect_failures = [output.touched_members]
}

run "one_replaced_member_is_accepted" {
  variables { replacing = ["db-2", "app-1"] }
  assert {
    condition     = output.touched_members == tolist(["db-2"])
    error_message = "Another member is touched."
  }
}

run "absent_member_made_again_is_accepted" {
  variables { running = { for key, host in var.running : key => host if key != "db-1" } }
}

run "replacement_while_one_is_absent_is_refused" {
  command = plan
  variables {
    replacing = ["db-3"]
    running   = { for key, host in var.running : key => host if key != "db-1" }
  }
  expect_failures = [output.touched_members]
}
