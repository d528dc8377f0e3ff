output "durable" {
  description = "What the hosts root needs of this one, as its variable `durable`."
  value = {
    volumes      = module.data_volumes.volumes
    floating_ips = module.public_addresses.floating_ips
  }
}
