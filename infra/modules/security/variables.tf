variable "environment" {
  description = "Name of the environment; every name begins with it."
  type        = string
}

variable "admin_cidrs" {
  description = "Networks that administrators come from; only these reach SSH of the jump host."
  type        = set(string)

  validation {
    condition     = length(var.admin_cidrs) > 0
    error_message = "admin_cidrs: at least one, or nobody gets in."
  }

  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : try(cidrsubnet(cidr, 0, 0) == cidr && !strcontains(cidr, ":"), false)])
    error_message = "admin_cidrs: IPv4 networks with their length, without bits of a host: 203.0.113.0/24, or 203.0.113.7/32."
  }

  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : try(tonumber(split("/", cidr)[1]) >= 8, false)])
    error_message = "admin_cidrs: shorter than /8 is the whole world, which must not reach SSH."
  }
}

variable "table" {
  description = "Who may talk to whom: infra/rules.yaml, decoded."
  type = object({
    roles = set(string)
    jump  = string
    rules = list(object({
      key      = string
      from     = string
      to       = string
      protocol = string
      ports    = optional(string)
      why      = string
    }))
  })

  validation {
    condition     = contains(var.table.roles, var.table.jump)
    error_message = "rules: jump is \"${var.table.jump}\", which is not a role."
  }

  validation {
    condition     = length(distinct(var.table.rules[*].key)) == length(var.table.rules)
    error_message = "rules: a key stands twice."
  }

  validation {
    condition = alltrue([
      for row in var.table.rules : contains(concat(tolist(var.table.roles), ["all", "jump", "admins", "world"]), row.from)
    ])
    error_message = "rules: unknown role in `from`: ${join(", ", [
      for row in var.table.rules : row.key
      if !contains(concat(tolist(var.table.roles), ["all", "jump", "admins", "world"]), row.from)
    ])}."
  }

  validation {
    condition = alltrue([
      for row in var.table.rules : contains(concat(tolist(var.table.roles), ["all", "jump", "world"]), row.to)
    ])
    error_message = "rules: unknown role in `to`: ${join(", ", [
      for row in var.table.rules : row.key
      if !contains(concat(tolist(var.table.roles), ["all", "jump", "world"]), row.to)
    ])}."
  }

  validation {
    condition     = alltrue([for row in var.table.rules : contains(["tcp", "udp", "icmp", "vrrp"], row.protocol)])
    error_message = "rules: protocol is tcp, udp, icmp or vrrp."
  }

  validation {
    condition = alltrue([for row in var.table.rules : (
      contains(["tcp", "udp"], row.protocol)
      ? can(regex("^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$", row.ports))
      : row.ports == null
    )])
    error_message = "rules: tcp and udp rows name a port or a range (2379-2380), the others none."
  }

  validation {
    condition = alltrue([for row in var.table.rules :
      row.key == join("/", compact(["${row.to}<-${row.from}", row.protocol, row.ports]))
    ])
    error_message = "rules: a key says something else than its row: ${join(", ", [
      for row in var.table.rules : row.key
      if row.key != join("/", compact(["${row.to}<-${row.from}", row.protocol, row.ports]))
    ])}."
  }

  validation {
    condition     = alltrue([for row in var.table.rules : trimspace(row.why) != ""])
    error_message = "rules: each row says why."
  }

  validation {
    condition     = alltrue([for row in var.table.rules : row.from != "world" || (row.to == "edge" && contains(["80", "443"], coalesce(row.ports, "none")))])
    error_message = "rules: the world reaches 80 and 443 of the edges, nothing else."
  }

  validation {
    condition     = alltrue([for row in var.table.rules : row.from != "admins" || (row.to == "jump" && row.ports == "22")])
    error_message = "rules: administrators enter by SSH of the jump host, nowhere else."
  }

  validation {
    condition     = anytrue([for row in var.table.rules : row.from == "all" && row.to == "world"])
    error_message = "rules: no row lets the hosts out; groups without one cut them off from names, time and packages."
  }
}
