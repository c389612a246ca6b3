/* pgp_person: somebody with a key of OpenPGP in memory, who signs, seals and reads. For tests,
 * fuzzers and benches. */
#ifndef TESTS_PGP_PERSON_H
#define TESTS_PGP_PERSON_H

#include "core/must.h"
#include "crypto/pgp_make.h"

enum { PGP_PERSON_NOW = 1795000000 };

struct pgp_person {
	struct pgp_cert *cert;
	struct pgp_secret secret[2]; /* the primary key's, the subkey's */
	const struct pgp_secret *one[2];
	struct pgp_secret_ring secrets;
	struct pgp_private private;
	struct pgp_cert_ring ring;
};

/* p stays where it is. */
static inline void
pgp_person_init(struct pgp_person *p, enum pgp_make_kind kind)
{
	struct slice id = SLICE_LIT("Ann <ann@example.org>"), rest;
	struct pgp_make_setup setup = {
		.kind = kind, .created_sec = PGP_PERSON_NOW, .user_id = &id, .n_user_ids = 1};
	struct pgp_make_passwords none = {0};
	struct buf out;

	buf_init(&out, PGP_MAKE_MAX);
	must(pgp_make_key(&setup, &out) == ERR_OK);
	rest = buf_slice(&out);
	must(pgp_cert_parse(&rest, &p->cert) == ERR_OK);
	buf_fini_secret(&out);
	for (size_t i = 0; i < 2; i++) {
		must(pgp_make_open(p->cert, i, &none, &p->secret[i]) == ERR_OK);
		p->one[i] = &p->secret[i];
	}
	p->secrets = (struct pgp_secret_ring){p->one, 2};
	p->private = pgp_secret_private(&p->secrets);
	p->ring = (struct pgp_cert_ring){&p->cert, 1};
}

static inline void
pgp_person_fini(struct pgp_person *p)
{
	pgp_secret_fini(&p->secret[0]);
	pgp_secret_fini(&p->secret[1]);
	pgp_cert_free(p->cert);
}

#endif
