#include "cmd/cli_gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_gateway_show.h"
#include "cmd/cli_verbs.h"
#include "cmd/policy_file.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/mail_addr.h"
#include "core/mail_list.h"
#include "core/must.h"
#include "crypto/gateway.h"
#include "crypto/gateway_from.h"
#include "crypto/gateway_pgp.h"
#include "crypto/key_pgp.h"
#include "crypto/pem_der.h"
#include "crypto/pgp_bundle.h"
#include "crypto/pgp_info.h"
#include "crypto/private_key.h"
#include "crypto/smime_verify.h"
#include "crypto/tls.h"

enum { CHUNK = 65536, MAIL_MAX = 512 << 20, FILE_MAX = 16 << 20, WHY_MAX = 4096 };

struct run {
	const struct cli_line *line;
	struct arena arena;
	struct buf mail;  /* as it came */
	struct buf lines; /* the same, lines ended by CRLF; or empty: they are */
	struct policy_file *policy;
	struct pem_der own, others, authorities;
	struct private_key *key[PEM_DER_MAX]; /* either of the two */
	struct pgp_bundle *bundle[PEM_DER_MAX];
	Gateway__Question q;
	struct text_memory *room;
	struct gateway_answer answer;
};

/* --- what was given --- */

static int
read_stream(FILE *from, const char *name, struct buf *out)
{
	size_t n;
	uint8_t *p;

	while ((p = buf_room(out, CHUNK)) && (n = fread(p, 1, CHUNK, from)) > 0)
		buf_grow(out, n);
	if (!p)
		return cli_fail(EX_DATAERR, "%s: too large", name);
	return ferror(from) ? cli_fail(EX_IOERR, "%s: %s", name, strerror(errno)) : EX_OK;
}

/* OpenPGP's, beside those that are there already. False: it can't be read, or is too much. */
static bool
read_pgp(struct run *r, struct slice file, struct pem_der *out)
{
	struct key_file f = {.keys = 0};

	if (key_pgp_read(file, NULL, &r->arena, &f) || out->keys + f.keys > PEM_DER_MAX ||
		out->certificates + f.certs > PEM_DER_MAX)
		return false;
	for (size_t i = 0; i < f.keys; i++)
		out->key[out->keys++] = f.key[i];
	for (size_t i = 0; i < f.certs; i++)
		out->certificate[out->certificates++] = f.cert[i];
	return true;
}

static int
read_pem(struct run *r, const char *name, struct pem_der *out)
{
	FILE *f = fopen(name, "re");
	struct buf pem;
	size_t before = out->keys + out->certificates;
	int code;

	if (!f)
		return cli_fail(EX_NOINPUT, "%s: %s", name, strerror(errno));
	buf_init(&pem, FILE_MAX);
	code = read_stream(f, name, &pem);
	fclose(f);
	if (!code && key_pgp_is(buf_slice(&pem)) && !read_pgp(r, buf_slice(&pem), out))
		code = cli_fail(EX_DATAERR,
			"%s: an OpenPGP key in it can't be read: it must have no password "
			"(hairpin sop change-key-password takes it off)",
			name);
	else if (!code && !key_pgp_is(buf_slice(&pem)) &&
		 !pem_der_read(buf_slice(&pem), &r->arena, out))
		code = cli_fail(EX_DATAERR,
			"%s: a private key in it can't be read: PEM without a password is "
			"wanted "
			"(openssl pkey -in %s)",
			name, name);
	else if (!code && before == out->keys + out->certificates)
		code = cli_fail(EX_DATAERR,
			"%s: no certificate and no key in PEM, nor OpenPGP's", name);
	buf_fini_secret(&pem);
	return code;
}

/* The words of a list with commas. */
static struct slice
next_word(struct slice *list)
{
	size_t n = slice_find(*list, ',');
	struct slice word = slice_trim(slice_cut(*list, 0, n));

	*list = slice_from(*list, n + 1);
	return word;
}

static int
read_pems(struct run *r, const char *option, struct pem_der *out)
{
	struct slice list = slice_str(cli_value(r->line, option));
	int code = EX_OK;

	while (list.n && !code)
		code = read_pem(r, arena_str(&r->arena, next_word(&list)), out);
	return code;
}

static int
read_policy(struct run *r)
{
	const char *name = cli_value(r->line, "--policy");
	struct buf why;
	int code = EX_OK;

	buf_init(&why, WHY_MAX);
	if (name && policy_file_load(name, &r->arena, &r->policy, &why))
		code = cli_fail(EX_CONFIG, "%.*s", SLICE_FMT(buf_slice(&why)));
	else if (!name && policy_file_parse(SLICE_EMPTY, "", &r->arena, &r->policy, &why))
		code = cli_fail(EX_CONFIG, "%.*s", SLICE_FMT(buf_slice(&why)));
	buf_fini(&why);
	return code;
}

/* Standard input. The engine wants lines as SMTP has them. */
static int
read_mail(struct run *r)
{
	int code = read_stream(stdin, "standard input", &r->mail);
	struct slice s = buf_slice(&r->mail);
	size_t end = slice_find(s, '\n');

	if (code || end == s.n || (end && s.p[end - 1] == '\r'))
		return code;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			buf_put_u8(&r->lines, '\r');
		buf_put_u8(&r->lines, s.p[i]);
	}
	return r->lines.overflow ? cli_fail(EX_DATAERR, "standard input: too large") : EX_OK;
}

static struct slice
mail_of(const struct run *r)
{
	return buf_slice(r->lines.n ? &r->lines : &r->mail);
}

static int
read_now(struct run *r)
{
	struct slice now = slice_str(cli_value(r->line, "--now"));

	r->q.now_sec = clock_wall_sec();
	if (now.n && !slice_u64(now, INT64_MAX, &r->q.now_sec))
		return cli_misused(r->line->verb, "--now wants seconds since 1970");
	return EX_OK;
}

/* --- who: as it is said, else as the mail's header says --- */

static Gateway__Party *
party(struct run *r, struct slice address)
{
	Gateway__Party *p = arena_alloc(&r->arena, sizeof *p);

	gateway__party__init(p);
	p->address = codec_bytes(arena_dup(&r->arena, address));
	return p;
}

static void
add_recipient(struct run *r, struct slice address)
{
	size_t n = r->q.n_recipient;

	for (size_t i = 0; i < n; i++)
		if (slice_eq(codec_slice(r->q.recipient[i]->address), address))
			return;
	if (n <= GATEWAY_RECIPIENTS_MAX) {
		r->q.recipient[n] = party(r, address);
		r->q.n_recipient++;
	}
}

static void
add_listed(struct run *r, struct slice body)
{
	struct mail_list list;
	struct buf address;

	mail_list_parse(body, &r->arena, MAIL_LIST_MAX, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct mail_list_item *item = &list.items[i];

		if (item->kind != MAIL_LIST_MAILBOX || !item->local.n || !item->domain.n)
			continue;
		buf_init(&address, item->local.n + item->domain.n + 1);
		buf_put_slice(&address, item->local);
		buf_put_u8(&address, '@');
		buf_put_slice(&address, item->domain);
		add_recipient(r, buf_slice(&address));
		buf_fini(&address);
	}
}

static void
find_recipients(struct run *r, const struct gateway_head *h)
{
	static const char *const names[] = {"To", "Cc", "Bcc"};
	struct slice list = slice_str(cli_value(r->line, "--to"));

	r->q.recipient = arena_zalloc(
		&r->arena, (GATEWAY_RECIPIENTS_MAX + 1) * sizeof *r->q.recipient);
	while (list.n)
		add_recipient(r, next_word(&list));
	if (r->q.n_recipient)
		return;
	for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
		for (size_t i = 0; (i = gateway_head_find(h, slice_str(names[n]), i)) < h->n;
			i++)
			add_listed(r, h->field[i].body);
}

static int
find_parties(struct run *r)
{
	struct slice mail = mail_of(r), from = slice_str(cli_value(r->line, "--from"));
	struct text t = text_of(&mail);
	struct gateway_head h = {.arena = &r->arena};

	/* Of too large a header the engine says so itself. */
	if (gateway_head_read(&t, &r->arena, &h))
		h.n = 0;
	if (!cli_value(r->line, "--from"))
		gateway_from_read(&h, &r->arena, &from);
	r->q.sender = party(r, from);
	find_recipients(r, &h);
	if (r->q.n_recipient == 0)
		return cli_fail(EX_DATAERR,
			"no recipient in the mail's header: say --to ADDRESS[,ADDRESS]");
	if (r->q.n_recipient > GATEWAY_RECIPIENTS_MAX)
		return cli_fail(EX_DATAERR, "more than %d recipients", GATEWAY_RECIPIENTS_MAX);
	return EX_OK;
}

static void
resolve(struct run *r, Gateway__Party *p)
{
	struct policy_decision *d = arena_alloc(&r->arena, sizeof *d);

	policy_file_decide(r->policy, codec_slice(r->q.sender->address),
		codec_slice(p->address), &r->arena, d);
	p->settings = arena_alloc(&r->arena, sizeof *p->settings);
	gateway__settings__init(p->settings);
	policy_resolve(d, &r->arena, p->settings);
}

/* --- keys and certificates --- */

static bool
is_for(struct slice certificate, struct slice address, uint64_t now_sec)
{
	struct smime_signer who = {.certificate = certificate};
	struct pgp_cert *cert = pgp_info_parse(certificate);
	bool is;

	if (cert) {
		is = gateway_pgp_is_for(cert, address, now_sec);
		pgp_cert_free(cert);
		return is;
	}
	return smime_signer_is(&who, address);
}

static bool
is_pair(struct slice certificate, struct slice key)
{
	return pgp_info_is(key)
		       ? key_pgp_fits(key, certificate)
		       : !pgp_info_is(certificate) && pem_der_is_pair(certificate, key);
}

/* Its own certificate, then all others: a chain is found among them. */
static Gateway__Key *
make_key(struct run *r, size_t i)
{
	Gateway__Key *k = arena_alloc(&r->arena, sizeof *k);
	const struct pem_der *from[] = {&r->own, &r->others};

	gateway__key__init(k);
	k->id = i + 1;
	k->may_sign = true;
	k->certificate = arena_alloc(&r->arena, 2 * PEM_DER_MAX * sizeof *k->certificate);
	for (size_t f = 0; f < 2 && k->n_certificate == 0; f++)
		for (size_t n = 0; n < from[f]->certificates && k->n_certificate == 0; n++)
			if (is_pair(from[f]->certificate[n], r->own.key[i]))
				k->certificate[k->n_certificate++] = codec_bytes(
					from[f]->certificate[n]);
	for (size_t n = 0; n < r->own.certificates && k->n_certificate; n++)
		if (!pgp_info_is(r->own.certificate[n]) &&
			!slice_eq(r->own.certificate[n], codec_slice(k->certificate[0])))
			k->certificate[k->n_certificate++] = codec_bytes(r->own.certificate[n]);
	return k;
}

static void
give_key(struct run *r, Gateway__Key *k, Gateway__Party *p)
{
	if (!is_for(codec_slice(k->certificate[0]), codec_slice(p->address), r->q.now_sec))
		return;
	if (!p->key)
		p->key = arena_alloc(&r->arena, PEM_DER_MAX * sizeof(*p->key));
	p->key[p->n_key++] = k;
}

static int
give_keys(struct run *r)
{
	for (size_t i = 0; i < r->own.keys; i++) {
		Gateway__Key *k = make_key(r, i);

		if (pgp_info_is(r->own.key[i]) ? pgp_bundle_parse(r->own.key[i], &r->bundle[i])
					       : private_key_parse(r->own.key[i], &r->key[i]))
			return cli_fail(EX_DATAERR, "a private key of a kind that isn't known");
		if (k->n_certificate == 0)
			return cli_fail(EX_DATAERR,
				"a private key without its certificate: say --cert FILE");
		give_key(r, k, r->q.sender);
		for (size_t n = 0; n < r->q.n_recipient; n++)
			give_key(r, k, r->q.recipient[n]);
	}
	return EX_OK;
}

static void
give_certificates(struct run *r, Gateway__Party *p)
{
	p->certificate = arena_alloc(&r->arena, PEM_DER_MAX * sizeof(*p->certificate));
	for (size_t i = 0; i < r->others.certificates; i++) {
		Gateway__Certificate *c;

		if (!is_for(r->others.certificate[i], codec_slice(p->address), r->q.now_sec))
			continue;
		c = arena_alloc(&r->arena, sizeof *c);
		gateway__certificate__init(c);
		c->der = codec_bytes(r->others.certificate[i]);
		c->trust = GATEWAY__TRUST__MANUAL;
		p->certificate[p->n_certificate++] = c;
	}
}

static ProtobufCBinaryData *
all_of(struct run *r, const struct pem_der *from, size_t *n)
{
	ProtobufCBinaryData *list = arena_alloc(
		&r->arena, (from->certificates + 1) * sizeof *list);

	*n = 0;
	for (size_t i = 0; i < from->certificates; i++)
		if (!pgp_info_is(from->certificate[i]))
			list[(*n)++] = codec_bytes(from->certificate[i]);
	return list;
}

static enum err
unwrap(void *arg, const Gateway__Key *key, struct slice info, size_t cek_size, uint8_t *cek)
{
	struct run *r = arg;

	return private_key_unwrap(
		r->key[key->id - 1], codec_slice(key->certificate[0]), info, cek_size, cek);
}

static enum err
sign(void *arg, const Gateway__Key *key, const struct gateway_keys_sign *q, struct buf *out)
{
	struct run *r = arg;

	return private_key_sign(r->key[key->id - 1], q, out);
}

static enum err
pgp_unwrap(void *arg, const Gateway__Key *key, const struct gateway_keys_pgp *q,
	struct pgp_session *session)
{
	struct run *r = arg;
	const struct pgp_secret *s = pgp_bundle_find(r->bundle[key->id - 1], q->fingerprint);

	return s ? pgp_secret_unwrap(s, q->number, q->octets, session) : ERR_DENIED;
}

static enum err
pgp_sign(void *arg, const Gateway__Key *key, const struct gateway_keys_pgp *q,
	struct buf *fields)
{
	struct run *r = arg;
	const struct pgp_secret *s = pgp_bundle_find(r->bundle[key->id - 1], q->fingerprint);

	return s ? pgp_secret_sign(s, q->number, q->octets, fields) : ERR_DENIED;
}

/* --- asked --- */

static int
ask(struct run *r)
{
	struct slice mail = mail_of(r);
	struct text t = text_of(&mail);
	struct gateway_keys keys = {unwrap, sign, r, pgp_unwrap, pgp_sign};
	struct text_room room = text_memory_room(r->room);
	struct gateway e = {&r->q, &t, &keys, &room, &r->arena};
	enum err err = gateway_run(&e, &r->answer);
	struct cli_gateway_show show = {&r->q, &r->answer, buf_slice(&r->mail), r->lines.n > 0,
		cli_has(r->line, "--json")};

	return err ? cli_fail(EX_SOFTWARE, "%s", err_text(err)) : cli_gateway_show(&show);
}

static int
prepare(struct run *r)
{
	const char *host = cli_value(r->line, "--hostname");
	int code = read_now(r);

	r->q.way = strcmp(r->line->verb->name, "gateway in") ? GATEWAY__QUESTION__WAY__OUT
							     : GATEWAY__QUESTION__WAY__IN;
	r->q.authserv_id = (char *)(uintptr_t)(host ? host : "localhost");
	r->q.answers_decrypted = cli_has(r->line, "--reply");
	code = code ? code : read_policy(r);
	code = code ? code : read_pems(r, "--key", &r->own);
	code = code ? code : read_pems(r, "--cert", &r->others);
	code = code ? code : read_pems(r, "--ca", &r->authorities);
	code = code ? code : read_mail(r);
	code = code ? code : find_parties(r);
	if (code)
		return code;
	r->q.anchor = all_of(r, &r->authorities, &r->q.n_anchor);
	r->q.intermediate = all_of(r, &r->others, &r->q.n_intermediate);
	for (size_t i = 0; i < r->q.n_recipient; i++) {
		resolve(r, r->q.recipient[i]);
		give_certificates(r, r->q.recipient[i]);
	}
	if (r->q.way == GATEWAY__QUESTION__WAY__IN)
		give_certificates(r, r->q.sender);
	return give_keys(r);
}

int
cli_gateway_run(const struct cli_line *line)
{
	struct run *r = must_zalloc(sizeof *r);
	int code;

	/* Before OpenSSL is used, whose own tidying up at the exit it forbids. */
	tls_init();
	r->line = line;
	gateway__question__init(&r->q);
	arena_init(&r->arena, 0);
	buf_init(&r->mail, MAIL_MAX);
	buf_init(&r->lines, MAIL_MAX);
	r->room = text_memory_new((size_t)4 * MAIL_MAX);
	code = prepare(r);
	code = code ? code : ask(r);
	for (size_t i = 0; i < r->own.keys; i++) {
		private_key_free(r->key[i]);
		pgp_bundle_free(r->bundle[i]);
	}
	text_memory_free(r->room);
	buf_fini_secret(&r->mail);
	buf_fini_secret(&r->lines);
	arena_reset(&r->arena);
	free(r);
	return code;
}
