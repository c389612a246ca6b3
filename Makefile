# hairpin: one Makefile, not recursive. `make help` lists the targets.
# B is the build folder; another one lets two builds run side by side. V=1 shows the commands.
B ?= build
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@printf '%-4s %s\n' $(1) $(2))
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/bash
CCACHE := $(shell command -v ccache)
CC := $(CCACHE) gcc
export CCACHE_NOHASHDIR := 1

# --- Debian's packages: what is missing is installed, once ---------------------
PKG_build := gcc libc6-dev binutils pkg-config protobuf-c-compiler libprotobuf-c-dev libevent-dev \
	libssl-dev liblmdb-dev libsodium-dev libunbound-dev nettle-dev libgmp-dev libseccomp-dev \
	libinih-dev libargon2-dev libbz2-dev libpcre2-dev libjansson-dev zlib1g-dev libidn2-dev \
	libunistring-dev libutf8proc-dev tzdata ca-certificates
PKG_test := $(PKG_build) libcmocka-dev clang-14 libclang-rt-14-dev llvm-14 clang-format-14 \
	universal-ctags python3 file curl swaks libnet-ssleay-perl isync libsasl2-modules neomutt \
	openssl ldnsutils libfstrm0 strace procps xfsprogs e2fsprogs mount util-linux mandoc iproute2 systemd \
	postfix dovecot-core dovecot-imapd dovecot-lmtpd gpgsm gpg-agent libnss3-tools python3-cryptography opendkim python3-dkim \
	python3-nacl gnupg sqop rnp
PKG_compose := $(PKG_test) docker.io docker-compose iptables
PKG_interop := $(PKG_test) default-jdk-headless libbcpkix-java pgpainless-cli gosop sq sq-keyring-linter
PKG_bench := $(PKG_test) dovecot-sieve
# The goals that need no package, those that need few, and those that need more.
GOALS := $(filter-out help clean,$(or $(MAKECMDGOALS),all))
WANTS := $(if $(filter bench bench-cluster bench-relay,$(GOALS)),bench,$(filter compose interop,$(GOALS:%-test=%)))
WANTS := $(or $(WANTS),$(if $(filter-out \
	all release debug objects install demo,$(GOALS)),test,$(if $(GOALS),build)))
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
# What brings a service along that nobody asked for: it isn't started, now or at a boot.
SERVICES := postfix dovecot-core opendkim
# A stamp that make includes: when the rule below had to make it, make starts anew.
include $(WANTS:%=$(B)/packages-%)
$(B)/packages-%: Makefile $(wildcard /var/lib/dpkg/status)
	@mkdir -p $(@D)
	@missing=$$(comm -23 <(printf '%s\n' $(PKG_$*) | sort -u) <(dpkg-query -W \
		-f='$${db:Status-Status} $${Package}\n' $(PKG_$*) 2>/dev/null | \
		sed -n 's/^installed //p' | sort -u)); \
	if [ -n "$$missing" ]; then echo "hairpin: installing from Debian:" $$missing; \
		policy=/usr/sbin/policy-rc.d; [ ! -e $$policy ] || policy=; \
		[ -z "$$policy" ] || printf '#!/bin/sh\nexit 101\n' | $(SUDO) install /dev/stdin $$policy; \
		$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y -qq --no-remove \
		--no-install-recommends $$missing >$@.log 2>&1; code=$$?; \
		[ -z "$$policy" ] || $(SUDO) rm -f $$policy; \
		for s in $(SERVICES); do grep -q "^$$s" <<<"$$missing" && \
			$(SUDO) systemctl disable -q $${s%-core} 2>/dev/null; done; \
		[ $$code = 0 ] || { cat $@.log; exit 1; }; fi
	@touch $@

# --- what is built from what, and how ------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla -Wswitch-enum -Werror
BASE := -std=gnu11 -D_GNU_SOURCE -DEVENT__DISABLE_DEPRECATED -I. -I$(B)/gen
SANITIZE := -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_debug := -DHAIRPIN_DEBUG -O1 -g $(SANITIZE)
CFLAGS_release := -O2 -g -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
	-fstack-clash-protection -fcf-protection -ffunction-sections -fdata-sections
CFLAGS_cover := -DHAIRPIN_DEBUG -O0 -g --coverage
CFLAGS_fuzz := -DHAIRPIN_DEBUG -O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link
CC_debug := $(CC)
CC_release := $(CC)
CC_cover := $(CC)
CC_fuzz := $(CCACHE) clang-14
# What the tests of an upgrade take for the next version: a made-up command more (tests/next.sed).
CFLAGS_next := -DHAIRPIN_DEBUG -DHAIRPIN_NEXT -iquote $(B)/gen-next -O1 -g
CC_next := $(CC)
WARN_next := $(WARN)
WARN_debug := $(WARN)
WARN_release := $(WARN)
LIBS := -levent_core -levent_extra -levent_openssl -lssl -lcrypto -llmdb -lpcre2-8 -lsodium -lunbound \
	-lprotobuf-c -lseccomp -linih -ljansson -lz -lidn2 -lunistring -lutf8proc -largon2 -lbz2
LIBS_static := -Wl,--start-group $(patsubst -lunbound,$(B)/release/libunbound.a,$(LIBS:-largon2=$(B)/release/libargon2.a)) \
	-levent -lnettle -lhogweed -lgmp -Wl,--end-group

DIRS := core crypto store smtp smtp/trust imap imap/sieve cmd
# These stand in for libc's own, in the static program alone.
STATIC_SRC := $(wildcard core/static_*.c core/charset_libc.c)
LIB_SRC := $(filter-out cmd/main.c $(STATIC_SRC),$(foreach d,$(DIRS),$(wildcard $(d)/*.c)))
PROTO := $(foreach d,$(DIRS),$(wildcard $(d)/*.proto))
GEN_C := $(PROTO:%.proto=$(B)/gen/%.pb-c.c) $(B)/gen/core/charset_tables.c \
	$(B)/gen/core/zone_table.c $(B)/gen/crypto/tls_roots.c
GEN_H := $(PROTO:%.proto=$(B)/gen/%.pb-c.h)

all: $(B)/release/hairpin ## build/release/hairpin, the static program
release: all
debug: $(B)/debug/hairpin ## the program with ASan and UBSan
include $(wildcard tests/*.mk)

$(B)/gen/%.pb-c.c: %.proto
	$(call say,GEN,$<)
	@mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(B)/gen $<
$(B)/gen/%.pb-c.h: $(B)/gen/%.pb-c.c ;
# What the program holds itself, so that it needs no file of its host: charsets (from the build
# host's iconv), time zones (tzdata), certificate authorities (ca-certificates).
$(B)/gen/charset_gen: core/charset_list.h core/charset_tables.h
$(B)/gen/zone_gen: core/zone_table.h core/big_endian.h
$(B)/gen/%_gen: tools/%_gen.c
	@mkdir -p $(@D)
	$(Q)$(CC) -O1 -D_GNU_SOURCE -I. -o $@ $<
$(B)/gen/core/charset_tables.c: $(B)/gen/charset_gen
$(B)/gen/core/zone_table.c: $(B)/gen/zone_gen
$(B)/gen/core/charset_tables.c $(B)/gen/core/zone_table.c:
	@mkdir -p $(@D)
	$(Q)$< >$@
$(B)/gen/crypto/tls_roots.c: Makefile
	@mkdir -p $(@D)
	$(Q){ echo 'extern const char tls_roots[]; const char tls_roots[] ='; \
		sed 's/.*/"&\\n"/' /usr/share/ca-certificates/mozilla/*.crt; echo ';'; } >$@

define mode_rules
$(B)/$(1)/%.o: %.c Makefile | $(GEN_H)
	$$(call say,CC,$(1)/$$<)
	@mkdir -p $$(@D)
	$(Q)$$(CC_$(1)) $(BASE) $$(WARN_$(1)) $$(CFLAGS_$(1)) -MMD -MP -c $$< -o $$@
$(B)/$(1)/gen/%.o: $(B)/gen/%.c Makefile
	@mkdir -p $$(@D)
	$(Q)$$(CC_$(1)) $(BASE) $$(CFLAGS_$(1)) -MMD -MP -c $$< -o $$@
OBJ_$(1) := $(LIB_SRC:%.c=$(B)/$(1)/%.o) $(GEN_C:$(B)/gen/%.c=$(B)/$(1)/gen/%.o)
$(B)/$(1)/libhairpin.a: $$(OBJ_$(1))
	@rm -f $$@
	$(Q)ar rcs $$@ $$^
-include $$(OBJ_$(1):.o=.d) $(B)/$(1)/cmd/main.d
endef
$(foreach m,debug release cover fuzz next,$(eval $(call mode_rules,$(m))))

objects: $(OBJ_debug) $(OBJ_release) ## compile everything (debug and release), link nothing

$(B)/gen-next/store/commands.pb-c.c: store/commands.proto tests/next.sed
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)sed -f tests/next.sed $< >$(@D)/commands.proto
	$(Q)protoc-c --proto_path=$(B)/gen-next --c_out=$(B)/gen-next store/commands.proto
$(B)/gen-next/store/commands.pb-c.h: $(B)/gen-next/store/commands.pb-c.c ;
$(OBJ_next) $(B)/next/cmd/main.o: | $(B)/gen-next/store/commands.pb-c.h
$(B)/next/gen/store/commands.pb-c.o: $(B)/gen-next/store/commands.pb-c.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(CFLAGS_next) -MMD -MP -c $< -o $@
$(B)/debug/hairpin $(B)/cover/hairpin $(B)/next/hairpin: $(B)/%/hairpin: $(B)/%/cmd/main.o $(B)/%/libhairpin.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_$*) -o $@ $^ $(LIBS)
# libunbound has functions with names that some of ours have: there they get another name.
$(B)/release/libunbound.a: $(B)/release/libhairpin.a
	$(Q)names() { nm -g --defined-only $$1 | awk 'NF == 3 { print $$3 }' | sort -u; }; \
		a=$$($(CC) -print-file-name=libunbound.a); \
		comm -12 <(names $<) <(names $$a) | sed 's/.*/& unbound_&/' >$@.names && \
		objcopy --redefine-syms=$@.names $$a $@
# libargon2 has inside what libsodium has, under the same names.
$(B)/release/libargon2.a:
	$(Q)mkdir -p $(@D) && a=$$($(CC) -print-file-name=libargon2.a); nm -g --defined-only $$a | \
		awk 'NF == 3 && $$3 != "argon2id_ctx" { print $$3, "libargon2_" $$3 }' | sort -u >$@.names && \
		objcopy --redefine-syms=$@.names $$a $@
# A warning of the linker is a function that would look for the host's files or modules.
$(B)/release/hairpin.full: $(B)/release/cmd/main.o $(STATIC_SRC:%.c=$(B)/release/%.o) \
		$(B)/release/libhairpin.a $(B)/release/libunbound.a $(B)/release/libargon2.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_release) -static-pie -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections \
		-Wl,-z,pack-relative-relocs,--fatal-warnings,--wrap=dlopen -o $@ $^ $(LIBS_static)
$(B)/release/hairpin: $(B)/release/hairpin.full
	$(Q)strip -o $@ $<

# --- at home --------------------------------------------------------------------
PREFIX ?= /usr
install: all ## to $(DESTDIR)$(PREFIX): the program, its manual pages, its unit
	install -D -m 755 $(B)/release/hairpin $(DESTDIR)$(PREFIX)/sbin/hairpin
	for f in README.md $(wildcard docs/*.md); do install -D -m 644 $$f \
		$(DESTDIR)$(PREFIX)/share/doc/hairpin/$${f##*/} || exit; done
	for f in $(wildcard docs/*.[1578]); do install -D -m 644 $$f \
		$(DESTDIR)$(PREFIX)/share/man/man$${f##*.}/$${f##*/} || exit; done
	for f in $(wildcard deploy/*.service); do install -D -m 644 $$f \
		$(DESTDIR)/lib/systemd/system/$${f##*/} || exit; done
demo: $(B)/release/hairpin ## what it does, shown in a minute
	@$< demo
help: ## this list
	@grep -hE '^[a-z0-9%-]+:.*## ' $(MAKEFILE_LIST) 2>/dev/null | sort -u | \
		sed -E 's/:.*## /\t/' | expand -t 16
clean: ## remove the build folder
	rm -rf $(B)
.PHONY: all release debug objects install demo help clean
