environment      = "lab"
external_network = "public"

volumes = {
  db-1      = { gb = 4 }
  db-2      = { gb = 4 }
  db-3      = { gb = 4 }
  monitor-1 = { gb = 4 }
  backup-1  = { gb = 4 }
}
