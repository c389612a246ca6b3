# The store's programs that aren't unit tests.
$(B)/release/tests/%: tests/%.c $(B)/release/libhairpin.a
	@mkdir -p $(@D)
	$(CC) $(BASE) -I$(B)/gen $(WARN) $(CFLAGS_release) -o $@ $< $(B)/release/libhairpin.a $(LIBS)
bench-engine: $(B)/release/tests/bench/engine_bench ## how fast the store commits, without network
	$<
.PHONY: bench-engine
