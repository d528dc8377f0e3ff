# Every job of a developer or operator is a target here; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8081
DATA_DIR ?= .data
HOST ?= http://127.0.0.1:$(PORT)

bin := $(VENV)/bin
pip := $(bin)/python -m pip --disable-pip-version-check --quiet install --require-hashes

.PHONY: help run data test test-debian plans crashes histories browser check load load-worker load-compare load-capacity load-calibrate chaos bench bulkhead sweep cloud-plan cloud-apply cloud-destroy cloud-erase cloud-roll cloud-orphans lab-cloud lab-cloud-down test-cloud release play find-request dashboards dashboards-preview lab-fleet lab-fleet-down test-fleet lock clean

help:  ## List every target.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.local  ## Start everything on this machine: make run [PORT=8081] [DATA_DIR=.data]; DATABASE_URL uses another server.
	@exec $(bin)/python -m app.local --port "$(PORT)" --data-dir "$(DATA_DIR)"

data: $(VENV)/.local  ## Import a dataset: make data FROM=folder, or a made-up one: make data SIZE=small|hackathon|full [SEED=1] [DATA_DIR=.data].
	@$(bin)/python -m app.local.data --from "$(FROM)" --size "$(SIZE)" --seed "$(SEED)" --data-dir "$(DATA_DIR)"

test: $(VENV)/.test  ## Run all tests on a real PostgreSQL: make test [ARGS="-k seats"].
	@$(bin)/python -m pytest $(ARGS)

browser: $(VENV)/.test  ## Click through a payment in a real Chromium; as root it installs Debian's package.
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] \
	    || { echo "make browser needs chromium: install it, or run this as root on Debian."; exit 1; }; \
	    echo "Installing chromium ..."; apt-get -qq update && apt-get -qq install --yes chromium >/dev/null; }
	@$(bin)/python -m pytest tests/browser

test-debian: $(VENV)/.test  ## Run the tests of statements, plans and races on Debian 13's PostgreSQL 17; as root it installs it by debootstrap.
	@command -v debootstrap >/dev/null || { [ "$$(id -u)" = 0 ] \
	    || { echo "make test-debian needs debootstrap and root: run it as root on Debian."; exit 1; }; \
	    echo "Installing debootstrap ..."; apt-get -qq update && apt-get -qq install --yes debootstrap >/dev/null; }
	@$(bin)/python -m tests.debian_postgres $(ARGS)

plans: $(VENV)/.test  ## Assert how PostgreSQL runs each search in a big archive: make plans [ROWS=1000000]; some minutes.
	@PLAN_ROWS="$(or $(ROWS),1000000)" $(bin)/python -m pytest tests/plans

crashes: $(VENV)/.test  ## Kill a process at every statement, commit and call of every saga: make crashes [ROUNDS=1]; minutes.
	@SAGAS_LONG=1 SAGAS_ROUNDS="$(or $(ROUNDS),1)" $(bin)/python -m pytest tests/sagas/test_crashes.py -s $(ARGS)

histories: $(VENV)/.test  ## Play random histories of buyers, faults and kills: make histories [EXAMPLES=500] [ARGS="--hypothesis-seed=1"]; minutes.
	@SAGAS_LONG=1 SAGAS_EXAMPLES="$(or $(EXAMPLES),500)" $(bin)/python -m pytest tests/sagas/test_histories.py -s $(ARGS)

check: $(VENV)/.test  ## Run the static checks: ruff, mypy, Terraform without a cloud, the alerts' rules and tests, Ansible.
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/mypy
	@$(bin)/python -m infra.check
	@$(bin)/python -m monitoring check
	@cd ansible && $(abspath $(bin))/ansible-lint --offline --profile production -q

scenarios := authorization|booking|events|archive|authenticate|sellout|giveback|rush|mixed|failover

load: $(VENV)/.test  ## Play a load scenario of the table in loadtest/README.md: make load SCENARIO=booking [HOST=http://127.0.0.1:8081] [DURATION=60s] [ARGS="--scale 0.05"].
	@$(bin)/python -m loadtest $(or $(SCENARIO),$(error SCENARIO is missing: make load SCENARIO=$(scenarios))) --host "$(HOST)" $(if $(DURATION),--duration "$(DURATION)") $(ARGS)

load-worker: $(VENV)/.test  ## Play a part of a load that another host directs: make load-worker MASTER=10.0.0.5 [ARGS="--master-port 5557"].
	@$(bin)/python -m loadtest worker --master-host "$(or $(MASTER),$(error MASTER is missing: make load-worker MASTER=10.0.0.5))" $(ARGS)

load-calibrate: $(VENV)/.test  ## Measure what the load generator itself can send on this machine; a minute, two cores.
	@$(bin)/python -m loadtest.calibrate

load-compare: $(VENV)/.test  ## Hold two load runs against each other, with a noise estimate: make load-compare A=folder[,folder] B=folder[,folder].
	@$(bin)/python -m loadtest.judge $(or $(A),$(error A is missing: make load-compare A=folder B=folder)) $(or $(B),$(error B is missing: make load-compare A=folder B=folder))

load-capacity: $(VENV)/.test  ## Say how many vCPU the profiles need: make load-capacity RUNS="folder folder" [CHECK=folder].
	@$(bin)/python -m loadtest.capacity $(or $(RUNS),$(error RUNS is missing: make load-capacity RUNS="folder folder")) $(if $(CHECK),--check "$(CHECK)") $(ARGS)

chaos: $(VENV)/.test  ## Break everything while buyers pay, then compare the three ledgers: make chaos [SECONDS=60] [SEED=1] [SEEDS=1,2,3] [REPORT=.data/chaos].
	@$(bin)/python -m loadtest.chaos --seconds "$(or $(SECONDS),60)" --seed "$(or $(SEEDS),$(SEED),1)" --report "$(or $(REPORT),$(DATA_DIR)/chaos)" $(ARGS)

bench: $(VENV)/.test  ## Measure the service against plain SQL on this machine and print the table of loadtest/README.md.
	@$(bin)/python -m loadtest.bench

bulkhead: $(VENV)/.test  ## Measure buyers of other events while the event provider needs 5 s for every call; two minutes, two cores.
	@$(bin)/python -m loadtest.bulkhead $(ARGS)

sweep: $(VENV)/.test  ## Time searches that no cache knows, frequent words and rare, on the data of make data: make sweep [DATA_DIR=.data].
	@$(bin)/python -m loadtest.sweep --data-dir "$(DATA_DIR)" $(ARGS)

environment = $(or $(ENV),$(error ENV is missing: make $@ ENV=hackathon))
cloud = $(bin)/python -m infra.cloud

cloud-plan: $(VENV)/.cloud  ## Say what an apply would do in a cloud, what it costs, and draw it: make cloud-plan ENV=hackathon (infra/README.md).
	@$(cloud) plan $(environment) $(ARGS)

cloud-apply: $(VENV)/.cloud  ## Bring the cloud to what the environment says, after asking: make cloud-apply ENV=hackathon [ARGS="--replace db-2"].
	@$(cloud) apply $(environment) $(ARGS)

cloud-roll: $(VENV)/.cloud  ## Bring hosts to a new image or flavor, one after the other: make cloud-roll ENV=hackathon [ARGS="--hosts app-1,app-2 --hook PROGRAM"].
	@$(cloud) roll $(environment) $(ARGS)

cloud-orphans: $(VENV)/.cloud  ## List what an apply that was killed left behind: make cloud-orphans ENV=hackathon [ARGS="--adopt" or "--delete"].
	@$(cloud) orphans $(environment) $(ARGS)

cloud-destroy: $(VENV)/.cloud  ## Delete an environment's hosts; data volumes and addresses stay: make cloud-destroy ENV=hackathon.
	@$(cloud) destroy $(environment) $(ARGS)

cloud-erase: $(VENV)/.cloud  ## Delete an environment with all its data, once its name is typed: make cloud-erase ENV=hackathon.
	@$(cloud) erase $(environment)

find-request: $(VENV)/.ops  ## Print what all hosts have written about a request: make find-request ID=... ENV=hackathon.
	@$(MAKE) --no-print-directory play PLAY=find_request ARGS="-e request_id=$(or $(ID),$(error ID is missing: make find-request ID=... ENV=hackathon))"

lab-cloud: $(VENV)/.cloud  ## Bring up a real OpenStack control plane on this machine, as root on Debian (infra/lab/README.md).
	@$(bin)/python -m infra.lab up --dir "$(DATA_DIR)/lab-cloud"

lab-cloud-down: $(VENV)/.cloud  ## End the lab's cloud and leave nothing of it behind.
	@$(bin)/python -m infra.lab down --dir "$(DATA_DIR)/lab-cloud"

test-cloud: $(VENV)/.test  ## Test the Terraform code against the lab's cloud: make test-cloud [ARGS="-m 'not long'"].
	@LAB_CLOUD="$(DATA_DIR)/lab-cloud" $(bin)/python -m pytest tests/deployment/cloud $(ARGS)

inventory = $(or $(INVENTORY),infra/.state/$(environment)/inventory.yml $(wildcard infra/environments/$(ENV)/ansible.yml))

play: $(VENV)/.ops  ## Run a playbook on an environment's hosts: make play PLAY=site ENV=hackathon [ARGS="--check --diff"] (ansible/README.md).
	@cd ansible && $(abspath $(bin))/ansible-playbook $(foreach file,$(inventory),--inventory $(abspath $(file))) \
	    $(or $(PLAY),$(error PLAY is missing: make play PLAY=site ENV=hackathon)).yml $(ARGS)

fleet_dir = $(DATA_DIR)/lab-fleet

lab-fleet: $(VENV)/.local $(VENV)/.ops  ## Bring up Biletter on eight hosts of this machine, as root on Debian (infra/lab/README.md).
	@$(bin)/python -m infra.lab fleet up --dir "$(fleet_dir)"
	@$(MAKE) --no-print-directory release ALLOW_DIRTY=1
	@$(MAKE) --no-print-directory play PLAY=site INVENTORY="$(fleet_dir)/inventory.yml"
	@$(bin)/python -m app.dataset generate small "$(fleet_dir)/dataset"
	@$(MAKE) --no-print-directory play PLAY=import_dataset INVENTORY="$(fleet_dir)/inventory.yml" \
	    ARGS="-e from=$(abspath $(fleet_dir))/dataset"

lab-fleet-down: $(VENV)/.local $(VENV)/.ops  ## End the lab's hosts and leave nothing of them behind.
	@$(bin)/python -m infra.lab fleet down --dir "$(fleet_dir)"

test-fleet: $(VENV)/.test  ## Break the lab's fleet while buyers come, and deploy to it: make test-fleet [ARGS="-m 'not long'"].
	@LAB_FLEET="$(fleet_dir)" $(bin)/python -m pytest tests/deployment/fleet $(ARGS)

dashboards: $(VENV)/.ops  ## Write what Prometheus and Grafana are given: make dashboards [TO=.data/monitoring].
	@$(bin)/python -m monitoring build "$(or $(TO),$(DATA_DIR)/monitoring)"

dashboards-preview: $(VENV)/.test  ## Draw each dashboard as a picture: make dashboards-preview PROMETHEUS=http://127.0.0.1:9090 [TO=.data/previews] [ARGS="--only on-sale"].
	@$(bin)/python -m monitoring preview "$(or $(TO),$(DATA_DIR)/previews)" $(ARGS) \
	    --prometheus "$(or $(PROMETHEUS),$(error PROMETHEUS is missing: make dashboards-preview PROMETHEUS=http://127.0.0.1:9090))"

release: $(VENV)/.local  ## Build what the app hosts run, or the load generator's, as one file in .data/releases: make release [WHAT=load] [ALLOW_DIRTY=1].
	@ALLOW_DIRTY="$(ALLOW_DIRTY)" $(bin)/python -m infra.release build $(WHAT)

lock: $(VENV)/.test  ## Pin the newest versions of all dependencies again, with hashes, for Python 3.11 to 3.13.
	@$(bin)/python -m pip --disable-pip-version-check --quiet install uv
	@for set in requirements/{run,tracing,load,local,cloud,ops,test} infra/lab/openstack/{requirements,installer}; do \
	    $(bin)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --no-emit-find-links --no-header \
	        $$set.in --output-file $$set.txt || exit; \
	done

clean:  ## Remove the virtual environment; data stays.
	rm -rf $(VENV)

$(bin)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Biletter needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.local: requirements/local.txt | $(bin)/python
	@echo "Installing the service's dependencies into $(VENV) ..."
	@$(pip) -r requirements/local.txt
	@touch $@

$(VENV)/.cloud: requirements/cloud.txt | $(bin)/python
	@echo "Installing what the cloud commands need into $(VENV) ..."
	@$(pip) -r requirements/cloud.txt
	@touch $@

$(VENV)/.ops: requirements/ops.txt | $(bin)/python
	@echo "Installing what the playbooks need into $(VENV) ..."
	@$(pip) -r requirements/ops.txt
	@touch $@

$(VENV)/.test: requirements/test.txt | $(bin)/python
	@echo "Installing the test dependencies into $(VENV) ..."
	@$(pip) -r requirements/test.txt
	@touch $@
