"""The cloud as code: what Terraform makes, the commands around it, and a cloud to try it on."""
