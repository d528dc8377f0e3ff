environment      = "hackathon"
external_network = "public"

volumes = {
  db-1      = { gb = 20 }
  db-2      = { gb = 20 }
  db-3      = { gb = 20 }
  monitor-1 = { gb = 16 }
  backup-1  = { gb = 30 }
}

envelope = { vcpus = 32, ram_gb = 64, disk_gb = 200 }
