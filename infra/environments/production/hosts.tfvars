# Where the cloud has several zones, give each member of a role its own: `zone = "a"` on the host,
# and the same on its volume in durable.tfvars before that is first applied.
environment      = "production"
external_network = "public"
image            = "Debian 13"
cidr             = "10.30.0.0/24"
dns_servers      = ["9.9.9.9", "149.112.112.112"]
app_minimum      = 2

hosts = {
  edge-1    = { role = "edge", flavor = "c1.large", boot_gb = 20 }
  edge-2    = { role = "edge", flavor = "c1.large", boot_gb = 20 }
  app-1     = { role = "app", flavor = "c1.xlarge", boot_gb = 20 }
  app-2     = { role = "app", flavor = "c1.xlarge", boot_gb = 20 }
  app-3     = { role = "app", flavor = "c1.xlarge", boot_gb = 20 }
  app-4     = { role = "app", flavor = "c1.xlarge", boot_gb = 20 }
  db-1      = { role = "db", flavor = "m1.xlarge", boot_gb = 20, data = true }
  db-2      = { role = "db", flavor = "m1.xlarge", boot_gb = 20, data = true }
  db-3      = { role = "db", flavor = "m1.xlarge", boot_gb = 20, data = true }
  monitor-1 = { role = "monitor", flavor = "m1.large", boot_gb = 20, data = true }
  backup-1  = { role = "backup", flavor = "c1.medium", boot_gb = 20, data = true }
}
