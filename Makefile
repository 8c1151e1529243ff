# Everything a fresh Debian 12 machine with Swift needs is installed by the targets that need it.

LISTEN   ?= 127.0.0.1:7000
UPSTREAM ?= echo
ENGINE   ?= auto
FLAGS    ?=
MATRIX   ?= .build/matrix.md
BENCH    ?=
UNIT     ?= unit

RELEASE   = swift build -c release --static-swift-stdlib
BINARY    = .build/release/longsplice
PYTEST    = /usr/bin/python3 -m pytest
# Tests mostly wait, so more of them than there are processors; those of a file share their namespaces.
ABREAST   = -n 3 --dist loadfile

COMPARE   = cd Benchmarks && /usr/bin/python3 -m compare
SENDFILE  = cd Benchmarks && /usr/bin/python3 -m sendfile
TTCP      = cd Benchmarks && /usr/bin/python3 -m ttcp

MICRO   = swift package --package-path Benchmarks/Micro --scratch-path .build/micro \
          --allow-writing-to-package-directory benchmark
# Only what is counted is checked, never a time.
COUNTS  = --path $(CURDIR)/Benchmarks/Micro/Thresholds --no-progress
TIMES   = --metric wallClock --metric instructions --no-progress

BUILD_PACKAGES  = liburing-dev pkg-config
SYSTEM_PACKAGES = python3 python3-pytest python3-jsonschema python3-yaml iproute2 iperf3 nuttcp redis-server redis-tools \
                  nginx-light libnginx-mod-stream curl haproxy socat strace binutils iptables \
                  python3-pytest-xdist postgresql openssh-server openssh-client openssl prometheus
BENCH_PACKAGES  = golang-go

# For each target of `make fuzz`.
SECONDS  ?= 30

TORTURE         = -c release -Xswiftc -enable-testing -Xswiftc -DTORTURE --scratch-path .build/torture

.PHONY: run build test lint unit unit-address unit-thread test-sanitized system torture torture-faults test-full fuzz \
        bench bench-full bench-sendfile bench-ttcp micro micro-update micro-times format clean \
        setup setup-system setup-bench

run: build
	$(BINARY) serve --listen $(LISTEN) --upstream $(UPSTREAM) --engine $(ENGINE) $(FLAGS)

build: setup
	$(RELEASE)

# All tests: about thirteen minutes where everything is built, ten of them the system tests; twice as long on a fresh clone.
# UNIT=unit-address or unit-thread runs the unit tests under a sanitizer.
test: lint $(UNIT) system

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks

unit: setup
	swift test

# The unit tests under sanitizers. So slow, they are run a few at a time: all at once starve each other.
unit-address unit-thread: export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH = 4

# One of them asks for more memory than there is, which is to be answered as by calloc(3).
unit-address: setup
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 swift test --sanitize=address --scratch-path .build/address

# But for those that compute at length in one thread.
unit-thread: setup
	TSAN_OPTIONS=allocator_may_return_null=1 swift test --sanitize=thread --scratch-path .build/thread \
		--skip '(Simulation|EachFault|WorkerFuzz|MutatedConfiguration)Tests/'

test-sanitized: unit-address unit-thread

# Real programs, real sockets, in network namespaces of their own; needs root.
system: build setup-system
	$(PYTEST) $(ABREAST) Tests/System

# The acceptance sizes: gigabytes, hundreds of repetitions, thousands of connections, ten minutes of use; about forty minutes.
test-full: build setup-system
	LONGSPLICE_FULL=1 $(PYTEST) Tests/System

# The acceptance matrix in its own sizes, as an ordinary user, HAProxy and nginx beside it as controls; about forty minutes.
# The table is printed at the end and written to MATRIX, and as JSON to MATRIX.json.
torture: build setup-system
	LONGSPLICE_TORTURE=1 LONGSPLICE_MATRIX=$(MATRIX) $(PYTEST) Tests/System/matrix Tests/System -m matrix

# Ten million operations of each engine and of the simulated kernel, with faults at every one, a million records, splices that
# are cancelled thousands of times, and ten thousand damaged configuration files, in a release build.
torture-faults: setup
	swift test $(TORTURE) --filter \
		'SimulationTests|FaultyEngineTests|RecordTests|CancellationTests|MutatedConfigurationTests'

# Bytes from strangers, led by coverage (libFuzzer), SECONDS for each parser; a finding is written to .build/fuzz.
fuzz:
	Tests/Fuzz/run $(SECONDS)

# Beside HAProxy, nginx and no proxy at all, under ten minutes; needs root. BENCH="…" adds flags, see Benchmarks/README.md.
bench: build setup-system
	$(COMPARE) --rounds 3 --seconds 2 $(BENCH)

# Every candidate, SwiftNIO and Go among them, at every workload; about an hour and a half.
bench-full: build setup-system setup-bench
	$(COMPARE) --candidates all --workloads all --rounds 3 --seconds 4 $(BENCH)

# Files, by the example over the library, nginx, and sendfile(2) in C; under twelve minutes; needs root.
bench-sendfile: build setup-system
	$(SENDFILE) $(BENCH)

# The experiment of 2005: ttcp's stream through the example over the library, and through `serve`; two minutes; needs root.
bench-ttcp: build setup-system
	$(TTCP) $(BENCH)

# What one step of the data plane allocates, counts and asks for, against Benchmarks/Micro/Thresholds. Needs no package of Debian's.
micro:
	@# A benchmark that has no thresholds would pass whatever it counts.
	@[ $$(ls Benchmarks/Micro/Thresholds | wc -l) -eq $$(cat Benchmarks/Micro/Benchmarks/DataPlaneMicro/*.swift | grep -c ' Benchmark("') ] || \
		{ echo "Benchmarks/Micro: benchmarks and threshold files differ in number; run make micro-update" >&2; exit 1; }
	$(MICRO) thresholds check $(COUNTS)

# Writes the thresholds anew, for a change that is meant; look at the difference before it is committed.
micro-update:
	$(MICRO) thresholds update $(COUNTS)

# How long the same takes, for comparisons by hand; instructions are told only where the machine has counters for them (perf_event_open(2)).
micro-times:
	$(MICRO) $(TIMES)

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build

setup:
	@deploy/install-packages $(BUILD_PACKAGES)

setup-system:
	@deploy/install-packages $(SYSTEM_PACKAGES)

setup-bench:
	@deploy/install-packages $(BENCH_PACKAGES)
