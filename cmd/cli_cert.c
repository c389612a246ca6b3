#include "cmd/cli_cert.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_control.h"
#include "cmd/cli_key_file.h"
#include "cmd/cli_table.h"
#include "cmd/cli_verbs.h"
#include "crypto/key_make.h"
#include "crypto/seal.h"

enum { DER_MAX = 65536, PEM_MAX = 131072 };

static json_t *
request_of(const struct cli_line *line, struct slice der)
{
	json_t *request = json_object(), *list = json_array();
	const char *comment = cli_value(line, "--comment");

	json_object_set_new(request, "verb", json_string(line->verb->name));
	if (der.n) {
		json_array_append_new(list, cli_key_file_base64(der));
		json_object_set_new(request, "certificates", list);
	} else {
		json_decref(list);
	}
	if (comment)
		json_object_set_new(request, "comment", json_string(comment));
	return request;
}

/* Takes the request; appends the answer to rows. */
static int
ask(const struct cli_line *line, json_t *request, json_t *rows)
{
	json_t *answer;
	int code = cli_control_ask(cli_config_path(line), request, &answer);

	json_decref(request);
	if (code)
		return code;
	json_object_del(answer, "ok");
	json_array_append_new(rows, answer);
	return EX_OK;
}

/* Takes rows: what was done, whether or not code says that it isn't all. */
static int
put_rows(const struct cli_line *line, json_t *rows, int code)
{
	int shown = EX_OK;

	if (json_array_size(rows) && cli_has(line, "--json"))
		shown = cli_put_json(json_pack("{s:O}", "rows", rows));
	else if (json_array_size(rows))
		cli_table_put_rows(rows);
	json_decref(rows);
	return code ? code : shown;
}

/* --- add --- */

static int
add_one(const struct cli_line *line, const struct key_file *f, size_t i,
	const struct cert_info *info, json_t *rows)
{
	struct slice der = f->cert[i];
	json_t *addresses = NULL, *request;
	int code = cli_key_file_check(line->word[0], der, false);

	if (!code && !(addresses = cli_key_file_addresses(line, info, f->certs == 1)))
		code = EX_USAGE;
	if (code)
		return code;
	cli_key_file_warn(
		&(struct cli_key_file_odd){line->word[0], der, info, addresses, false});
	request = request_of(line, der);
	json_object_set_new(request, "addresses", addresses);
	return ask(line, request, rows);
}

/* Those of authorities are there to prove the others. But OpenSSL's own way to make one's own
 * certificate calls it an authority's. */
static bool
is_somebodys(const struct cert_info *info)
{
	return !info->is_authority ||
	       (info->is_self_signed && info->addresses && info->may_encrypt);
}

static int
add_all(const struct cli_line *line, const struct key_file *f, struct arena *a, json_t *rows)
{
	struct cert_info info;
	size_t people = 0;
	int code = EX_OK, of_one = EX_OK;

	/* One that won't do keeps none of the others out. */
	for (size_t i = 0; i < f->certs && cli_key_file_may_go_on(of_one); i++) {
		if (cert_info_read(f->cert[i], a, &info))
			return cli_fail(EX_DATAERR, "%s: certificate %zu can't be read",
				line->word[0], i + 1);
		if (!is_somebodys(&info))
			continue;
		people++;
		of_one = add_one(line, f, i, &info, rows);
		code = code ? code : of_one;
	}
	if (!code && !people && f->certs)
		return cli_fail(EX_DATAERR,
			"%s holds certificates of authorities alone: to believe one, say "
			"`hairpin "
			"cert trust %s`",
			line->word[0], line->word[0]);
	if (!code && !people)
		return cli_fail(EX_DATAERR,
			"%s holds a private key and no certificate: to take it in, say "
			"`hairpin key "
			"import %s ADDRESS`",
			line->word[0], line->word[0]);
	return code;
}

int
cli_cert_add(const struct cli_line *line)
{
	json_t *rows = json_array();
	struct key_file f;
	struct arena a;
	int code;

	seal_init();
	arena_init(&a, 0);
	code = cli_key_file_read(line, line->word[0], &a, &f);
	if (!code)
		code = add_all(line, &f, &a, rows);
	arena_reset(&a);
	return put_rows(line, rows, code);
}

/* --- trust --- */

static bool
is_hash(const char *word)
{
	size_t n = strspn(word, "0123456789abcdefABCDEF");

	return n >= 8 && n <= 64 && !word[n] && access(word, F_OK);
}

int
cli_cert_trust(const struct cli_line *line)
{
	json_t *rows = json_array(), *request;
	struct key_file f;
	struct arena a;
	int code = EX_OK;

	if (is_hash(line->word[0])) {
		request = request_of(line, SLICE_EMPTY);
		json_object_set_new(request, "sha256", json_string(line->word[0]));
		return put_rows(line, rows, ask(line, request, rows));
	}
	seal_init();
	arena_init(&a, 0);
	code = cli_key_file_read(line, line->word[0], &a, &f);
	if (!code && !f.certs)
		code = cli_fail(EX_DATAERR, "%s holds no certificate", line->word[0]);
	for (size_t i = 0; !code && i < f.certs; i++)
		code = ask(line, request_of(line, f.cert[i]), rows);
	arena_reset(&a);
	return put_rows(line, rows, code);
}

/* --- show --- */

static int
put_pem(const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "der"));
	struct buf der, pem;
	int code = EX_OK;

	buf_init(&der, DER_MAX);
	buf_init(&pem, PEM_MAX);
	if (!text || seal_b64_open(slice_str(text), &der) ||
		key_make_cert_pem(buf_slice(&der), &pem))
		code = cli_fail(EX_NOINPUT, "the certificate itself isn't here, only its hash");
	else
		fwrite(pem.p, 1, pem.n, stdout);
	buf_fini(&der);
	buf_fini(&pem);
	return code;
}

int
cli_cert_show(const struct cli_line *line)
{
	json_t *request = cli_control_request(line), *answer;
	int code = request ? cli_control_ask(cli_config_path(line), request, &answer)
			   : EX_USAGE;

	json_decref(request);
	if (code)
		return code;
	json_object_del(answer, "ok");
	if (cli_has(line, "--json"))
		return cli_put_json(answer);
	if (cli_has(line, "--pem")) {
		code = put_pem(answer);
	} else {
		json_object_del(answer, "der");
		cli_table_put_record(answer);
	}
	json_decref(answer);
	return code;
}
