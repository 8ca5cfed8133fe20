# make demo        a login from an empty HSM to a call of the API, as a tutorial
# make demo-piv    the same from a new YubiKey, on a virtual one
# make demo-agent  the agent: one login, many callers, on a virtual YubiKey
# make demo-calls  calls that the agent makes for clients without key or token
# make test        every test and check, as CI runs them
# make check       formatting, vet for each system, staticcheck, modules; no tests
# make bench       what it costs, beside yardsticks measured in the same run; fails where a limit
#                  does not hold, so run it on a machine that has nothing else to do
# make bench-fleet what a way over other machines costs, and what callers see when the leader is killed
#                  twelve times in FLEET=3m; FLEET=1h: every five minutes
# make pin-faults  what becomes of a PIN when its device fails: the tables of docs/reliability.md
# make faults      what callers see while devices, networks, clocks, processes and callers go
#                  wrong: the last table of docs/reliability.md
# make fleet-test  what programs miss while members of a fleet, their networks and their PostgreSQL go
#                  wrong, in network namespaces (needs root); docs/fleet-test.txt has its last output.
#                  FLEET=short: a few rows, in a minute
# make kills       enroll, import and rotate with YubiKeys of all kinds, killed at each step and gone
#                  on with; make test has each with one kind
# make soak        an agent that serves for minutes while things go wrong; SOAK=4h: for hours
# make clients     clients from PyPI and npm do a night's work through the agent, unchanged (needs
#                  python3-venv and npm): docs/clients.md
# make fuzz        every fuzz target for FUZZTIME each (10s, or 1000x for so many inputs)
# make docs-test   the commands of the pages of docs, as they are written, in the order of the page
# make alerts-test the rules of docs/monitoring, by promtool and with a Prometheus that scrapes an agent
# make wine        the tests of a build for Windows under Wine, with what is known to fail there
# make nightly     pin-faults, faults, fleet-test, kills, soak, fuzz, wine, package-test,
#                  kubernetes-test, fleet-test-kubernetes, bench and bench-fleet: over an hour, by hand
# make build       bin/anaplan-agent, bin/anaplan-emulator and bin/piv-emulator
# make install     what a package has, below DESTDIR (none) and PREFIX (/usr/local): program,
#                  units, manual pages, completions; after make build man
# make package     .deb and .rpm of the agent and of the emulators, into bin/packages
# make package-test  the packages in an empty Debian: installed, upgraded, removed, purged, and the
#                  pages for servers, laptops and fleets followed (needs root, debootstrap, lintian, rpm,
#                  iproute2, postgresql);
#                  docs/packages-test.txt has its last output
# make kubernetes-test  the examples of docs/container.md against the schemas of Kubernetes (PyPI)
# make fleet-test-kubernetes  a lease by three members with a real kube-apiserver, whose answers the tests
#                  play (needs etcd; builds kube-apiserver, a quarter of an hour the first time);
#                  docs/fleet-kubernetes-test.txt has its last output
# make tarballs    the programs for each system, packages, licences, parts and SHA256SUMS, into
#                  bin/release; built twice and compared (needs zip)
# make release     bin/anaplan-agent, built twice and compared, with its parts
#                  (bin/anaplan-agent.cdx.json, CycloneDX) and their licences (bin/LICENSES.txt)
# make pictures    the picture in README, by running what it shows, and those of docs/architecture.md (needs graphviz)
# make man         the manual pages, into bin/man
# make errors      the table in docs/errors.md, as the program has it
# make outdated    the modules of which there is a newer version
# make clean       removes bin
# make help        this list

# The sources, as they are named in the program where the Go command may not ask git
# (-buildvcs=false); an archive of git's names them by itself.
REVISION := $(shell git log -1 --format='%(describe:tags=true)|%ct|%H' 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo +dirty)
# Functions begin at multiples of 16 bytes and not 32: 0.12 MiB less padding in 15; what wants more has it.
GOFLAGS_BUILD = -trimpath -ldflags='-s -w -funcalign=16 -X github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build.fromMake=$(REVISION)'

# The agent speaks HTTP/1.1 only (agent/anaplan), so HTTP/2 need not be in it: it is a
# twentieth of the program, and of what a start maps into memory.
AGENT_TAGS = -tags nethttpomithttp2

.PHONY: help outdated fleet-test fleet-test-kubernetes kubernetes-test tarballs package package-test man go-is-new install clients nightly docs-test alerts-test wine errors pictures build test check bench bench-fleet pin-faults faults kills soak fuzz release demo demo-piv demo-agent demo-calls deps-demo deps-demo-piv deps-test deps-wine clean

# The first target: what make does when nobody says what.
help:
	@sed -n 's/^# \(make .*\|   *.*\)$$/\1/p;/^$$/q' Makefile

build: go-is-new
	go build $(GOFLAGS_BUILD) $(AGENT_TAGS) -o bin/ ./cmd/anaplan-agent
	go build $(GOFLAGS_BUILD) -o bin/ ./cmd/anaplan-emulator ./cmd/piv-emulator

# Debian's own Go is older than go.mod asks for, and does not say so in words. One that can fetch a
# newer one answers with that.
go-is-new:
	@wanted=$$(awk '$$1 == "go" {print $$2}' go.mod); \
	found=$$({ go env GOVERSION || (cd / && go env GOVERSION); } 2>/dev/null | sed 's/^go//'); \
	if [ -z "$$found" ]; then \
		echo "Go $$wanted or newer is needed, and there is no go on PATH: https://go.dev/doc/install" >&2; exit 1; \
	elif [ "$$(printf '%s\n' "$$wanted" "$$found" | sort -V | head -n 1)" != "$$wanted" ]; then \
		echo "Go $$wanted or newer is needed, and this is $$found, of $$(command -v go): https://go.dev/doc/install (Debian's own is too old)" >&2; exit 1; \
	fi

# The second build is of a copy in another place, with an empty cache.
release: build
	@again=$$(mktemp -d) && trap 'chmod -R u+w "$$again"; rm -rf "$$again"' EXIT && \
	git clone -q . "$$again/source" && cd "$$again/source" && \
	GOCACHE="$$again/cache" go build $(GOFLAGS_BUILD) $(AGENT_TAGS) -o "$$again/" ./cmd/anaplan-agent && \
	cmp "$$again/anaplan-agent" $(CURDIR)/bin/anaplan-agent
	.ci/notices >bin/LICENSES.txt
	go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 app -json -licenses -main cmd/anaplan-agent -output bin/anaplan-agent.cdx.json .
	@grep -q '"name": "github.com/ThalesGroup/crypto11"' bin/anaplan-agent.cdx.json

# A process under the race detector sleeps for a second at its end, and takes ten times as long to
# start; the tests start thousands. So scripts run the built program, but for the agent itself.
test: deps-test check build
	GORACE=atexit_sleep_ms=0 ANAPLAN_AGENT_BUILT=$(CURDIR)/bin go test -race -timeout 20m $(TESTFLAGS) ./...

# Debian has a C compiler for Windows (mingw-w64), but none for macOS: of that the types are checked.
WINDOWS_CGO = CGO_ENABLED=1 GOOS=windows CC=x86_64-w64-mingw32-gcc

check:
	@unformatted=$$(gofmt -l agent cmd hsm piv); if [ -n "$$unformatted" ]; then echo "gofmt -w $$unformatted"; exit 1; fi
	go vet ./...
	CGO_ENABLED=0 go vet ./...
	CGO_ENABLED=0 GOOS=darwin go vet ./...
	CGO_ENABLED=0 GOOS=windows go vet ./...
	CGO_ENABLED=0 GOOS=windows go build -o /dev/null ./cmd/anaplan-agent
	$(WINDOWS_CGO) go vet ./...
	$(WINDOWS_CGO) go build -o /dev/null ./cmd/anaplan-agent
	go run ./cmd/internal/typecheck darwin
	go tool staticcheck ./...
	go mod verify
	go mod tidy -diff

bench: deps-test build
	ANAPLAN_AGENT_BENCH_BIN=$(CURDIR)/bin go test -run '^$$' -bench . -skip '^BenchmarkFleet$$' -benchtime 100x ./cmd/anaplan-agent
	go test -run '^$$' -bench Upload -benchtime 1x ./agent/integration
	go test -run '^$$' -bench Intercepted -benchtime 16000x ./agent/server
	ANAPLAN_AGENT_INTERCEPT_MIB=1024 go test -count=1 -run '^TestInterceptedMemory$$' ./agent/server

FLEET = 3m

bench-fleet: deps-test build
	ANAPLAN_AGENT_BENCH_BIN=$(CURDIR)/bin ANAPLAN_AGENT_BENCH_FLEET=$(FLEET) go test -run '^$$' -bench '^BenchmarkFleet$$' -benchtime 100x -timeout 0 ./cmd/anaplan-agent

# The targets are found by the go command, package by package: a new one needs no line here. Their seeds
# are run by every go test.
FUZZTIME = 10s

fuzz: deps-test
	@list=$$(go test -list '^Fuzz' ./...) && echo "$$list" | \
	awk '/^Fuzz/ {names[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, names[i]; n = 0}' | \
	while read -r package name; do \
		echo "$$name of $$package"; \
		sh .ci/fuzz "$$package" "$$name" $(FUZZTIME) || exit; \
	done

# Standard output is the tables, even if a cell does not hold; the test's own words go to standard error.
pin-faults: deps-test
	$(call tables,ANAPLAN_AGENT_PIN_FAULTS,TestPINFaults)

faults: deps-test
	$(call tables,ANAPLAN_AGENT_FAULTS,TestFaults)

FLEET = whole

fleet-test: export ANAPLAN_AGENT_BUILT = $(CURDIR)/bin
fleet-test: export ANAPLAN_AGENT_FLEET_TEST_WHOLE = $(filter whole,$(FLEET))
fleet-test: deps-test build
	$(call tables,ANAPLAN_AGENT_FLEET_TEST,TestFleet)

define tables
	@tables=$$(mktemp) && trap 'rm -f "$$tables"' EXIT && \
	{ $(1)=$$tables go test -count=1 -timeout 30m -run '^$(2)$$' ./cmd/anaplan-agent >&2; status=$$?; \
	cat "$$tables"; exit $$status; }
endef

kills: deps-test
	ANAPLAN_AGENT_KILLS=all go test -count=1 -timeout 30m -run '^TestCardKilledAtEachStep$$' ./cmd/anaplan-agent

SOAK = 5m

soak: deps-test
	ANAPLAN_AGENT_SOAK=$(SOAK) go test -count=1 -timeout 0 -v -run '^TestSoak$$' ./cmd/anaplan-agent

PACKAGES = bin/clients

clients: deps-test
	python3 -m venv $(PACKAGES)
	$(PACKAGES)/bin/pip install --quiet --requirement cmd/anaplan-agent/testdata/clients/requirements.txt
	cp cmd/anaplan-agent/testdata/clients/package.json $(PACKAGES)
	cd $(PACKAGES) && npm install --silent --no-fund --no-audit
	ANAPLAN_AGENT_CLIENTS=$(CURDIR)/$(PACKAGES) go test -count=1 -v -timeout 20m -run '^TestPackagedClients$$' ./cmd/anaplan-agent

errors:
	ANAPLAN_AGENT_ERRORS=write go test -count=1 -run '^TestErrorsPage$$' ./cmd/anaplan-agent

PREFIX = /usr/local
EXAMPLES = $(PREFIX)/share/doc/anaplan-agent/examples

# Below /usr/local units and the like are found as below /usr. A name is installed from where
# it is made: the files of the service are the program's own. Nothing is built here: who runs this
# is root, whose PATH under sudo has no Go.
install:
	@[ -x bin/anaplan-agent ] && [ -d bin/man ] || { echo "please run this first, as yourself: make build man" >&2; exit 1; }
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin bin/anaplan-agent bin/anaplan-emulator bin/piv-emulator
	$(call service,--system,anaplan-agent.service,lib/systemd/system/anaplan-agent.service)
	$(call service,--system,anaplan-agent.socket,lib/systemd/system/anaplan-agent.socket)
	$(call service,--system,anaplan-agent.conf,lib/sysusers.d/anaplan-agent.conf)
	$(call service,--user,anaplan-agent.service,lib/systemd/user/anaplan-agent.service)
	$(call service,--user,anaplan-agent.socket,lib/systemd/user/anaplan-agent.socket)
	install -D -m 644 packaging/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/anaplan-agent.conf
	for section in 1 5 7; do install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$$section bin/man/*.$$section; done
	$(call completion,bash,bash-completion/completions/anaplan-agent)
	$(call completion,zsh,zsh/site-functions/_anaplan-agent)
	$(call completion,fish,fish/vendor_completions.d/anaplan-agent.fish)
	install -D -m 644 -t $(DESTDIR)$(EXAMPLES) packaging/config.toml packaging/nightly.service packaging/nightly.timer \
		docs/examples/nightly.sh docs/monitoring/alerts.yml docs/monitoring/dashboard.json

define service
	@mkdir -p $(dir $(DESTDIR)$(PREFIX)/$(3))
	bin/anaplan-agent service print $(1) --program $(PREFIX)/bin/anaplan-agent $(2) >$(DESTDIR)$(PREFIX)/$(3)
endef

define completion
	@mkdir -p $(dir $(DESTDIR)$(PREFIX)/share/$(2))
	bin/anaplan-agent completion $(1) >$(DESTDIR)$(PREFIX)/share/$(2)
endef

# The version of nfpm is in packaging/build.
package: build man
	rm -rf bin/root bin/packages
	$(MAKE) --no-print-directory install DESTDIR=bin/root PREFIX=/usr
	.ci/notices >bin/LICENSES.txt
	packaging/build

package-test: package
	@packaging/test bin/packages

kubernetes-test:
	@packaging/kubernetes-test

fleet-test-kubernetes:
	@packaging/fleet-test-kubernetes

# The parts (bin/anaplan-agent.cdx.json) are release's.
tarballs: export BUILD = $(GOFLAGS_BUILD)
tarballs: release package
	packaging/tarballs
	@again=$$(mktemp -d) && trap 'rm -rf "$$again"' EXIT && cp bin/release/SHA256SUMS "$$again" && \
	rm -rf bin/packages && $(MAKE) --no-print-directory package && packaging/tarballs && diff "$$again/SHA256SUMS" bin/release/SHA256SUMS
	@cat bin/release/NOTES.txt

# The pages have the date of the sources, so that they are the same whenever they are made.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y go.mod)

man:
	rm -rf bin/man
	ANAPLAN_AGENT_MAN=$(CURDIR)/bin/man go test -count=1 -run '^TestManualPages$$' ./cmd/anaplan-agent

pictures: docs/login.svg docs/call.svg
	$(MAKE) --always-make docs/session.svg

docs/session.svg: build
	docs/session.sh bin | go run ./cmd/internal/picture 'a terminal: keys, whoami, serve, and programs that call Anaplan through the agent' > bin/session.svg
	mv bin/session.svg $@

%.svg: %.dot
	dot -Tsvg $< -o $@

docs-test: deps-test
	go test -count=1 -timeout 10m -run '^(TestDocs|TestOfflinePage)' ./cmd/anaplan-agent

alerts-test: deps-test
	go test -count=1 -timeout 5m -run '^(TestAlertRules|TestScripts)$$/^(serve-metrics)$$' ./cmd/anaplan-agent

nightly: pin-faults faults fleet-test kills soak fuzz wine package-test kubernetes-test fleet-test-kubernetes bench bench-fleet

# See .ci/wine; standard output is the table of docs/platforms.md.
wine: deps-wine
	@.ci/wine-lane
	@echo "With cgo, but for hsm's own tests, whose tokens are SoftHSM's:"
	@CGO_ENABLED=1 .ci/wine-lane ./cmd/anaplan-agent
	@CGO_ENABLED=1 .ci/wine -run '^TestLoad' ./hsm

demo: deps-demo build
	@bash docs/demo.sh bin

demo-piv: deps-demo-piv build
	@bash docs/demo-piv.sh bin

demo-agent: deps-demo-piv build
	@bash docs/demo-agent.sh bin

demo-calls: deps-demo build
	@bash docs/demo-calls.sh bin

deps-demo:
	@sh .ci/install demo

deps-demo-piv:
	@sh .ci/install demo-piv

deps-test:
	@sh .ci/install test

deps-wine:
	@sh .ci/install wine

# -e: of a module that is not on the proxy itself any more nobody can say.
outdated:
	@go list -m -u -e -f '{{if and .Update (not .Indirect)}}{{.Path}} {{.Version}} -> {{.Update.Version}}{{end}}' all | grep . || echo "no module that go.mod names has a newer version"

clean:
	rm -rf bin
