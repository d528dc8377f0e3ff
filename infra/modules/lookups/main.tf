# What the cloud has under the names that an environment uses. Each look-up is keyed by the name
# asked for, so that an error about one that is absent says which.

data "openstack_images_image_ids_v2" "image" {
  for_each = local.image_names

  name = each.key

  lifecycle {
    postcondition {
      condition     = length(self.ids) > 0
      error_message = "No active image is called \"${each.key}\" in this project. `openstack image list` shows those that are."
    }
    postcondition {
      condition     = length(self.ids) < 2
      error_message = "${length(self.ids)} images are called \"${each.key}\" (${join(", ", self.ids)}): which of them is chance. Rename or hide the others."
    }
  }
}

data "openstack_images_image_v2" "image" {
  for_each = local.image_names

  name = each.key

  # Asked only once it is sure that there is one.
  depends_on = [data.openstack_images_image_ids_v2.image]
}

data "openstack_compute_flavor_v2" "flavor" {
  for_each = var.flavors

  name = each.key
}

data "openstack_networking_network_v2" "external" {
  for_each = toset([var.external_network])

  name     = each.key
  external = true
}

# tflint-ignore: terraform_unused_declarations # Read for its postcondition.
data "openstack_compute_availability_zones_v2" "servers" {
  state = "available"

  lifecycle {
    postcondition {
      condition     = length(setsubtract(var.server_zones, self.names)) == 0
      error_message = "No zone for servers is called ${join(", ", setsubtract(var.server_zones, self.names))}; there are: ${join(", ", self.names)}."
    }
  }
}

# tflint-ignore: terraform_unused_declarations # Read for its postcondition.
data "openstack_blockstorage_availability_zones_v3" "volumes" {
  state = "available"

  lifecycle {
    postcondition {
      condition     = length(setsubtract(var.volume_zones, self.names)) == 0
      error_message = "No zone for volumes is called ${join(", ", setsubtract(var.volume_zones, self.names))}; there are: ${join(", ", self.names)}."
    }
  }
}

data "openstack_identity_auth_scope_v3" "project" {
  name = "project"
}

# Named, even our own project is one that only the cloud's administrator may ask about; unnamed, it is ours.
data "openstack_compute_limits_v2" "project" {
  project_id = ""
}

data "openstack_blockstorage_quotaset_v3" "project" {
  project_id = data.openstack_identity_auth_scope_v3.project.project_id
}

data "openstack_networking_quota_v2" "project" {
  project_id = data.openstack_identity_auth_scope_v3.project.project_id
}

locals {
  # What looks like an id is one: a host stays on an image that has lost its name.
  image_ids   = toset([for image in var.images : image if can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", image))])
  image_names = setsubtract(var.images, local.image_ids)
}
