environment      = "production"
external_network = "public"

volumes = {
  db-1      = { gb = 200 }
  db-2      = { gb = 200 }
  db-3      = { gb = 200 }
  monitor-1 = { gb = 100 }
  backup-1  = { gb = 500 }
}
