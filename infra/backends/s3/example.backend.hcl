# environments/production/hosts.backend.hcl; durable.backend.hcl differs in `key` alone.
# Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
# (`openstack ec2 credentials create`), never from a file here.
bucket = "biletter-state"
key    = "production/hosts.tfstate"
region = "us-east-1" # Ceph and MinIO ignore it, and yet it has to be there.

endpoints = { s3 = "https://object-store.example.org" }

# Who applies holds <key>.tflock. The store has to honour `If-None-Match: *`; try two applies at once.
use_lockfile = true

# At rest: by the store. Where it has no key management, AWS_SSE_CUSTOMER_KEY holds a key of one's own instead.
encrypt = true

# What Amazon has and others do not.
use_path_style              = true
skip_credentials_validation = true
skip_metadata_api_check     = true
skip_region_validation      = true
skip_requesting_account_id  = true
skip_s3_checksum            = true
