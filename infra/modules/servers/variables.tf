variable "environment" {
  description = "Name of the environment; every name begins with it."
  type        = string
}

variable "hosts" {
  description = "Hosts by key, with ids already looked up. `boot_gb` is the size of the boot volume, which goes with the host, `min_gb` what its image needs."
  type = map(object({
    role      = string
    flavor_id = string
    image_id  = string
    boot_gb   = number
    min_gb    = optional(number, 0)
    zone      = optional(string)
  }))
}

variable "admin_keys" {
  description = "Public SSH keys of administrators. The first is also the cloud's key pair, for its rescue mode."
  type        = list(string)

  validation {
    condition     = length(var.admin_keys) > 0
    error_message = "admin_keys: at least one, or nobody gets in."
  }

  validation {
    condition     = alltrue([for key in var.admin_keys : can(regex("^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa|sk-ssh-ed25519@openssh\\.com) [A-Za-z0-9+/=]+( .*)?$", key))])
    error_message = "admin_keys: public keys in OpenSSH's one-line form; never a private key."
  }
}

variable "network_id" {
  description = "The environment's network."
  type        = string
}

variable "subnet_id" {
  description = "The subnet that hosts get their addresses from."
  type        = string
}

variable "security_group_ids" {
  description = "Security groups by role."
  type        = map(set(string))
}

variable "shared_addresses" {
  description = "Addresses that hosts of a role may take over from one another."
  type        = map(set(string))
  default     = {}
}

variable "data_volumes" {
  description = "Id of the data volume to attach, by host key."
  type        = map(string)
  default     = {}
}

variable "floating_ips" {
  description = "Address outside that leads to a host, by host key."
  type        = map(string)
  default     = {}
}

variable "anti_affinity" {
  description = "Policy of the server group, by role: anti-affinity refuses to put two members on one machine, soft-anti-affinity avoids it. A role without one is placed anywhere."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in var.anti_affinity : contains(["anti-affinity", "soft-anti-affinity"], policy)])
    error_message = "anti_affinity: anti-affinity or soft-anti-affinity."
  }
}

variable "volume_type" {
  description = "The cloud's name for its fast disks; null takes the cloud's default."
  type        = string
  default     = null
}
