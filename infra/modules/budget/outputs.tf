output "totals" {
  description = "Sums over hosts and data volumes; refused when they do not fit the envelope."
  value = {
    hosts        = local.sums.instances
    vcpus        = local.sums.vcpus
    ram_gb       = local.ram_gb
    disk_gb      = local.sums.disk_gb
    volumes      = local.sums.volumes
    floating_ips = var.floating_ips
  }

  precondition {
    condition     = length(local.over_envelope) == 0
    error_message = "The envelope does not hold this environment: ${join(", ", local.over_envelope)}."
  }
}

output "quota" {
  description = "What would be in use of each quota, and the quota; refused when it does not suffice."
  value       = local.needs

  precondition {
    condition     = length(local.over_quota) == 0
    error_message = "The project's quota does not hold this environment: ${join(", ", local.over_quota)}. Nothing was changed; ask for more, or for less."
  }
}

output "touched_members" {
  description = "Members of the database that this plan stops; refused when they are more than one."
  value       = local.touched

  precondition {
    condition     = length(local.touched) < 2
    error_message = "${join(" and ", local.touched)} would stop at once, and the database with them. Do one, wait until it is a member again, then the next."
  }

  precondition {
    condition     = length(local.touched) == 0 || length(local.absent) == 0
    error_message = "${join(", ", local.touched)} would stop while ${join(", ", local.absent)} is not there. First make the absent one, wait until it is a member, then go on."
  }
}

output "cost" {
  description = "What `days` cost in ₸, in all and by part; null parts when no prices are given."
  value = {
    days         = var.days
    total        = local.total == null ? null : ceil(local.total)
    parts        = local.cost == null ? null : { for part, tenge in local.cost : part => ceil(tenge) }
    budget_tenge = var.budget_tenge
  }
}
