#include "cmd/cli_sop_signer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cli_sop_date.h"
#include "cmd/cli_sop_key.h"
#include "core/clock.h"
#include "crypto/pgp_algorithm.h"

void
cli_sop_signer_init(struct cli_sop_signers *s)
{
	memset(s, 0, sizeof *s);
	s->ring = (struct pgp_secret_ring){s->one, 0};
	s->private = pgp_secret_private(&s->ring);
}

static int
add_one(const struct cli_sop_line *line, const char *name,
	const struct cli_sop_passwords *passwords, struct pgp_cert *cert,
	struct cli_sop_signers *s)
{
	struct pgp_make_passwords p = {passwords->word, passwords->n, SLICE_EMPTY};
	size_t key;
	enum err e;

	if (!pgp_valid_signer(cert, clock_wall_sec(), &key))
		return cli_sop_fail(line, SOP_KEY_CANNOT_SIGN, "%s: %s", name,
			pgp_valid_text(pgp_valid_key(cert, 0, PGP_USE_SIGN, clock_wall_sec())));
	if (s->n == PGP_SIGN_MAX)
		return cli_sop_fail(line, SOP_FAILURE, "more than %d signers", PGP_SIGN_MAX);
	e = pgp_make_open(cert, key, &p, &s->secret[s->n]);
	if (e != ERR_OK)
		return cli_sop_key_fail(line, name, e);
	s->one[s->n] = &s->secret[s->n];
	s->signer[s->n] = (struct pgp_signer){&cert->key[key].public, &s->private, 0};
	s->ring.n = ++s->n;
	return SOP_OK;
}

int
cli_sop_signer_add(const struct cli_sop_line *line, const char *name,
	const struct cli_sop_passwords *passwords, struct cli_sop_signers *s)
{
	size_t before = s->keys.n;
	int code = cli_sop_file_certs(line, name, true, &s->keys);

	for (size_t i = before; !code && i < s->keys.n; i++)
		code = add_one(line, name, passwords, s->keys.cert[i], s);
	return code;
}

void
cli_sop_signer_fini(struct cli_sop_signers *s)
{
	for (size_t i = 0; i < s->n; i++)
		pgp_secret_fini(&s->secret[i]);
	cli_sop_file_certs_fini(&s->keys);
}

/* Of all of them, or 0. */
static uint8_t
hash_of(const struct cli_sop_signers *s)
{
	uint8_t hash = s->n ? pgp_sig_make_hash(s->signer[0].key) : 0;

	for (size_t i = 1; i < s->n; i++)
		if (pgp_sig_make_hash(s->signer[i].key) != hash)
			return 0;
	return hash;
}

const char *
cli_sop_signer_micalg(const struct cli_sop_signers *s)
{
	uint8_t hash = hash_of(s);

	return hash ? pgp_algorithm_micalg(hash) : "";
}

const char *
cli_sop_signer_hash(const struct cli_sop_signers *s, char *room, size_t size)
{
	const char *name = hash_of(s) ? pgp_algorithm_hash_name(hash_of(s)) : NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->signer[i].key->version == 6)
			return NULL;
	for (const char *at = name; at && *at && n + 1 < size; at++)
		if (*at != '-')
			room[n++] = *at;
	room[n] = '\0';
	return n ? room : NULL;
}

/* --- what is said of signatures ---------------------------------------------------------- */

/* Of an option that isn't there *sec stays. */
static int
read_date(const struct cli_sop_line *line, const char *option, uint64_t no_limit, uint64_t *sec)
{
	const char *said = cli_sop_value(line, option);

	if (!said)
		return SOP_OK;
	if (!strcmp(said, "-"))
		*sec = no_limit;
	else if (!strcmp(said, "now"))
		*sec = clock_wall_sec();
	else if (!cli_sop_date_parse(said, sec))
		return cli_sop_fail(line, SOP_UNSUPPORTED_OPTION,
			"--%s: `%s` is no time like 2026-01-31T23:59:59Z", option, said);
	return SOP_OK;
}

int
cli_sop_signer_window(const struct cli_sop_line *line, const char *from, const char *until,
	struct cli_sop_window *w)
{
	int code;

	*w = (struct cli_sop_window){0, clock_wall_sec()};
	code = read_date(line, from, 0, &w->from_sec);
	return code ? code : read_date(line, until, UINT64_MAX, &w->until_sec);
}

static void
put_fingerprint(const struct pgp_public *key, struct buf *out)
{
	for (size_t i = 0; i < key->n_fingerprint; i++)
		buf_printf(out, "%02X", key->fingerprint[i]);
}

static void
put_line(const struct pgp_verdict *v, struct buf *out)
{
	time_t created = (time_t)v->created_sec;
	struct tm tm;
	char when[sizeof "2026-11-27T00:00:00Z"];

	gmtime_r(&created, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_printf(out, "%s ", when);
	put_fingerprint(&v->cert->key[v->key].public, out);
	buf_put_str(out, " ");
	put_fingerprint(&v->cert->key[0].public, out);
	buf_printf(out, " mode:%s\n", v->type == PGP_SIG_TEXT ? "text" : "binary");
}

size_t
cli_sop_signer_report(const struct cli_sop_line *line, const struct pgp_verdict *verdict,
	size_t n, const struct cli_sop_window *w, struct buf *out)
{
	size_t good = 0;

	for (size_t i = 0; i < n; i++) {
		const struct pgp_verdict *v = &verdict[i];
		bool is_outside = v->created_sec < w->from_sec || v->created_sec > w->until_sec;

		if (v->problem == PGP_PROBLEM_NONE && !is_outside) {
			put_line(v, out);
			good++;
			continue;
		}
		cli_sop_fail(line, 0, "a signature by %02X%02X%02X%02X%02X%02X%02X%02X: %s",
			v->key_id[0], v->key_id[1], v->key_id[2], v->key_id[3], v->key_id[4],
			v->key_id[5], v->key_id[6], v->key_id[7],
			v->problem == PGP_PROBLEM_NONE
				? "it is from another time than asked for"
				: pgp_valid_text(v->problem));
	}
	return good;
}
