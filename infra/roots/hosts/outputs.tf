output "inventory" {
  description = "What Ansible needs: groups, hosts and their facts, the jump host, the shared address, the network."
  value = {
    environment = var.environment
    groups      = { for role in local.table.roles : role => sort([for key, host in var.hosts : key if host.role == role]) }
    hosts = {
      for key, host in var.hosts : key => {
        role        = host.role
        address     = module.servers.hosts[key].address
        instance_id = module.servers.hosts[key].instance_id
        zone        = host.zone
        flavor      = host.flavor
        image       = local.images[key]
        vcpus       = local.sized_hosts[key].vcpus
        ram_mb      = local.sized_hosts[key].ram_mb
        boot_gb     = host.boot_gb
        data = host.data ? {
          volume_id = var.durable.volumes[key].id
          gb        = var.durable.volumes[key].gb
          devices   = module.servers.devices[key]
        } : null
      }
    }
    jump = {
      host    = local.jump
      address = module.servers.floating_ips[local.jump]
      user    = var.admin_user
    }
    vip = module.edge_address.vip
    network = {
      cidr        = var.cidr
      gateway     = module.network.gateway
      dns_servers = var.dns_servers
      admin_cidrs = sort(var.admin_cidrs)
    }
  }
}

# Only what a plan without changes leaves as it is: what others use of the quota would make it differ.
output "summary" {
  description = "For people: what, where, which addresses, how much."
  value = {
    environment = var.environment
    hosts = {
      for key, host in var.hosts : key => {
        flavor  = "${host.flavor} (${local.sized_hosts[key].vcpus} vCPU, ${local.sized_hosts[key].ram_mb / 1024} GB)"
        image   = local.images[key]
        zone    = host.zone
        address = module.servers.hosts[key].address
        disk    = host.data ? "${host.boot_gb} + ${var.durable.volumes[key].gb} GB" : "${host.boot_gb} GB"
      }
    }
    vip      = module.edge_address.vip.floating_ip
    jump     = "${var.admin_user}@${module.servers.floating_ips[local.jump]}"
    totals   = module.budget.totals
    envelope = var.envelope
    cost     = module.budget.cost
  }
}

output "cost" {
  description = "What `days` cost in ₸, in all and by part."
  value       = module.budget.cost
}
