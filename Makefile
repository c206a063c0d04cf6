# skb-tools. `make demo` shows what it does, `make test` checks all of it.

PREFIX ?= /usr/local
KERNEL ?= 6.12
FILTERS := skb-track skb-sort skb-pcap skb-drops
PROGRAMS := skb-collect $(FILTERS)
# Where git is not there, the programs say the version that Go knows of their module.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X github.com/skb-tools/skb-tools/internal/pipe.Version=$(VERSION))
TESTBED := go run ./test/bed

# Instructions per event, the same on every machine.
INSTRUCTIONS := $(TESTBED) run --kernel 6.12 --icount --timeout 40m --in bin --in bench/instructions -- instructions budget

.PHONY: release try-release build-static build install uninstall man completions deps check-build deps-generate deps-test deps-lint deps-release deps-try census generate check-generated test fetch test-all test-unit test-quick lint test-debian13 debian13 test-kernels build-kernel-tests test-arm64 build-arm64 test-hosts test-budget check-budget python check-python fleet check-fleet install-fleet budget bench demo shell clean

# The filters are static; skb-collect needs libpcap for -f.
build: check-build
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o bin/ $(FILTERS:%=./cmd/%)
	go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o bin/ ./cmd/skb-collect

install: build man completions
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS:%=bin/%) $(DESTDIR)$(PREFIX)/bin/
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 build/man/*.1
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 build/man/*.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bash-completion/completions build/completions/bash/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/zsh/site-functions build/completions/zsh/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d build/completions/fish/*

uninstall:
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/share/man/man[18]/%.[18])
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/share/bash-completion/completions/%)
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_%)
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/%.fish)

# contrib/deps knows what each target needs. `make build` says what is missing and installs nothing.
# These install it; tests do that themselves.
check-build:
	@contrib/deps check build

# The man pages in build/man, and what completes command lines in bash, zsh and fish in build/completions.
man completions: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
man completions:
	CGO_ENABLED=0 go run ./contrib/manual $@ build/$@

deps:
	@contrib/deps install build

deps-generate deps-test deps-lint deps-release deps-try: deps-%:
	@contrib/deps install build $*

# What kernels' sources have and the census of drops lacks, and the other way round.
# SOURCES: unpacked trees, as linux-5.10 linux-6.1 linux-6.12 linux-7.2 (Debian's packages linux-source-*).
census:
	go run ./internal/drops/census/find $(SOURCES)

# The BPF objects are committed; this makes them again.
generate: deps-generate
	go generate ./bpf

check-generated: generate
	@git diff --exit-code --stat -- bpf || { echo "bpf/: the committed objects are not what the sources make; run 'make generate' and commit"; exit 1; }

# Unit tests while kernels are fetched, then all that takes virtual machines, and Debian 13's tools
# and the lint beside them.
test: deps-test
	contrib/deps skip generate || $(MAKE) check-generated
	$(MAKE) -j3 -O fetch test-unit build-kernel-tests build-arm64
	$(TEST_KERNELS) --commit '$(COMMIT)' $(TEST_ARM64) --beside '$(MAKE) -s debian13' --beside '$(MAKE) -s lint' --beside '$(MAKE) -s check-budget' --beside '$(MAKE) -s check-python' --beside '$(MAKE) -s check-fleet'

# Tests that meet no difference between kernels run on two of them, which two goes by the commit.
# Without one, and with test-all, they run on each.
COMMIT = $(shell git rev-parse --verify HEAD 2>/dev/null)

test-all:
	$(MAKE) test COMMIT=

fetch: deps-test
	$(TESTBED) fetch --foreign
	$(TESTBED) tools trixie > /dev/null

# For work in progress: one kernel.
test-quick: export SKB_KERNELS := $(KERNEL)
test-quick: test-unit build-kernel-tests
	$(TEST_KERNELS)

test-unit: build
	go vet ./... && go vet -tags kernel ./test/kernel && go vet -tags hosts ./test/hosts
	go test -short ./...
	CGO_ENABLED=0 go test -short ./internal/filter ./cmd/skb-collect
	go test -C contrib/kubernetes .

# test/lint has the rules for Go, and the versions of what checks them; .shellcheckrc and .clang-format the others.
lint: deps-lint
	go test -C test/lint -vet=off .
	go build -C test/lint -o $(CURDIR)/build/lint .
	build/lint
	shellcheck $$(git grep -lE '^#!.*(bash|/sh)$$' -- ':!*.txtar')
	if command -v clang-format-14 > /dev/null; then clang-format-14 --dry-run -Werror bpf/*.[ch]; else contrib/deps skip layout; fi

# contrib/python, installed as its users install it.
python: build deps-test check-python

check-python:
	python3 -m venv --clear build/python
	PIP_CONSTRAINT=contrib/python/constraints.txt build/python/bin/pip install --quiet --disable-pip-version-check './contrib/python[pandas,scapy,compressed,test]'
	rm -rf contrib/python/build contrib/python/src/*.egg-info
	cd contrib/python && ../../build/python/bin/python -m pytest -q -p no:cacheprovider

# Streams of 100 hosts through contrib/fleet: a broker of Kafka, ClickHouse's engine, DuckDB.
fleet: build deps-test check-fleet

check-fleet: build/fleet/skb-stamp build/fleet/venv/made
	cd contrib/fleet/tests && ../../../build/fleet/venv/bin/python -m pytest -q -p no:cacheprovider

.PHONY: build/fleet/skb-stamp
build/fleet/skb-stamp:
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o $@ ./contrib/fleet/skb-stamp

build/fleet/venv/made: contrib/fleet/tests/constraints.txt
	python3 -m venv --clear build/fleet/venv
	PIP_CONSTRAINT=$< build/fleet/venv/bin/pip install --quiet --disable-pip-version-check chdb duckdb pytest
	touch $@

# What a host needs to send its streams to Kafka, besides 'make install' and kcat: docs/fleet.md.
install-fleet: build/fleet/skb-stamp
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 build/fleet/skb-stamp contrib/fleet/host/skb-fleet $(DESTDIR)$(PREFIX)/bin/
	sed 's#/usr/local#$(PREFIX)#' 'contrib/fleet/host/skb-fleet@.service' > '$(DESTDIR)$(PREFIX)/lib/systemd/system/skb-fleet@.service'
	[ -e $(DESTDIR)/etc/skb-fleet.conf ] || install -D -m 600 contrib/fleet/host/skb-fleet.conf $(DESTDIR)/etc/skb-fleet.conf

# What is tested with this machine's tshark and tcpdump is tested with those of Debian 13.
test-debian13: deps-test debian13

debian13:
	tools=$$($(TESTBED) tools trixie) && export PATH="$$tools:$$PATH" && \
	tshark --version | grep -q '^TShark (Wireshark) 4\.4' && go test -count 1 ./cmd/skb-pcap ./internal/pcapng ./internal/pcap/...

# Real kernels, in virtual machines. SKB_KERNELS=6.1,6.12 picks some.
test-kernels: build-kernel-tests
	$(TEST_KERNELS)

# Guests of different kernels on one network: what skb-track makes of their streams together.
test-hosts: deps-test build
	go test -tags hosts -count 1 ./test/hosts

TEST_KERNELS := $(TESTBED) test --bin build/kernel.test --in bin --in build/skb-collect.static --in contrib/wireshark

# Tests run skb-collect as a release has it, too.
build-kernel-tests: build build-static
	go test -c -tags kernel -o build/kernel.test ./test/kernel

build-static: check-build
	contrib/packaging/static amd64 build/static-amd64 "$(LDFLAGS)" ./cmd/skb-collect
	ln -f build/static-amd64/skb-collect build/skb-collect.static

# What others get: programs that need no library, packages, container images. contrib/packaging makes them.
release: deps-release
	contrib/packaging/release "$(or $(VERSION),0.0.0)" build/release

# A release is made twice and tried: some 10 minutes.
try-release: deps-try
	contrib/packaging/try

# What depends on the architecture, on an arm64 kernel.
TEST_ARM64 := --foreign build/arm64 --foreign-run '^Test(EveryByte|UnreadableFragments|ParityWithTcpdump|JourneyThroughNAT|Stacks|CallerArgsRet|ConntrackAndNFT)$$'

test-arm64: export SKB_KERNELS := 6.12-arm64
test-arm64: build-kernel-tests build-arm64
	$(TEST_KERNELS) $(TEST_ARM64)

build-arm64: check-build
	GOARCH=arm64 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o build/arm64/ ./cmd/...
	GOARCH=arm64 CGO_ENABLED=0 go test -c -tags kernel -o build/arm64/kernel.test ./test/kernel

# What an event costs, against bench/budget/figures; allocations are in test-unit.
test-budget: build check-budget

check-budget:
	@figures=$$($(INSTRUCTIONS)) || { echo "$$figures"; exit 1; }; echo "$$figures" | go run ./bench/budget

# Commits to what an event costs now.
budget: build
	@figures=$$($(INSTRUCTIONS)) || { echo "$$figures"; exit 1; }; echo "$$figures" | go run ./bench/budget --write

# The tables of docs/performance.md: some 70 minutes. bench/ has each alone.
bench: build
	bench/kernel instructions
	bench/kernel attach
	bench/kernel rate
	bench/filters
	bench/sort
	bench/text
	go test -run '^$$' -bench . -benchmem ./format ./internal/...

demo:
	@contrib/demo

shell: build
	$(TESTBED) shell --kernel $(KERNEL) --in bin

clean:
	rm -rf bin build
