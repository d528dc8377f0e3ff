variable "hosts" {
  description = "Hosts that should be there, with the sizes their flavors really have."
  type = map(object({
    role    = string
    flavor  = string
    image   = string
    vcpus   = number
    ram_mb  = number
    boot_gb = number
    zone    = optional(string)
  }))
  default = {}
}

variable "image_ids" {
  description = "Id by image name; `running` may say either."
  type        = map(string)
  default     = {}
}

variable "running" {
  description = "Hosts that are there now, with their sizes; `image` is a name or an id."
  type = map(object({
    role    = string
    flavor  = string
    image   = string
    boot_gb = number
    vcpus   = number
    ram_mb  = number
    zone    = optional(string)
  }))
  default = {}
}

variable "replacing" {
  description = "Hosts that are made anew although nothing about them changes."
  type        = set(string)
  default     = []
}

variable "volumes" {
  description = "Gigabytes of each data volume, by host key."
  type        = map(number)
  default     = {}
}

variable "floating_ips" {
  description = "How many floating IPs the environment holds."
  type        = number
  default     = 0
}

variable "network_objects" {
  description = "How many of Neutron's objects the environment makes, as far as a quota counts them."
  type = object({
    ports                = number
    security_groups      = number
    security_group_rules = number
  })
  default = {
    ports                = 0
    security_groups      = 0
    security_group_rules = 0
  }
}

variable "quota" {
  description = "What the project may have (-1: without limit) and what Nova says is in use; null asks nothing."
  type = object({
    instances            = number
    vcpus                = number
    ram_mb               = number
    volumes              = number
    disk_gb              = number
    floating_ips         = number
    ports                = number
    security_groups      = number
    security_group_rules = number
    used = object({
      instances = number
      vcpus     = number
      ram_mb    = number
    })
  })
  default = null
}

variable "envelope" {
  description = "What the environment may need at most; null for no envelope."
  type = object({
    vcpus   = number
    ram_gb  = number
    disk_gb = number
  })
  default = null
}

variable "prices" {
  description = "The cloud's prices in ₸ per hour; null when they are not known."
  type = object({
    vcpu        = number
    ram_gb      = number
    disk_gb     = number
    floating_ip = number
  })
  default = null

  validation {
    condition     = var.prices == null ? true : alltrue([for price in values(var.prices) : price >= 0])
    error_message = "prices: never negative."
  }
}

variable "days" {
  description = "How many days the cost is reckoned for."
  type        = number
  default     = 3

  validation {
    condition     = var.days > 0
    error_message = "days: more than none."
  }
}

variable "budget_tenge" {
  description = "What these days may cost, in ₸; a plan above it warns. Null for no budget."
  type        = number
  default     = null
}
