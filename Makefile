# hairpin: one Makefile, not recursive. `make help` lists the targets.
# B is the build folder; another one lets two builds run side by side.
B ?= build
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
CC := $(shell command -v ccache) gcc
export CCACHE_NOHASHDIR := 1

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla -Wswitch-enum -Werror
BASE := -std=gnu11 -D_GNU_SOURCE -DEVENT__DISABLE_DEPRECATED -I.
GMIME_INC := $(shell pkg-config --cflags-only-I gmime-3.0 2>/dev/null | sed 's/-I/-isystem /g')
CFLAGS_debug := -DHAIRPIN_DEBUG -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
CFLAGS_release := -O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
	-fstack-clash-protection -fcf-protection -ffunction-sections -fdata-sections
LIBS := -levent_core -levent_extra -levent_openssl -lssl -lcrypto -llmdb -lsodium -lunbound \
	-lprotobuf-c -lseccomp -linih -ljansson -lz -lidn2 -lunistring -lutf8proc \
	-lgmime-3.0 -lgobject-2.0 -lglib-2.0
# Without -u the linker would take libc's iconv for GMime and GLib, not ours.
LIBS_static := -Wl,--gc-sections -Wl,--start-group $(LIBS) -lffi -lpcre2-8 -levent -lnettle \
	-lhogweed -lgmp -Wl,--end-group

DIRS := core crypto store smtp smtp/trust imap imap/sieve cmd
SRC := $(foreach d,$(DIRS),$(wildcard $(d)/*.c))
PROTO := $(foreach d,$(DIRS),$(wildcard $(d)/*.proto))
LIB_SRC := $(filter-out cmd/main.c,$(SRC))
GEN_C := $(PROTO:%.proto=$(B)/gen/%.pb-c.c)
UNIT := $(patsubst tests/unit/%.c,$(B)/debug/unit/%,$(wildcard tests/unit/*_test.c))

# --- Debian's packages: what is missing is installed, once ---------------------
PKG_BUILD := gcc libc6-dev make pkg-config protobuf-c-compiler libprotobuf-c-dev libevent-dev libssl-dev \
	liblmdb-dev libsodium-dev libunbound-dev nettle-dev libgmp-dev libseccomp-dev libinih-dev \
	libjansson-dev zlib1g-dev libidn2-dev libunistring-dev libutf8proc-dev libgmime-3.0-dev \
	libglib2.0-dev libffi-dev libpcre2-dev
PKG_TEST := libcmocka-dev clang-14 libclang-rt-14-dev clang-format-14 universal-ctags python3 file curl swaks \
	isync neomutt openssl strace procps xfsprogs e2fsprogs
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
# $(call need,packages): installs those that dpkg doesn't know as installed.
need = @missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | \
	grep -q 'ok installed' || echo $$p; done); [ -z "$$missing" ] || { \
	echo "hairpin: installing from Debian:" $$missing; \
	$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

all: packages ## build/release/hairpin
	@$(MAKE) --no-print-directory $(B)/release/hairpin
packages:
	$(call need,$(PKG_BUILD))
packages-test: packages
	$(call need,$(PKG_TEST))
test: packages-test ## everything that CI runs
	@$(MAKE) --no-print-directory test-all
test-all: unit $(if $(wildcard cmd/proc_smtpd.c),$(B)/debug/hairpin e2e)
e2e: ## end-to-end tests against the real program
	@HAIRPIN=$(abspath $(B))/debug/hairpin tests/run tests/e2e/*_test.py

include $(wildcard tests/*.mk)

# --- compiling ---------------------------------------------------------------
$(B)/gen/%.pb-c.c: %.proto
	@mkdir -p $(@D)
	protoc-c --c_out=$(B)/gen $<
$(B)/gen/%.pb-c.h: $(B)/gen/%.pb-c.c ;
GEN_H := $(GEN_C:.c=.h)
# The tables of core/charset, made from the build host's iconv.
GEN_TABLES := $(B)/gen/core/charset_tables.c
$(B)/gen/charset_gen: tools/charset_gen.c core/charset_list.h core/charset_tables.h
	@mkdir -p $(@D)
	$(CC) -O1 -I. -o $@ $<
$(GEN_TABLES): $(B)/gen/charset_gen
	@mkdir -p $(@D)
	$< >$@

define mode_rules
$(B)/$(1)/%.o: %.c | $(GEN_H)
	@mkdir -p $$(@D)
	$$(CC) $(BASE) -I$(B)/gen $(WARN) $$(CFLAGS_$(1)) $$(GMIME_INC) -MMD -MP -c $$< -o $$@
$(B)/$(1)/gen/%.o: $(B)/gen/%.c
	@mkdir -p $$(@D)
	$$(CC) $(BASE) -I$(B)/gen $$(CFLAGS_$(1)) -MMD -MP -c $$< -o $$@
OBJ_$(1) := $(LIB_SRC:%.c=$(B)/$(1)/%.o) $(GEN_C:$(B)/gen/%.c=$(B)/$(1)/gen/%.o) \
	$(GEN_TABLES:$(B)/gen/%.c=$(B)/$(1)/gen/%.o)
$(B)/$(1)/libhairpin.a: $$(OBJ_$(1))
	@rm -f $$@
	ar rcs $$@ $$^
-include $$(OBJ_$(1):.o=.d)
endef
$(eval $(call mode_rules,debug))
$(eval $(call mode_rules,release))

objects: $(OBJ_debug) ## compile everything (debug mode), link nothing

$(B)/debug/hairpin: $(B)/debug/cmd/main.o $(B)/debug/libhairpin.a
	$(CC) $(CFLAGS_debug) -o $@ $^ $(LIBS)
$(B)/release/hairpin: $(B)/release/cmd/main.o $(B)/release/libhairpin.a
	$(CC) $(CFLAGS_release) -static-pie -Wl,-z,relro,-z,now -Wl,-u,iconv_open -o $@ $^ $(LIBS_static)

# --- unit tests: one program a file, with ASan and UBSan ------------------------
$(B)/debug/unit/%: tests/unit/%.c tests/test.h $(B)/debug/libhairpin.a
	@mkdir -p $(@D)
	$(CC) $(BASE) -I$(B)/gen $(WARN) $(CFLAGS_debug) -o $@ $< $(B)/debug/libhairpin.a -lcmocka $(LIBS)

unit: $(UNIT) ## unit tests with ASan and UBSan
	@for t in $(UNIT); do CMOCKA_MESSAGE_OUTPUT=STDOUT $$t >$$t.log 2>&1 || { cat $$t.log; exit 1; }; \
	echo "ok $${t##*/}: $$(grep -c '  OK ' $$t.log) tests"; done
unit-%: $(B)/debug/unit/%_test ## one of them: make unit-slice
	$<

debug: $(B)/debug/hairpin ## the program with ASan and UBSan
help: ## this list
	@grep -hE '^[a-z%-]+:.*## ' Makefile tests/*.mk 2>/dev/null | sed -E 's/:.*## /\t/' | expand -t 20
clean: ## remove the build folder
	rm -rf $(B)
.PHONY: all packages packages-test test test-all e2e objects unit debug help clean
