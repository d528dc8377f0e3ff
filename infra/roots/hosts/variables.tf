variable "environment" {
  description = "Name of the environment; every name in the cloud begins with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "environment: 2 to 16 of a-z, 0-9 and -, beginning with a letter."
  }
}

variable "hosts" {
  description = "Hosts by key (a role, a dash, a number). `flavor`, `image` and `zone` are the cloud's names; `image` defaults to the environment's. `boot_gb` is the boot volume, which goes with the host; `data` attaches the durable volume of the same key."
  type = map(object({
    role    = string
    flavor  = string
    boot_gb = number
    image   = optional(string)
    zone    = optional(string)
    data    = optional(bool, false)
  }))

  validation {
    condition     = alltrue([for host in var.hosts : contains(["edge", "app", "db", "monitor", "backup", "loadgen"], host.role)])
    error_message = "hosts: a role is edge, app, db, monitor, backup or loadgen."
  }

  validation {
    condition     = alltrue([for key, host in var.hosts : can(regex("^${host.role}-[1-9][0-9]*$", key))])
    error_message = "hosts: a key is the host's role, a dash and a number, like app-1: ${join(", ", [for key, host in var.hosts : key if !can(regex("^${host.role}-[1-9][0-9]*$", key))])}."
  }

  validation {
    condition     = alltrue([for host in var.hosts : host.boot_gb >= 4 && floor(host.boot_gb) == host.boot_gb])
    error_message = "hosts: boot_gb is a whole number of gigabytes, at least 4."
  }

  validation {
    condition     = length([for host in var.hosts : host if host.role == "edge"]) >= 2
    error_message = "hosts: at least two edges; the address outlives one of them."
  }

  validation {
    condition     = length([for host in var.hosts : host if host.role == "app"]) >= var.app_minimum
    error_message = "hosts: at least ${var.app_minimum} of role app."
  }

  validation {
    condition     = contains([3, 5], length([for host in var.hosts : host if host.role == "db"]))
    error_message = "hosts: three or five of role db; a majority must survive the loss of one."
  }

  validation {
    condition     = alltrue([for role in ["monitor", "backup"] : length([for host in var.hosts : host if host.role == role]) == 1])
    error_message = "hosts: one of role monitor (it is the jump host too) and one of role backup."
  }
}

variable "app_minimum" {
  description = "Fewest hosts of role app that this environment may have."
  type        = number
  default     = 1

  validation {
    condition     = var.app_minimum >= 1
    error_message = "app_minimum: at least one, or nobody answers."
  }
}

variable "durable" {
  description = "The output `durable` of the durable root: ids of data volumes by host key, and the floating IPs `vip` and `jump`."
  type = object({
    volumes = map(object({
      id   = string
      gb   = number
      zone = optional(string)
    }))
    floating_ips = map(object({
      id      = string
      address = string
    }))
  })

  validation {
    condition     = length(setsubtract(["vip", "jump"], keys(var.durable.floating_ips))) == 0
    error_message = "durable: the floating IPs vip and jump are missing; apply the durable root first."
  }

  validation {
    condition     = length(setsubtract([for key, host in var.hosts : key if host.data], keys(var.durable.volumes))) == 0
    error_message = "durable: no volume for ${join(", ", setsubtract([for key, host in var.hosts : key if host.data], keys(var.durable.volumes)))}; add it to the durable root's `volumes` and apply that first."
  }

  validation {
    condition     = length(setsubtract(keys(var.durable.volumes), [for key, host in var.hosts : key if host.data])) == 0
    error_message = "durable: the volume of ${join(", ", setsubtract(keys(var.durable.volumes), [for key, host in var.hosts : key if host.data]))} has no host with `data = true`; its data would be reached by nobody."
  }

  validation {
    condition = alltrue([
      for key, volume in var.durable.volumes : volume.zone == null || try(var.hosts[key].zone == volume.zone, true)
    ])
    error_message = "durable: a volume and its host are in different zones: ${join(", ", [
      for key, volume in var.durable.volumes : key if volume.zone != null && try(var.hosts[key].zone != volume.zone, false)
    ])}."
  }
}

variable "running" {
  description = "What runs now by the state, by host key: flavor's name, image's name or id. `vcpus` and `ram_mb` spare the look-up of a flavor that the cloud may have retired. Empty when nothing runs."
  type = map(object({
    role    = string
    flavor  = string
    image   = string
    boot_gb = number
    zone    = optional(string)
    vcpus   = optional(number)
    ram_mb  = optional(number)
  }))
  default = {}
}

variable "replacing" {
  description = "Keys of hosts that `-replace` makes anew, so that they count as touched."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.replacing, keys(var.hosts))) == 0
    error_message = "replacing: ${join(", ", setsubtract(var.replacing, keys(var.hosts)))} is not a host."
  }
}

variable "image" {
  description = "Name of the image that hosts are made from, exact (`openstack image list`), or its id."
  type        = string
}

variable "external_network" {
  description = "Name of the cloud's network that leads outside (`openstack network list --external`)."
  type        = string
}

variable "cidr" {
  description = "Addresses of the environment's own network: private (RFC 1918), /16 to /26."
  type        = string
  default     = "10.20.0.0/24"
}

variable "dns_servers" {
  description = "Resolvers that the hosts are told."
  type        = list(string)
}

variable "admin_cidrs" {
  description = "Networks that administrators come from; only these reach SSH, and only of the jump host. The whole world is refused."
  type        = set(string)
}

variable "admin_keys" {
  description = "Public SSH keys of administrators, one line each."
  type        = list(string)
}

variable "admin_user" {
  description = "The image's own user, who gets these keys."
  type        = string
  default     = "debian"
}

variable "anti_affinity" {
  description = "Policy of the server group, by role: anti-affinity refuses to put two members on one machine, soft-anti-affinity avoids it."
  type        = map(string)
  default = {
    edge    = "anti-affinity"
    app     = "anti-affinity"
    db      = "anti-affinity"
    loadgen = "soft-anti-affinity"
  }
}

variable "volume_type" {
  description = "The cloud's name for its fast disks (`openstack volume type list`); null takes the cloud's default."
  type        = string
  default     = null
}

variable "envelope" {
  description = "What the environment may need at most, boot and data volumes included; a plan above it is refused. Null for no envelope."
  type = object({
    vcpus   = number
    ram_gb  = number
    disk_gb = number
  })
  default = null
}

variable "prices" {
  description = "The cloud's prices in ₸ per hour; null prints no cost."
  type = object({
    vcpu        = number
    ram_gb      = number
    disk_gb     = number
    floating_ip = number
  })
  default = null
}

variable "days" {
  description = "How many days the cost is reckoned for."
  type        = number
  default     = 3
}

variable "budget_tenge" {
  description = "What these days may cost, in ₸; a plan above it warns. Null for no budget."
  type        = number
  default     = null
}
