# Tests: unit programs, fuzzers, end-to-end scripts; tests/run runs them and counts.
UNIT := $(patsubst tests/unit/%.c,$(B)/debug/unit/%,$(wildcard tests/unit/*_test.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/bin/%,$(wildcard tests/fuzz/*_fuzz.c))
E2E := $(wildcard tests/e2e/*_test.py)
# What end-to-end scripts use besides the program (built by tests/bench.mk's rule).
TOOLS := $(patsubst tests/%.c,$(B)/release/tests/%,$(wildcard tests/tools/*.c))
# Built by `make test`, so that they can't rot.
BENCHES := $(patsubst tests/%.c,$(B)/release/tests/%,$(wildcard tests/bench/*.c))
PROGRAMS := $(B)/debug/hairpin $(B)/release/hairpin $(TOOLS)
FUZZ_SECONDS ?= 600
RUN := B=$(abspath $(B)) HAIRPIN_NEXT=$(abspath $(B))/next/hairpin HAIRPIN=$(abspath $(B))/debug/hairpin \
	HAIRPIN_RELEASE=$(abspath $(B))/release/hairpin PYTHONDONTWRITEBYTECODE=1 tests/run

test: $(UNIT) $(FUZZ) $(PROGRAMS) $(BENCHES) ## all that CI runs: lint, unit, fuzz (short), a few planted bugs, e2e
	@FUZZ_SECONDS=3 $(SIM_HOW) $(RUN) $(wildcard tests/lint/check) $(UNIT) $(FUZZ) tests/sim/mutants_test.py $(E2E)
check: $(UNIT) ## the quick part: lint and unit tests
	@$(RUN) $(wildcard tests/lint/check) $(UNIT)
unit: $(UNIT) ## unit tests with ASan and UBSan
	@$(RUN) $(UNIT)
unit-%: $(B)/debug/unit/%_test ## one of them: make unit-slice
	$<
e2e: $(PROGRAMS) ## end-to-end tests against the real program
	@$(RUN) $(E2E)
e2e-%: $(PROGRAMS) ## one of them: make e2e-imap
	@$(RUN) tests/e2e/$*_test.py
# NSD plays the name servers of dns_test. It is unpacked, not installed: Debian's package would start
# one at each boot, at port 53.
NSD := $(B)/nsd/usr/sbin/nsd
$(NSD):
	$(call say,GET,nsd)
	@mkdir -p $(B)/nsd
	$(Q)cd $(B)/nsd && { apt-get download -qq nsd || { $(SUDO) apt-get update -qq && \
		apt-get download -qq nsd; }; } >nsd.log 2>&1 || { cat nsd.log; exit 1; }
	$(Q)dpkg -x $(B)/nsd/nsd_*.deb $(B)/nsd && touch $@
test e2e e2e-dns e2e-check_dns e2e-relay_mx: $(NSD)
test e2e e2e-upgrade e2e-cluster_upgrade: $(B)/next/hairpin
sim: $(B)/debug/unit/raft_sim_test $(B)/debug/unit/engine_sim_test ## clusters in virtual time: the core's, SEEDS (1000) of each kind, and whole engines', a tenth of them
	@SEEDS=$${SEEDS:-1000} $< 2>&1 | grep -v 'seed [0-9]*$$'; exit $${PIPESTATUS[0]}
	@SEEDS=$$(($${SEEDS:-1000} / 10 + 1)) $(B)/debug/unit/engine_sim_test
sim-mutants: $(B)/debug/unit/engine_sim_test ## rules of the log broken on purpose: each must be caught by the core's tests or engine_sim_test
	@B=$(abspath $(B)) $(SIM_HOW) tests/sim/mutants
cluster-test: $(PROGRAMS) ## three nodes under load and faults, a quarter of an hour; SEED (1)
	@JOBS=1 $(RUN) $(wildcard tests/cluster/*_test.py)
cluster-mutants: ## promises broken on purpose: each must be caught by a play of cluster-test
	@tests/cluster/mutants
postfix-test: $(PROGRAMS) ## a gateway for a Postfix, longer: MAILS (10000), KILLS (10) of each side
	@MAILS=$${MAILS:-10000} KILLS=$${KILLS:-10} $(RUN) tests/e2e/postfix_test.py
compose-test: $(B)/release/hairpin ## deploy/compose.yaml under a real Docker in a namespace of its own
	@$(RUN) tests/compose/compose_test.py
slow-test: $(PROGRAMS) ## what waits for limits of half a minute and more
	@$(RUN) $(wildcard tests/slow/*_test.py)
interop-test: $(PROGRAMS) ## other programs that only this test wants: Bouncy Castle, PKI.js, OpenPGP.js, PGPainless, gosop, mailauth
	@$(RUN) $(wildcard tests/interop/*_test.py)
fuzz: $(FUZZ) ## every fuzzer for FUZZ_SECONDS (600)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(RUN) $(FUZZ)
fuzz-%: $(B)/fuzz/bin/%_fuzz ## one of them: make fuzz-mail_scan
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(RUN) $<
lint: ## size, names, includes, format
	@tests/lint/check
format: ## let clang-format have its way
	git ls-files '*.[ch]' | xargs clang-format-14 -i
cover: $(patsubst $(B)/debug/%,$(B)/cover/%,$(UNIT)) ## which lines the unit tests reach, file by file
	@find $(B)/cover -name '*.gcda' -delete
	@$(RUN) $^ | tail -1
	@tests/cover $(B)/cover $(LIB_SRC)

# A unit test is a program with the product's library, one file each.
define unit_rules
$(B)/$(1)/unit/%: tests/unit/%.c $(wildcard tests/*.h) $(B)/$(1)/libhairpin.a
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $(BASE) $(WARN) $$(CFLAGS_$(1)) -o $$@ $$< $(B)/$(1)/libhairpin.a -lcmocka $(LIBS)
endef
$(foreach m,debug cover,$(eval $(call unit_rules,$(m))))
comma := ,
# Whole clusters of the engine in one process; its log lines go into the story.
SIM_LINK := $(patsubst %,-Wl$(comma)--wrap=%,log_debug log_info log_warn log_error raft_log_trim raft_log_truncate \
	pace_sent)
# How tests/sim/mutants builds a broken copy.
SIM_HOW = SIM_CC='$(CC)' SIM_FLAGS='$(BASE) $(CFLAGS_debug)' SIM_LINK='$(SIM_LINK)' SIM_LIBS='$(LIBS)'
define sim_rules
$(B)/$(1)/unit/engine_sim_test: tests/unit/engine_sim_test.c \
		$(patsubst %.c,$(B)/$(1)/%.o,$(wildcard tests/sim/*.c)) $(B)/$(1)/libhairpin.a
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $(BASE) $(WARN) $$(CFLAGS_$(1)) $(SIM_LINK) -o $$@ $$^ -lcmocka $(LIBS)
-include $(patsubst %.c,$(B)/$(1)/%.d,$(wildcard tests/sim/*.c))
endef
$(foreach m,debug cover,$(eval $(call sim_rules,$(m))))
$(B)/fuzz/bin/%: tests/fuzz/%.c $(B)/fuzz/libhairpin.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC_fuzz) $(BASE) $(CFLAGS_fuzz) -fsanitize=fuzzer -o $@ $^ $(LIBS)
.PHONY: slow-test interop-test test check unit e2e sim sim-mutants cluster-test cluster-mutants compose-test postfix-test fuzz lint format cover
