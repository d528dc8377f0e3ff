variable "environment" {
  description = "Name of the environment; every name begins with it."
  type        = string
}

variable "cidr" {
  description = "Addresses of the environment's own network: private (RFC 1918), /16 to /26."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(cidrsubnet(var.cidr, 0, 0) == var.cidr, false)
    error_message = "cidr: ${var.cidr} is not a network; write its first address and its length, like 10.20.0.0/24."
  }

  validation {
    condition     = can(regex("^(10|192\\.168|172\\.(1[6-9]|2[0-9]|3[01]))\\.", var.cidr))
    error_message = "cidr: ${var.cidr} is not private; take it from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 26, false)
    error_message = "cidr: ${var.cidr} should be between /16 and /26."
  }
}

variable "dns_servers" {
  description = "Resolvers that the hosts are told by DHCP; rules.yaml must let them be reached."
  type        = list(string)

  validation {
    condition     = length(var.dns_servers) > 0 && alltrue([for server in var.dns_servers : can(cidrhost("${server}/32", 0))])
    error_message = "dns_servers: at least one IPv4 address; a host that resolves no name installs nothing."
  }
}

variable "external_network_id" {
  description = "The cloud's network that leads outside."
  type        = string
}
