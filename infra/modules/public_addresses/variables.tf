variable "environment" {
  description = "Name of the environment; every name begins with it."
  type        = string
}

variable "external_network" {
  description = "Name of the cloud's network that the addresses are from."
  type        = string
}

variable "purposes" {
  description = "What each address is for, by its key."
  type        = map(string)

  validation {
    condition     = alltrue([for key, purpose in var.purposes : can(regex("^[a-z]+$", key)) && purpose != ""])
    error_message = "purposes: keys are lower-case words, and each says what it is for."
  }
}
