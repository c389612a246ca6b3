#include "cmd/cli_sop_inline.h"

#include <stdlib.h>
#include <unistd.h>

#include "cmd/cli_scratch.h"
#include "core/clock.h"
#include "core/must.h"
#include "crypto/pgp_verify.h"

enum { FRONT = 64, CHUNK = 65536, SIGNATURES_MAX = 1 << 20 };

void
cli_sop_inline_init(struct cli_sop_inline *x, const struct cli_sop_line *line)
{
	*x = (struct cli_sop_inline){.hashed = -1};
	buf_init(&x->signatures, SIGNATURES_MAX);
	buf_init(&x->front, CHUNK + FRONT);
	cli_sop_file_out_init(&x->text, line, PGP_ARMOR_NONE, false);
}

static enum err
put_hashed(void *arg, struct slice octets)
{
	struct cli_sop_inline *x = arg;

	return cli_scratch_put(x->hashed, octets);
}

static enum err
put_message(void *arg, struct slice octets)
{
	struct cli_sop_inline *x = arg;

	return pgp_open_feed(x->open, octets);
}

/* The front says what it is. */
static void
begin(struct cli_sop_inline *x)
{
	static const struct pgp_opened plain;
	struct pgp_open_setup setup = {.proved = &plain,
		.judge = x->judge,
		.to = cli_sop_file_sink(&x->text),
		.signatures = &x->signatures};

	x->is_begun = true;
	x->is_clear = pgp_cleartext_is(buf_slice(&x->front));
	if (x->is_clear) {
		x->hashed = cli_scratch_new();
		pgp_cleartext_init(&x->clear, cli_sop_file_sink(&x->text),
			(struct text_sink){put_hashed, x});
	} else {
		x->open = pgp_open_new(&setup);
		pgp_unarmor_init(&x->armor, (struct text_sink){put_message, x});
	}
}

static enum err
put(struct cli_sop_inline *x, struct slice octets)
{
	return x->is_clear ? pgp_cleartext_feed(&x->clear, octets)
			   : pgp_unarmor_feed(&x->armor, octets);
}

static enum err
feed(void *arg, struct slice octets)
{
	struct cli_sop_inline *x = arg;
	enum err e;

	if (x->is_begun)
		return put(x, octets);
	buf_put_slice(&x->front, octets);
	if (x->front.n < FRONT)
		return ERR_OK;
	begin(x);
	e = put(x, buf_slice(&x->front));
	buf_clear(&x->front);
	return e;
}

/* The signatures stand behind the text, so it is hashed when they are known. */
static enum err
verify_hashed(struct cli_sop_inline *x)
{
	struct pgp_verify v;
	uint8_t *chunk;
	ssize_t n;
	enum err e = pgp_verify_begin(&v, buf_slice(&x->signatures), &x->judge);

	if (e == ERR_OK && lseek(x->hashed, 0, SEEK_SET) != 0)
		e = ERR_IO;
	chunk = must_alloc(CHUNK);
	while (e == ERR_OK && (n = read(x->hashed, chunk, CHUNK)) != 0) {
		if (n < 0)
			e = ERR_IO;
		else
			pgp_verify_feed(&v, slice_of(chunk, (size_t)n));
	}
	free(chunk);
	if (e == ERR_OK) {
		x->n_verdicts = v.n;
		pgp_verify_finish(&v, x->verdict);
	}
	pgp_verify_fini(&v);
	return e;
}

static enum err
finish_clear(struct cli_sop_inline *x)
{
	enum err e = pgp_cleartext_finish(&x->clear);

	if (e != ERR_OK)
		return e;
	buf_put_slice(&x->signatures, buf_slice(&x->clear.signature));
	return x->clear.has_more ? ERR_SYNTAX : verify_hashed(x);
}

static enum err
finish_message(struct cli_sop_inline *x)
{
	struct pgp_opened facts;
	enum err e = pgp_unarmor_finish(&x->armor);

	if (e == ERR_OK && x->armor.blocks != 1)
		e = ERR_SYNTAX;
	if (e == ERR_OK)
		e = pgp_open_finish(x->open, &facts);
	if (e != ERR_OK)
		return e;
	x->n_verdicts = facts.n_verdicts;
	for (size_t i = 0; i < facts.n_verdicts; i++)
		x->verdict[i] = facts.verdict[i];
	return ERR_OK;
}

int
cli_sop_inline_read(struct cli_sop_inline *x, const struct cli_sop_line *line,
	const struct cli_sop_certs *certs)
{
	enum err e;
	int code;

	x->ring = (struct pgp_cert_ring){certs->cert, certs->n};
	x->judge = (struct pgp_judge){&x->ring, clock_wall_sec()};
	code = cli_sop_file_input(line, feed, x, &e);
	if (code)
		return code;
	if (e == ERR_OK && !x->is_begun) {
		begin(x);
		e = put(x, buf_slice(&x->front));
	}
	if (e == ERR_OK)
		e = x->is_clear ? finish_clear(x) : finish_message(x);
	return e == ERR_OK ? SOP_OK
			   : cli_sop_fail(line, SOP_BAD_DATA, "%s",
				     e == ERR_NOT_FOUND || e == ERR_SYNTAX
					     ? "it is no message that is signed and not "
					       "encrypted, with nothing around it"
					     : err_text(e));
}

int
cli_sop_inline_end(struct cli_sop_inline *x, const struct cli_sop_line *line, int code)
{
	code = cli_sop_file_out_end(&x->text, line, code);
	if (x->is_clear)
		pgp_cleartext_fini(&x->clear);
	if (x->hashed >= 0)
		close(x->hashed);
	pgp_open_free(x->open);
	buf_fini(&x->signatures);
	buf_fini(&x->front);
	return code;
}
