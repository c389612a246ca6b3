#include "cmd/cli_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cli_control.h"
#include "cmd/cli_key_file.h"
#include "cmd/cli_table.h"
#include "cmd/cli_verbs.h"
#include "core/clock.h"
#include "core/mail_addr.h"
#include "crypto/key_make.h"
#include "crypto/key_pgp.h"
#include "crypto/seal.h"

enum { DAYS = 730, DAYS_MAX = 3650, CSR_MAX = 65536, DER_MAX = 16384 };

/* --- telling the server --- */

/* pkcs8: empty: the server has it. chain: the key's certificate first; none is fine. addresses
 * is taken. *row: the server's answer. */
struct told {
	const struct cli_line *line;
	struct arena *a;
	struct slice pkcs8, public_key;
	const struct slice *chain;
	size_t certs;
	json_t *addresses;
};

static int
tell(const struct told *t, json_t **row)
{
	json_t *request = json_object(), *list = json_array(), *key = json_array();
	int code;

	for (size_t i = 0; i < t->certs; i++)
		json_array_append_new(list, cli_key_file_base64(t->chain[i]));
	json_array_append_new(key, cli_key_file_base64(t->public_key));
	json_object_set_new(request, "verb", json_string("key import"));
	json_object_set_new(request, "certificates", list);
	json_object_set_new(request, "public_key", key);
	if (t->addresses)
		json_object_set_new(request, "addresses", t->addresses);
	if (t->pkcs8.n)
		json_object_set_new(request, "pkcs8", cli_key_file_base64(t->pkcs8));
	code = cli_control_ask(cli_config_path(t->line), request, row);
	if (!code)
		json_object_del(*row, "ok");
	json_decref(request);
	return code;
}

static int
put_rows(const struct cli_line *line, json_t *rows)
{
	if (cli_has(line, "--json"))
		return cli_put_json(json_pack("{s:o}", "rows", rows));
	cli_table_put_rows(rows);
	json_decref(rows);
	return EX_OK;
}

/* --- import --- */

/* The certificate of the file that belongs to the key and lasts longest. Empty: none. */
static struct slice
own_certificate(const struct key_file *f, struct slice pkcs8, struct arena *a)
{
	struct slice best = SLICE_EMPTY;
	struct cert_info info;
	int64_t until = INT64_MIN;

	for (size_t i = 0; i < f->certs; i++) {
		if (!key_file_fits(pkcs8, f->cert[i]) || cert_info_read(f->cert[i], a, &info) ||
			info.until_sec <= until)
			continue;
		until = info.until_sec;
		best = f->cert[i];
	}
	return best;
}

static int
import_key(const struct cli_line *line, const struct key_file *f, size_t n, struct arena *a,
	json_t *rows)
{
	const char *path = line->word[0];
	struct slice chain[KEY_FILE_CHAIN_MAX], own = own_certificate(f, f->key[n], a);
	struct told t = {.line = line, .a = a, .pkcs8 = f->key[n], .chain = chain};
	struct cert_info info;
	json_t *row;
	int code;

	if (!own.n && f->certs)
		return cli_fail(EX_DATAERR,
			"%s: none of its %zu certificates belongs to its private key: look for "
			"the "
			"file that has both, or import the key alone",
			path, f->certs);
	t.public_key = own.n ? key_file_of_certificate(own, a) : key_file_public(f->key[n], a);
	if (own.n) {
		if (cert_info_read(own, a, &info))
			return cli_fail(EX_DATAERR, "%s: its certificate can't be read", path);
		code = cli_key_file_check(path, own, true);
		if (code)
			return code;
		t.certs = key_file_chain(f, own, chain);
	}
	t.addresses = cli_key_file_addresses(line, own.n ? &info : NULL, f->keys == 1);
	if (!t.addresses)
		return EX_USAGE;
	if (own.n) {
		cli_key_file_warn(
			&(struct cli_key_file_odd){path, own, &info, t.addresses, true});
		cli_key_file_warn_of_missing(path, f->key[n], own);
	}
	code = tell(&t, &row);
	if (!code)
		json_array_append_new(rows, row);
	return code;
}

/* A certificate without its key, which the server may have. */
static int
import_certificate(
	const struct cli_line *line, const struct key_file *f, struct arena *a, json_t *rows)
{
	struct slice chain[KEY_FILE_CHAIN_MAX], own = f->cert[0];
	struct told t = {.line = line, .a = a, .chain = chain};
	struct cert_info info;
	json_t *row;
	int code;

	for (size_t i = 0; i < f->certs; i++)
		if (!cert_info_read(f->cert[i], a, &info) && !info.is_authority) {
			own = f->cert[i];
			break;
		}
	t.certs = key_file_chain(f, own, chain);
	t.public_key = key_file_of_certificate(own, a);
	code = tell(&t, &row);
	if (!code)
		json_array_append_new(rows, row);
	return code;
}

int
cli_key_import(const struct cli_line *line)
{
	json_t *rows = json_array();
	struct key_file f = {.keys = 0};
	struct arena a;
	int code, of_one = EX_OK, shown = EX_OK;

	seal_init();
	arena_init(&a, 0);
	code = cli_key_file_read(line, line->word[0], &a, &f);
	if (!code && !f.keys)
		code = import_certificate(line, &f, &a, rows);
	/* One that is here already, as after a first try, keeps none of the others out. */
	for (size_t i = 0; i < f.keys && cli_key_file_may_go_on(of_one); i++) {
		of_one = import_key(line, &f, i, &a, rows);
		code = code ? code : of_one;
	}
	arena_reset(&a);
	if (json_array_size(rows))
		shown = put_rows(line, rows);
	else
		json_decref(rows);
	return code ? code : shown;
}

/* --- create --- */

/* Each word in its canonical form; whole domains by the name that RFC 3183 gives their keys. */
static int
read_names(const struct cli_line *line, struct arena *a, struct slice *name, json_t *addresses)
{
	static const char domains[] = "domain-confidentiality-authority";
	const char *why;

	for (size_t i = 0; i < line->words; i++) {
		const char *word = line->word[i];
		struct slice text = slice_str(word);
		char *whole;

		if (*word == '@') {
			whole = arena_alloc(a, sizeof domains + text.n);
			memcpy(whole, domains, sizeof domains - 1);
			memcpy(whole + sizeof domains - 1, word, text.n);
			text = slice_of(whole, sizeof domains - 1 + text.n);
		}
		why = mail_addr_canonical_text(text, a, &name[i]);
		if (why)
			return cli_fail(EX_USAGE, "%s: %s", word, why);
		json_array_append_new(addresses, json_string(word));
	}
	return EX_OK;
}

/* EX_OK, or why not, which was said. */
static int
read_days(const struct cli_line *line, unsigned *days)
{
	const char *text = cli_value(line, "--days");
	uint64_t n = DAYS;

	if (text && (!slice_u64(slice_str(text), DAYS_MAX, &n) || !n))
		return cli_misused(line->verb, "--days %s: 1 to %d", text, DAYS_MAX);
	*days = (unsigned)n;
	return EX_OK;
}

static int
make_openpgp(const struct cli_line *line, const struct key_make *q, struct arena *a,
	json_t *addresses)
{
	struct told t = {.line = line, .a = a, .addresses = json_incref(addresses)};
	struct slice cert;
	json_t *row = NULL;
	enum err e = key_pgp_make(cli_value(line, "--kind"), q, a, &t.pkcs8, &cert);
	int code;

	if (e) {
		json_decref(addresses);
		return cli_fail(EX_SOFTWARE, "the key can't be made: %s", err_text(e));
	}
	t.public_key = key_file_of_certificate(cert, a);
	t.chain = &cert;
	t.certs = 1;
	code = tell(&t, &row);
	return code ? code : put_rows(line, json_pack("[o]", row));
}

static int
make(const struct cli_line *line, struct key_make *q, struct arena *a, json_t *addresses)
{
	bool wants_csr = cli_has(line, "--csr");
	struct told t = {.line = line, .a = a, .addresses = json_incref(addresses)};
	struct slice cert;
	struct buf der, pem;
	json_t *row = NULL;
	int code = EX_OK;
	enum err e;

	buf_init(&der, DER_MAX);
	buf_init(&pem, CSR_MAX);
	e = wants_csr ? key_make_request(q, &pem) : key_make_certificate(q, &der);
	cert = buf_slice(&der);
	t.pkcs8 = q->pkcs8;
	t.public_key = key_file_public(q->pkcs8, a);
	t.chain = &cert;
	t.certs = !wants_csr;
	if (e) {
		json_decref(addresses);
		code = cli_fail(EX_SOFTWARE, "the certificate can't be made: %s", err_text(e));
	} else {
		code = tell(&t, &row);
	}
	if (!code && wants_csr && cli_has(line, "--json"))
		json_object_set_new(row, "csr", json_stringn((char *)pem.p, pem.n));
	if (!code && wants_csr && !cli_has(line, "--json")) {
		fwrite(pem.p, 1, pem.n, stdout);
		fprintf(stderr,
			"key %s waits for its certificate: when you have it, say `hairpin "
			"key import CERTIFICATE`\n",
			json_string_value(json_object_get(row, "id")));
		json_decref(row);
	} else if (!code) {
		code = put_rows(line, json_pack("[o]", row));
	}
	buf_fini(&der);
	buf_fini(&pem);
	return code;
}

int
cli_key_create(const struct cli_line *line)
{
	const char *kind = cli_value(line, "--kind");
	json_t *addresses = json_array();
	struct key_make q = {.now_sec = (int64_t)clock_wall_sec(), .addresses = line->words};
	bool is_openpgp = kind && (!strcmp(kind, "openpgp") || !strcmp(kind, "openpgp6"));
	struct slice *name;
	struct arena a;
	int code;

	seal_init();
	arena_init(&a, 0);
	name = arena_alloc(&a, (line->words + 1) * sizeof *name);
	code = read_days(line, &q.days);
	if (!code)
		code = read_names(line, &a, name, addresses);
	q.address = name;
	if (!code && is_openpgp && cli_has(line, "--csr"))
		code = cli_misused(line->verb, "--csr is for S/MIME");
	if (!code && !is_openpgp && key_make_new(kind ? kind : "rsa3072", &a, &q.pkcs8))
		code = cli_misused(line->verb,
			"--kind %s: rsa2048, rsa3072, rsa4096, p256 or p384; openpgp, openpgp6",
			kind);
	if (!code)
		code = is_openpgp ? make_openpgp(line, &q, &a, addresses)
				  : make(line, &q, &a, addresses);
	json_decref(addresses);
	arena_reset(&a);
	return code;
}
