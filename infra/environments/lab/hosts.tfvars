# For the control plane of infra/lab, where nothing boots: the shape counts, not the size.
environment      = "lab"
external_network = "public"
image            = "Debian 13"
cidr             = "10.40.0.0/24"
dns_servers      = ["9.9.9.9", "149.112.112.112"]
admin_cidrs      = ["198.51.100.0/24"] # Addresses for documentation: nobody's.

hosts = {
  edge-1    = { role = "edge", flavor = "c1.small", boot_gb = 4 }
  edge-2    = { role = "edge", flavor = "c1.small", boot_gb = 4 }
  app-1     = { role = "app", flavor = "c1.small", boot_gb = 4 }
  app-2     = { role = "app", flavor = "c1.small", boot_gb = 4 }
  db-1      = { role = "db", flavor = "c1.small", boot_gb = 4, data = true }
  db-2      = { role = "db", flavor = "c1.small", boot_gb = 4, data = true }
  db-3      = { role = "db", flavor = "c1.small", boot_gb = 4, data = true }
  monitor-1 = { role = "monitor", flavor = "c1.small", boot_gb = 4, data = true }
  backup-1  = { role = "backup", flavor = "c1.small", boot_gb = 4, data = true }
  loadgen-1 = { role = "loadgen", flavor = "c1.small", boot_gb = 4 }
}
