PEERS ?= ../shared/peers
ROUNDS ?= 3
# What measures.
$(B)/release/tests/%: tests/%.c $(B)/release/libhairpin.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(WARN) $(CFLAGS_release) -o $@ $< $(B)/release/libhairpin.a -lcmocka $(LIBS) -lm
bench-engine: $(B)/release/tests/bench/engine_bench ## how fast the store commits, without network
	$<
bench-catchup: $(B)/release/tests/bench/catchup_bench ## how fast a database is streamed, beside the disk: MIB (2000)
	$< $${TMPDIR:-/tmp} $${MIB:-2000}
bench-gateway: $(B)/release/tests/bench/gateway_bench ## what the encryption engine costs, beside its private-key operations
	$<
bench: $(B)/release/hairpin ## beside Postfix and Dovecot: ratios (PEERS: the load generators' folder)
	@B=$(abspath $(B)) tests/bench/run $(PEERS) --rounds $(ROUNDS)
bench-cluster: $(B)/release/hairpin $(B)/release/tests/tools/net_switch ## three nodes beside one and a Postfix; large mail, delay, fail-over
	@B=$(abspath $(B)) tests/bench/cluster $(PEERS) --rounds $(ROUNDS)
bench-queue: $(B)/release/hairpin ## 100,000 mails for 1,000 dead destinations, beside an empty queue: ROUNDS
	@HAIRPIN=$< tests/bench/queue 100000 1000 $(ROUNDS)
bench-relay: $(B)/release/hairpin ## mail that leaves for another server, beside a Postfix
	@B=$(abspath $(B)) tests/bench/relay $(PEERS) --rounds $(ROUNDS)
bench-smime: $(B)/release/tests/bench/smime_bench ## mails of 16 KiB sealed and opened, beside the keys' operations alone
	$<
bench-sealing: $(B)/release/hairpin ## mails that leave signed and encrypted, with one and two filterd and keyd: MAILS (1000)
	@HAIRPIN_RELEASE=$(abspath $<) PYTHONDONTWRITEBYTECODE=1 tests/bench/sealing $${MAILS:-1000}
bench-pgp: $(B)/release/tests/bench/pgp_bench $(B)/release/hairpin ## mails of OpenPGP: `hairpin sop` beside gpg and sqop; the engine's functions alone
	@HAIRPIN_RELEASE=$(abspath $(B)/release/hairpin) tests/bench/pgp
	@$<
bench-timing: $(B)/release/tests/bench/smime_timing_bench $(B)/release/tests/bench/pgp_timing_bench ## does a private key's time tell right paddings from wrong ones? EACH (20000)
	for b in $^; do $$b $${EACH:-20000} || failed=1; done; exit $${failed:-0}
.PHONY: bench-sealing bench-pgp bench-smime bench-timing bench-gateway bench-queue bench-relay bench-cluster bench bench-engine bench-catchup
