output "network_id" {
  description = "The environment's network."
  value       = openstack_networking_network_v2.this.id
}

output "subnet_id" {
  description = "Its subnet, once the router leads out of it: floating IPs need the way."
  value       = openstack_networking_subnet_v2.this.id
  depends_on  = [openstack_networking_router_interface_v2.this]
}

output "gateway" {
  description = "The router's address inside."
  value       = openstack_networking_subnet_v2.this.gateway_ip
}
