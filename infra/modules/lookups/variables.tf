variable "images" {
  description = "Names of images, exact; two images of one name are an error. An id is taken as it is."
  type        = set(string)
  default     = []
}

variable "flavors" {
  description = "Names of flavors, exact."
  type        = set(string)
  default     = []
}

variable "external_network" {
  description = "Name of the cloud's network that leads outside."
  type        = string

  validation {
    condition     = trimspace(var.external_network) != ""
    error_message = "external_network: `openstack network list --external` shows what the cloud calls it."
  }
}

variable "server_zones" {
  description = "Availability zones that servers ask for."
  type        = set(string)
  default     = []
}

variable "volume_zones" {
  description = "Availability zones that volumes ask for."
  type        = set(string)
  default     = []
}
