variable "environment" {
  description = "Name of the environment; every name begins with it."
  type        = string
}

variable "network_id" {
  description = "The environment's network."
  type        = string
}

variable "subnet_id" {
  description = "The subnet that the address is from; a router must already lead out of it."
  type        = string
}

variable "address" {
  description = "The address inside that the edges share, outside the range that the cloud gives out."
  type        = string

  validation {
    condition     = can(cidrhost("${var.address}/32", 0))
    error_message = "address: ${var.address} is not an IPv4 address."
  }
}

variable "floating_ip" {
  description = "The buyers' address, made by the durable root."
  type        = string

  validation {
    condition     = can(cidrhost("${var.floating_ip}/32", 0))
    error_message = "floating_ip: ${var.floating_ip} is not an IPv4 address."
  }
}

variable "security_group_ids" {
  description = "Groups of the edges: what reaches the shared address is filtered like what reaches an edge."
  type        = set(string)

  validation {
    condition     = length(var.security_group_ids) > 0
    error_message = "security_group_ids: without a group the cloud puts its default one on the port."
  }
}
