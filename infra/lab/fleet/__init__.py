"""Hosts of Debian 13 on one machine, to converge with Ansible and to break."""
