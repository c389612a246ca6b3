#include "crypto/auth_verify.h"

#include <stdlib.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/saslprep.h"
#include "crypto/scram.h"

enum { CACHE_SETS = 1024, CACHE_WAYS = 4 };

struct success {
	uint8_t mac[SEAL_HASH];
	uint64_t until_ms;
};

/* Between client-first and client-final. */
struct exchange {
	bool is_used, is_known;
	uint32_t asker;
	uint64_t session, account, begun_ms;
	struct scram scram;
};

struct auth_verify {
	struct auth_verify_settings settings;
	struct seal_key boot_key, fake_key;
	struct verifier nobody; /* of a random password */
	struct throttle *throttle;
	struct success cache[CACHE_SETS][CACHE_WAYS];
	struct exchange exchange[AUTH_VERIFY_EXCHANGES];
};

enum err
auth_verify_new(const struct auth_verify_settings *settings, struct auth_verify **out)
{
	struct auth_verify *a = seal_secret_new(sizeof *a);
	char password[33];
	enum err e;

	memset(a, 0, sizeof *a);
	a->settings = *settings;
	seal_key_new(&a->boot_key);
	/* Follows from the lasting key: a name's salt must not change when we restart. */
	seal_subkey(&settings->verifier_key, "salts of nobody", &a->fake_key);
	rand_text(password, sizeof password - 1);
	e = verifier_new(slice_str(password), &settings->cost, &a->nobody);
	seal_wipe(password, sizeof password);
	if (e) {
		seal_secret_free(a);
		return e;
	}
	a->throttle = throttle_new(&settings->throttle);
	*out = a;
	return ERR_OK;
}

void
auth_verify_free(struct auth_verify *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < AUTH_VERIFY_EXCHANGES; i++)
		if (a->exchange[i].is_used)
			scram_cancel(&a->exchange[i].scram);
	throttle_free(a->throttle);
	seal_secret_free(a);
}

void
auth_verify_answer_fini(struct auth_verify_answer *out)
{
	buf_fini(&out->message);
	seal_wipe(out->permit, sizeof out->permit);
}

/* ---- the end of a login ---- */

static void
refuse(struct auth_verify *a, const struct auth_verify_question *q,
	struct auth_verify_answer *out)
{
	out->outcome = SASL_OUTCOME_REFUSED;
	out->delay_ms = throttle_failed(a->throttle, q->client_address, q->user, q->now_sec);
}

static void
accept_as(struct auth_verify *a, uint64_t account, const struct auth_verify_question *q,
	struct auth_verify_answer *out)
{
	struct permit permit = {.kind = PERMIT_LOGIN,
		.id = account,
		.detail = q->session,
		.expiry_sec = q->now_sec + AUTH_VERIFY_PERMIT_SEC};

	out->outcome = SASL_OUTCOME_ACCEPTED;
	out->has_permit = true;
	permit_issue(&a->settings.permit_key, &permit, out->permit);
	throttle_succeeded(a->throttle, q->client_address, q->user, q->now_sec);
}

/* False: nobody, disabled, or damaged. */
static bool
open_verifier(struct auth_verify *a, const struct auth_verify_question *q, struct verifier *v,
	struct auth_verify_answer *out)
{
	if (q->account == 0 || q->verifier.n == 0)
		return false;
	out->is_damaged = verifier_open(&a->settings.verifier_key, q->account, q->verifier,
				  v) != ERR_OK;
	return !out->is_damaged;
}

/* ---- passwords ---- */

static struct success *
cache_set(struct auth_verify *a, const struct auth_verify_question *q, uint8_t mac[SEAL_HASH])
{
	uint8_t head[16];
	struct slice parts[] = {{head, sizeof head}, q->verifier, q->message};
	uint32_t set;

	/* The sealed verifier is part of it: a new password ends the old one's entry. */
	for (int i = 0; i < 8; i++) {
		head[i] = (uint8_t)(q->account >> 8 * i);
		head[8 + i] = (uint8_t)((uint64_t)q->verifier.n >> 8 * i);
	}
	seal_hash(&a->boot_key, parts, 3, mac);
	memcpy(&set, mac, sizeof set);
	return a->cache[set % CACHE_SETS];
}

static bool
is_cached(struct auth_verify *a, const struct auth_verify_question *q)
{
	uint8_t mac[SEAL_HASH];
	struct success *set;

	if (q->account == 0 || q->verifier.n == 0)
		return false;
	set = cache_set(a, q, mac);
	for (size_t i = 0; i < CACHE_WAYS; i++)
		if (q->now_ms < set[i].until_ms && seal_equal(set[i].mac, mac, sizeof mac))
			return true;
	return false;
}

static void
remember(struct auth_verify *a, const struct auth_verify_question *q)
{
	uint8_t mac[SEAL_HASH];
	struct success *set = cache_set(a, q, mac), *oldest = set;

	for (size_t i = 1; i < CACHE_WAYS; i++)
		if (set[i].until_ms < oldest->until_ms)
			oldest = &set[i];
	memcpy(oldest->mac, mac, sizeof mac);
	oldest->until_ms = q->now_ms + AUTH_VERIFY_CACHE_MS;
}

/* The same work whoever it is. */
static bool
is_password(struct auth_verify *a, const struct auth_verify_question *q,
	struct auth_verify_answer *out)
{
	struct verifier v;
	bool known = open_verifier(a, q, &v, out), right;
	const struct verifier *use = known ? &v : &a->nobody;
	struct buf prepared;

	buf_init(&prepared, SASLPREP_MAX);
	if (saslprep(q->message, SASLPREP_QUERY, &prepared)) {
		known = false;
		buf_clear(&prepared);
	}
	right = pwhash_check(slice_of(use->text, use->text_n), buf_slice(&prepared)) == ERR_OK;
	buf_fini_secret(&prepared);
	seal_wipe(&v, sizeof v);
	return right && known;
}

static void
step_password(struct auth_verify *a, const struct auth_verify_question *q,
	struct auth_verify_answer *out)
{
	if (is_cached(a, q)) {
		accept_as(a, q->account, q, out);
	} else if (is_password(a, q, out)) {
		remember(a, q);
		accept_as(a, q->account, q, out);
	} else {
		refuse(a, q, out);
	}
}

/* ---- SCRAM ---- */

static struct exchange *
find_exchange(struct auth_verify *a, uint32_t asker, uint64_t session)
{
	for (size_t i = 0; i < AUTH_VERIFY_EXCHANGES; i++) {
		struct exchange *x = &a->exchange[i];

		if (x->is_used && x->asker == asker && x->session == session)
			return x;
	}
	return NULL;
}

static void
end_exchange(struct exchange *x)
{
	if (x->is_used)
		scram_cancel(&x->scram);
	x->is_used = false;
}

/* That of the same session, a free one, or the oldest. */
static struct exchange *
take_exchange(struct auth_verify *a, uint32_t asker, uint64_t session)
{
	struct exchange *x = find_exchange(a, asker, session), *best = a->exchange;

	for (size_t i = 0; !x && i < AUTH_VERIFY_EXCHANGES; i++) {
		if (!a->exchange[i].is_used)
			x = &a->exchange[i];
		else if (a->exchange[i].begun_ms < best->begun_ms)
			best = &a->exchange[i];
	}
	x = x ? x : best;
	end_exchange(x);
	return x;
}

/* What RFC 5802 can't hide otherwise: that a name is nobody's. */
static void
fake_record(struct auth_verify *a, struct slice user, struct pwhash_scram *out)
{
	uint8_t hash[SEAL_HASH];

	seal_hash(&a->fake_key, &user, 1, hash);
	memcpy(out->salt, hash, sizeof out->salt);
	out->iterations = a->settings.cost.iterations;
	rand_bytes(out->stored_key, sizeof out->stored_key);
	rand_bytes(out->server_key, sizeof out->server_key);
}

static void
scram_first(struct auth_verify *a, const struct auth_verify_question *q,
	struct auth_verify_answer *out)
{
	struct exchange *x = take_exchange(a, q->asker, q->session);
	char nonce[SCRAM_SERVER_NONCE + 1];
	struct verifier v;
	bool known = open_verifier(a, q, &v, out) && v.has_scram;

	if (!known)
		fake_record(a, q->user, &v.scram);
	rand_text(nonce, SCRAM_SERVER_NONCE);
	if (scram_begin(&x->scram, q->message, &v.scram, slice_str(nonce), &out->message)) {
		refuse(a, q, out);
	} else {
		x->is_used = true;
		x->is_known = known;
		x->asker = q->asker;
		x->session = q->session;
		x->account = q->account;
		x->begun_ms = q->now_ms;
		out->outcome = SASL_OUTCOME_CONTINUE;
	}
	seal_wipe(&v, sizeof v);
}

static void
scram_final(struct auth_verify *a, const struct auth_verify_question *q,
	struct auth_verify_answer *out)
{
	struct exchange *x = find_exchange(a, q->asker, q->session);
	bool good;

	if (!x || q->now_ms - x->begun_ms > AUTH_VERIFY_EXCHANGE_MS) {
		refuse(a, q, out);
		return;
	}
	good = scram_end(&x->scram, q->message, q->channel_binding, &out->message) == ERR_OK;
	x->is_used = false;
	if (good && x->is_known) {
		accept_as(a, x->account, q, out);
	} else {
		buf_clear(&out->message);
		refuse(a, q, out);
	}
}

void
auth_verify_step(struct auth_verify *a, const struct auth_verify_question *q,
	struct auth_verify_answer *out)
{
	bool scram = q->mechanism == SASL_SCRAM_SHA_256 ||
		     q->mechanism == SASL_SCRAM_SHA_256_PLUS;

	*out = (struct auth_verify_answer){.outcome = SASL_OUTCOME_REFUSED};
	buf_init(&out->message, SCRAM_MESSAGE_MAX);
	if (!throttle_may(a->throttle, q->client_address, q->user, q->now_sec)) {
		out->outcome = SASL_OUTCOME_THROTTLED;
		out->delay_ms = THROTTLE_DELAY_MAX_MS;
	} else if (scram && q->step == 0) {
		scram_first(a, q, out);
	} else if (scram) {
		scram_final(a, q, out);
	} else if (q->mechanism == SASL_PLAIN || q->mechanism == SASL_LOGIN) {
		step_password(a, q, out);
	}
}

enum err
auth_verify_hash(
	struct auth_verify *a, uint64_t account, struct slice password, struct buf *out)
{
	struct verifier v;
	enum err e = verifier_new(password, &a->settings.cost, &v);

	if (!e)
		e = verifier_seal(&a->settings.verifier_key, account, &v, out);
	seal_wipe(&v, sizeof v);
	return e;
}
