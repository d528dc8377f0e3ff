# 31 vCPU, 62 GB of memory and 186 GB of disk of the 32, 64 and 200 that the hackathon gives.
# A third host of role app takes the place of the load generator.
environment      = "hackathon"
external_network = "public"
image            = "Debian 13"
cidr             = "10.20.0.0/24"
dns_servers      = ["9.9.9.9", "149.112.112.112"]
app_minimum      = 2

hosts = {
  edge-1    = { role = "edge", flavor = "c1.medium", boot_gb = 8 }
  edge-2    = { role = "edge", flavor = "c1.medium", boot_gb = 8 }
  app-1     = { role = "app", flavor = "c1.large", boot_gb = 8 }
  app-2     = { role = "app", flavor = "c1.large", boot_gb = 8 }
  db-1      = { role = "db", flavor = "c1.large", boot_gb = 8, data = true }
  db-2      = { role = "db", flavor = "c1.large", boot_gb = 8, data = true }
  db-3      = { role = "db", flavor = "c1.large", boot_gb = 8, data = true }
  monitor-1 = { role = "monitor", flavor = "c1.medium", boot_gb = 8, data = true }
  backup-1  = { role = "backup", flavor = "c1.small", boot_gb = 8, data = true }
  loadgen-1 = { role = "loadgen", flavor = "c1.large", boot_gb = 8 }
}

envelope = { vcpus = 32, ram_gb = 64, disk_gb = 200 }

# Made up, to show how a plan is priced: put your cloud's list here.
prices       = { vcpu = 5, ram_gb = 2, disk_gb = 0.1, floating_ip = 3 }
days         = 3
budget_tenge = 30000
