# What every test begins with.
environment      = "test"
external_network = "public"
image            = "Debian 13"
cidr             = "10.20.0.0/24"
dns_servers      = ["9.9.9.9"]
admin_cidrs      = ["203.0.113.0/24"]
admin_keys       = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2dHV2 admin"]
hosts = {
  edge-1    = { role = "edge", flavor = "c1.small", boot_gb = 8 }
  edge-2    = { role = "edge", flavor = "c1.small", boot_gb = 8 }
  app-1     = { role = "app", flavor = "c1.small", boot_gb = 8 }
  db-1      = { role = "db", flavor = "c1.large", boot_gb = 8, data = true }
  db-2      = { role = "db", flavor = "c1.large", boot_gb = 8 }
  db-3      = { role = "db", flavor = "c1.large", boot_gb = 8 }
  monitor-1 = { role = "monitor", flavor = "c1.small", boot_gb = 8 }
  backup-1  = { role = "backup", flavor = "c1.small", boot_gb = 8 }
}
durable = {
  volumes = { db-1 = { id = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", gb = 20 } }
  floating_ips = {
    vip  = { id = "00000000-0000-0000-0000-000000000002", address = "198.51.100.10" }
    jump = { id = "00000000-0000-0000-0000-000000000003", address = "198.51.100.11" }
  }
}
