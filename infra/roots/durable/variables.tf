variable "environment" {
  description = "Name of the environment; every name in the cloud begins with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "environment: 2 to 16 of a-z, 0-9 and -, beginning with a letter."
  }
}

variable "external_network" {
  description = "Name of the cloud's network that leads outside (`openstack network list --external`)."
  type        = string
}

variable "volumes" {
  description = "Data volumes by the key of the host they belong to. `gb` may grow, never shrink; `zone` cannot change."
  type = map(object({
    gb   = number
    zone = optional(string)
  }))

  validation {
    condition     = alltrue([for key in keys(var.volumes) : can(regex("^(edge|app|db|monitor|backup|loadgen)-[1-9][0-9]*$", key))])
    error_message = "volumes: keys are those of hosts: a role, a dash and a number (db-1)."
  }
}

variable "volume_type" {
  description = "The cloud's name for its fast disks (`openstack volume type list`); null takes the cloud's default."
  type        = string
  default     = null
}

variable "envelope" {
  description = "What the environment may need at most; here only its disk counts. Null for no envelope."
  type = object({
    vcpus   = number
    ram_gb  = number
    disk_gb = number
  })
  default = null
}
