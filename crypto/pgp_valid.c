#include "crypto/pgp_valid.h"

#include "crypto/pgp_public_inner.h"
#include "crypto/pgp_sig_hash.h"

enum { QUICK_RSA_MAX = 4096 }; /* bits */

static const char *const TEXT[] = {
#define X(id, text) text,
	PGP_PROBLEMS(X)
#undef X
};

const char *
pgp_valid_text(enum pgp_problem p)
{
	return p < PGP_PROBLEM_COUNT ? TEXT[p] : "";
}

/* --- signatures of the primary key ------------------------------------------------------- */

/* What the signatures that follow a packet are about. */
struct component {
	struct pgp_cert *cert;
	const struct pgp_cert_key *subkey; /* or NULL */
	const struct pgp_cert_user *user;  /* or NULL */
	struct pgp_cert_sigs sigs;
};

static struct component
of_key(struct pgp_cert *cert, size_t key)
{
	return (struct component){.cert = cert,
		.subkey = key ? &cert->key[key] : NULL,
		.sigs = cert->key[key].sigs};
}

static struct component
of_user(struct pgp_cert *cert, size_t user)
{
	return (struct component){
		.cert = cert, .user = &cert->user[user], .sigs = cert->user[user].sigs};
}

static bool
is_hash_good(const struct pgp_sig *sig, bool is_of_text)
{
	switch (sig->hash) {
	case PGP_SHA1:
		return !is_of_text && sig->created_sec < PGP_VALID_SHA1_UNTIL;
	case PGP_SHA256:
	case PGP_SHA384:
	case PGP_SHA512:
	case PGP_SHA224:
	case PGP_SHA3_256:
	case PGP_SHA3_512:
		return true;
	default:
		return false;
	}
}

static size_t
cost_of(const struct pgp_public *by)
{
	bool is_quick = pgp_public_is_ed25519(by) ||
			(by->curve && strcmp(by->curve, "P-256") == 0) ||
			(pgp_public_is_rsa(by->algorithm) && by->bits <= QUICK_RSA_MAX);

	return is_quick ? 1 : PGP_CERT_COSTLY;
}

/* by: the primary key, or the subkey whose signature goes back. Anybody may have put it there:
 * what plainly isn't a signature of this key takes none of the checks from those that are.
 * PGP_CERT_UNKNOWN: there are no more of them. */
static enum pgp_cert_state
check(const struct component *c, const struct pgp_sig *sig, const struct pgp_public *by)
{
	struct pgp_sig_hash h;
	uint8_t room[PGP_DIGEST_MAX];
	struct slice digest;

	if (c->cert->cost + cost_of(by) > PGP_CERT_COST_MAX)
		return PGP_CERT_UNKNOWN;
	if (!is_hash_good(sig, false) || sig->created_sec < by->created_sec ||
		pgp_sig_hash_begin(&h, sig->hash, sig->salt, false) != ERR_OK)
		return PGP_CERT_BAD;
	pgp_sig_hash_key(&h, &c->cert->key[0].public);
	if (c->subkey)
		pgp_sig_hash_key(&h, &c->subkey->public);
	if (c->user)
		pgp_sig_hash_user(&h, c->user->tag, c->user->text);
	digest = pgp_sig_hash_finish(&h, sig->version, sig->hashed, room);
	if (!pgp_sig_fits(sig, by, digest))
		return PGP_CERT_BAD;
	c->cert->cost += cost_of(by);
	return pgp_sig_check(sig, by, digest) == ERR_OK ? PGP_CERT_GOOD : PGP_CERT_BAD;
}

static bool
is_good(const struct component *c, struct pgp_cert_sig *s)
{
	if (s->state == PGP_CERT_UNKNOWN)
		s->state = check(c, &s->sig, &c->cert->key[0].public);
	return s->state == PGP_CERT_GOOD;
}

/* A subkey that signs has said whose it is. */
static bool
is_good_back(const struct component *c, struct pgp_cert_sig *s, uint64_t at_sec)
{
	struct pgp_sig back;

	if (s->sig.embedded.n == 0 || pgp_sig_parse(s->sig.embedded, &back) != ERR_OK ||
		back.type != PGP_SIG_PRIMARY || !pgp_sig_is_current(&back, at_sec))
		return false;
	if (s->back == PGP_CERT_UNKNOWN)
		s->back = check(c, &back, &c->subkey->public);
	return s->back == PGP_CERT_GOOD;
}

static bool
is_binding(const struct component *c, const struct pgp_sig *sig)
{
	if (c->subkey)
		return sig->type == PGP_SIG_SUBKEY;
	if (c->user)
		return sig->type >= PGP_SIG_CERT_GENERIC && sig->type <= PGP_SIG_CERT_POSITIVE;
	return sig->type == PGP_SIG_DIRECT;
}

/* The newest binding that is current and good, or NULL. */
static struct pgp_cert_sig *
newest(const struct component *c, uint64_t at_sec)
{
	struct pgp_cert_sig *found;

	do {
		found = NULL;
		for (size_t i = 0; i < c->sigs.n; i++) {
			struct pgp_cert_sig *s = &c->cert->sig[c->sigs.from + i];

			if (is_binding(c, &s->sig) && s->state != PGP_CERT_BAD &&
				pgp_sig_is_current(&s->sig, at_sec) &&
				(!found || s->sig.created_sec >= found->sig.created_sec))
				found = s;
		}
	} while (found && !is_good(c, found) && found->state == PGP_CERT_BAD);
	return found && found->state == PGP_CERT_GOOD ? found : NULL;
}

static bool
is_revocation(const struct component *c, const struct pgp_sig *sig)
{
	return sig->type == (c->subkey	      ? PGP_SIG_SUBKEY_REVOKED
				    : c->user ? PGP_SIG_CERT_REVOKED
					      : PGP_SIG_KEY_REVOKED);
}

static bool
is_soft(const struct component *c, const struct pgp_sig *sig)
{
	if (!sig->has_reason)
		return false;
	if (c->user)
		return sig->reason != PGP_SIG_COMPROMISED;
	return sig->reason == PGP_SIG_SUPERSEDED || sig->reason == PGP_SIG_RETIRED;
}

/* since: the time of the binding that would hold. */
static bool
is_revoked(const struct component *c, uint64_t at_sec, uint32_t since)
{
	for (size_t i = 0; i < c->sigs.n; i++) {
		struct pgp_cert_sig *s = &c->cert->sig[c->sigs.from + i];
		bool may = is_revocation(c, &s->sig) &&
			   (!is_soft(c, &s->sig) || (pgp_sig_is_current(&s->sig, at_sec) &&
							    s->sig.created_sec >= since));

		/* One that can't be checked any more may be the real one. */
		if (may && (is_good(c, s) || s->state == PGP_CERT_UNKNOWN))
			return true;
	}
	return false;
}

static bool
has_sig(const struct pgp_cert_sigs *s, size_t sig)
{
	return sig >= s->from && sig - s->from < s->n;
}

enum pgp_cert_state
pgp_valid_own(struct pgp_cert *cert, size_t sig, bool *revokes)
{
	struct pgp_cert_sig *s = &cert->sig[sig];
	struct component c = {.cert = NULL};

	for (size_t i = 0; i < cert->n_keys; i++)
		if (has_sig(&cert->key[i].sigs, sig))
			c = of_key(cert, i);
	for (size_t i = 0; i < cert->n_users; i++)
		if (has_sig(&cert->user[i].sigs, sig))
			c = of_user(cert, i);
	*revokes = is_revocation(&c, &s->sig);
	if (!*revokes && !is_binding(&c, &s->sig))
		return PGP_CERT_BAD;
	is_good(&c, s);
	return s->state;
}

/* --- user ids ---------------------------------------------------------------------------- */

static struct pgp_cert_sig *
user_binding(struct pgp_cert *cert, size_t user, uint64_t at_sec)
{
	struct component c = of_user(cert, user);
	struct pgp_cert_sig *s = newest(&c, at_sec);

	return s && !is_revoked(&c, at_sec, s->sig.created_sec) ? s : NULL;
}

bool
pgp_valid_user(struct pgp_cert *cert, size_t user, uint64_t at_sec)
{
	return user_binding(cert, user, at_sec) != NULL;
}

static struct pgp_cert_sig *
primary_user(struct pgp_cert *cert, uint64_t at_sec, size_t *user)
{
	struct pgp_cert_sig *best = NULL;

	for (size_t i = 0; i < cert->n_users; i++) {
		struct pgp_cert_sig *s = cert->user[i].tag == PGP_TAG_USER_ID
						 ? user_binding(cert, i, at_sec)
						 : NULL;
		bool is_better =
			s &&
			(!best || s->sig.is_primary_user_id > best->sig.is_primary_user_id ||
				(s->sig.is_primary_user_id == best->sig.is_primary_user_id &&
					s->sig.created_sec > best->sig.created_sec));

		if (is_better) {
			best = s;
			*user = i;
		}
	}
	return best;
}

bool
pgp_valid_primary_user(struct pgp_cert *cert, uint64_t at_sec, size_t *user)
{
	return primary_user(cert, at_sec, user) != NULL;
}

struct slice
pgp_valid_address(struct slice user_id)
{
	struct slice s = slice_trim(user_id);
	size_t open = slice_find(s, '<');

	if (open < s.n && s.p[s.n - 1] == '>')
		s = slice_cut(s, open + 1, s.n - 1);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f || memchr("<>\"(),:;\\", s.p[i], 10))
			return SLICE_EMPTY;
	size_t at = slice_find(s, '@');

	return at == 0 || at + 1 >= s.n || slice_has(slice_from(s, at + 1), '@') ? SLICE_EMPTY
										 : s;
}

/* --- the primary key --------------------------------------------------------------------- */

/* Where its properties come from; either may be NULL. */
struct self {
	const struct pgp_sig *direct, *user;
};

static struct self
self_of(struct pgp_cert *cert, uint64_t at_sec)
{
	struct component c = of_key(cert, 0);
	struct pgp_cert_sig *direct = newest(&c, at_sec), *user = NULL;
	size_t i;

	if (cert->key[0].public.version != 6)
		user = primary_user(cert, at_sec, &i);
	return (struct self){direct ? &direct->sig : NULL, user ? &user->sig : NULL};
}

static uint64_t
key_until(const struct pgp_public *key, const struct pgp_sig *sig)
{
	return sig && sig->has_key_expires && sig->key_expires_sec
		       ? (uint64_t)key->created_sec + sig->key_expires_sec
		       : 0;
}

static uint64_t
primary_until(const struct pgp_cert *cert, const struct self *self)
{
	bool is_direct = self->direct && (self->direct->has_key_expires || !self->user);

	return key_until(&cert->key[0].public, is_direct ? self->direct : self->user);
}

static bool
is_strong(const struct pgp_public *key)
{
	return key->is_ours &&
	       (!pgp_public_is_rsa(key->algorithm) || key->bits >= PGP_VALID_RSA_MIN);
}

static enum pgp_problem
check_time(const struct pgp_public *key, uint64_t until_sec, uint64_t at_sec)
{
	if (key->created_sec > at_sec)
		return PGP_PROBLEM_TIME;
	return until_sec && until_sec <= at_sec ? PGP_PROBLEM_EXPIRED : PGP_PROBLEM_NONE;
}

static enum pgp_problem
check_primary(struct pgp_cert *cert, uint64_t at_sec, struct self *self)
{
	struct component c = of_key(cert, 0);
	uint32_t since;

	*self = self_of(cert, at_sec);
	if (!is_strong(&cert->key[0].public))
		return PGP_PROBLEM_ALGORITHM;
	if (!self->direct && !self->user)
		return PGP_PROBLEM_UNBOUND;
	since = self->direct ? self->direct->created_sec : 0;
	if (self->user && self->user->created_sec > since)
		since = self->user->created_sec;
	if (is_revoked(&c, at_sec, since))
		return PGP_PROBLEM_REVOKED;
	return check_time(&cert->key[0].public, primary_until(cert, self), at_sec);
}

/* --- uses -------------------------------------------------------------------------------- */

static bool
is_for(const struct pgp_public *key, const struct pgp_sig *a, const struct pgp_sig *b,
	enum pgp_use use)
{
	const struct pgp_sig *said = a && a->has_flags ? a : b && b->has_flags ? b : NULL;
	uint8_t want = use == PGP_USE_SIGN
			       ? PGP_SIG_MAY_SIGN
			       : PGP_SIG_MAY_ENCRYPT_MAIL | PGP_SIG_MAY_ENCRYPT_STORAGE;

	if (!(use == PGP_USE_SIGN ? key->may_sign : key->may_encrypt))
		return false;
	return said ? (said->flags & want) != 0 : key->version == 4;
}

static enum pgp_problem
check_subkey(struct pgp_cert *cert, size_t key, enum pgp_use use, uint64_t at_sec)
{
	struct component c = of_key(cert, key);
	const struct pgp_public *public = &cert->key[key].public;
	struct pgp_cert_sig *s = newest(&c, at_sec);
	enum pgp_problem p;

	if (!is_strong(public))
		return PGP_PROBLEM_ALGORITHM;
	if (!s)
		return PGP_PROBLEM_UNBOUND;
	if (is_revoked(&c, at_sec, s->sig.created_sec))
		return PGP_PROBLEM_REVOKED;
	p = check_time(public, key_until(public, &s->sig), at_sec);
	if (p != PGP_PROBLEM_NONE)
		return p;
	if (!is_for(public, &s->sig, NULL, use))
		return PGP_PROBLEM_PURPOSE;
	return use == PGP_USE_SIGN && !is_good_back(&c, s, at_sec) ? PGP_PROBLEM_UNBOUND
								   : PGP_PROBLEM_NONE;
}

enum pgp_problem
pgp_valid_key(struct pgp_cert *cert, size_t key, enum pgp_use use, uint64_t at_sec)
{
	struct self self;
	enum pgp_problem p = check_primary(cert, at_sec, &self);

	if (p != PGP_PROBLEM_NONE)
		return p;
	if (key)
		return check_subkey(cert, key, use, at_sec);
	return is_for(&cert->key[0].public, self.direct, self.user, use) ? PGP_PROBLEM_NONE
									 : PGP_PROBLEM_PURPOSE;
}

size_t
pgp_valid_recipients(struct pgp_cert *cert, uint64_t at_sec, size_t *keys)
{
	size_t n = 0;

	for (size_t i = 0; i < cert->n_keys; i++) {
		size_t at;

		if (pgp_valid_key(cert, i, PGP_USE_ENCRYPT, at_sec) != PGP_PROBLEM_NONE)
			continue;
		for (at = 0; at < n && cert->key[keys[at]].public.created_sec >
					       cert->key[i].public.created_sec;)
			at++;
		if (n < PGP_VALID_RECIPIENTS_MAX)
			n++;
		for (size_t j = n - 1; j > at; j--)
			keys[j] = keys[j - 1];
		if (at < n)
			keys[at] = i;
	}
	return n;
}

bool
pgp_valid_signer(struct pgp_cert *cert, uint64_t at_sec, size_t *key)
{
	bool has = false;

	for (size_t i = 0; i < cert->n_keys; i++) {
		bool is_newer = !has || cert->key[i].public.created_sec >=
						cert->key[*key].public.created_sec;

		if (is_newer &&
			pgp_valid_key(cert, i, PGP_USE_SIGN, at_sec) == PGP_PROBLEM_NONE) {
			*key = i;
			has = true;
		}
	}
	return has;
}

bool
pgp_valid_find(const struct pgp_cert *cert, const struct pgp_sig *sig, size_t *key)
{
	for (; *key < cert->n_keys; (*key)++)
		if (pgp_sig_names(sig, &cert->key[*key].public) &&
			sig->algorithm == cert->key[*key].public.algorithm)
			return true;
	return false;
}

enum pgp_problem
pgp_valid_signature(
	struct pgp_cert *cert, size_t key, const struct pgp_sig *sig, struct slice digest)
{
	if (!is_hash_good(sig, true))
		return PGP_PROBLEM_ALGORITHM;
	if (pgp_sig_check(sig, &cert->key[key].public, digest) != ERR_OK)
		return PGP_PROBLEM_SIGNATURE;
	return pgp_valid_key(cert, key, PGP_USE_SIGN, sig->created_sec);
}

bool
pgp_valid_facts(struct pgp_cert *cert, uint64_t at_sec, struct pgp_valid_facts *facts)
{
	struct self self;
	const struct pgp_sig *s;

	if (check_primary(cert, at_sec, &self) != PGP_PROBLEM_NONE)
		return false;
	s = self.direct && (self.direct->has_features || !self.user) ? self.direct : self.user;
	*facts = (struct pgp_valid_facts){.ciphers = s->ciphers,
		.hashes = s->hashes,
		.suites = s->suites,
		.has_seipd2 = (s->features & PGP_SIG_SEIPD2) != 0,
		.until_sec = primary_until(cert, &self)};
	return true;
}
