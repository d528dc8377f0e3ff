variable "environment" {
  description = "Name of the environment; every name begins with it."
  type        = string
}

variable "volumes" {
  description = "Data volumes by the key of the host they belong to. `gb` may grow, never shrink; `zone` cannot change."
  type = map(object({
    gb   = number
    zone = optional(string)
  }))

  validation {
    condition     = alltrue([for volume in var.volumes : volume.gb >= 1 && floor(volume.gb) == volume.gb])
    error_message = "volumes: gb is a whole number of gigabytes, at least 1."
  }
}

variable "volume_type" {
  description = "The cloud's name for its fast disks; null takes the cloud's default."
  type        = string
  default     = null
}
