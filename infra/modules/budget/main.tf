# Sums and refusals. Nothing is made here.

locals {
  sums = {
    instances = length(var.hosts)
    vcpus     = sum(concat([0], [for host in var.hosts : host.vcpus]))
    ram_mb    = sum(concat([0], [for host in var.hosts : host.ram_mb]))
    volumes   = length(var.hosts) + length(var.volumes)
    disk_gb   = sum(concat([0], [for host in var.hosts : host.boot_gb], values(var.volumes)))
  }
  ram_gb = local.sums.ram_mb / 1024

  over_envelope = var.envelope == null ? [] : compact([
    local.sums.vcpus > var.envelope.vcpus ? "${local.sums.vcpus} vCPU of ${var.envelope.vcpus}" : "",
    local.ram_gb > var.envelope.ram_gb ? "${local.ram_gb} GB of memory of ${var.envelope.ram_gb}" : "",
    local.sums.disk_gb > var.envelope.disk_gb ? "${local.sums.disk_gb} GB of disk of ${var.envelope.disk_gb}" : "",
  ])

  # Nova counts our own running servers as used; they are there once, not twice.
  others = var.quota == null ? null : {
    instances = max(0, var.quota.used.instances - length(var.running))
    vcpus     = max(0, var.quota.used.vcpus - sum(concat([0], [for host in var.running : host.vcpus])))
    ram_mb    = max(0, var.quota.used.ram_mb - sum(concat([0], [for host in var.running : host.ram_mb])))
  }

  # Of volumes and of Neutron's objects only the limit is known: what others in the project use is not counted.
  needs = var.quota == null ? {} : {
    "servers"              = [local.sums.instances + local.others.instances, var.quota.instances]
    "vCPU"                 = [local.sums.vcpus + local.others.vcpus, var.quota.vcpus]
    "MB of memory"         = [local.sums.ram_mb + local.others.ram_mb, var.quota.ram_mb]
    "volumes"              = [local.sums.volumes, var.quota.volumes]
    "GB of volumes"        = [local.sums.disk_gb, var.quota.disk_gb]
    "floating IPs"         = [var.floating_ips, var.quota.floating_ips]
    "ports"                = [var.network_objects.ports, var.quota.ports]
    "security groups"      = [var.network_objects.security_groups, var.quota.security_groups]
    "security group rules" = [var.network_objects.security_group_rules, var.quota.security_group_rules]
  }
  over_quota = [
    for what, need in local.needs : "${need[0]} ${what} of ${need[1]}" if need[1] >= 0 && need[0] > need[1]
  ]

  members = { for key, host in var.running : key => host if host.role == "db" }

  # Members of the database that this plan stops, for however short a time: changed, made anew or gone.
  touched = sort([for key, now in local.members : key if try(anytrue([
    contains(var.replacing, key),
    var.hosts[key].flavor != now.flavor,
    var.hosts[key].boot_gb != now.boot_gb,
    !contains([var.hosts[key].image, var.image_ids[var.hosts[key].image]], now.image),
    var.hosts[key].zone != null && now.zone != null && var.hosts[key].zone != now.zone,
  ]), true)])

  # Members that should be there and are not: the cluster is short of them already.
  wanted = [for key, host in var.hosts : key if host.role == "db"]
  absent = length(local.members) == 0 ? [] : sort(setsubtract(local.wanted, keys(local.members)))

  hours = var.days * 24
  cost = var.prices == null ? null : {
    vcpu        = local.sums.vcpus * var.prices.vcpu * local.hours
    ram         = local.ram_gb * var.prices.ram_gb * local.hours
    disk        = local.sums.disk_gb * var.prices.disk_gb * local.hours
    floating_ip = var.floating_ips * var.prices.floating_ip * local.hours
  }
  total = local.cost == null ? null : sum(values(local.cost))
}

check "budget" {
  assert {
    condition     = var.budget_tenge == null || local.total == null ? true : local.total <= var.budget_tenge
    error_message = "${var.days} days cost ${ceil(coalesce(local.total, 0))} ₸, more than the budget of ${coalesce(var.budget_tenge, 0)} ₸."
  }
}
