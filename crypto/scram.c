#include "crypto/scram.h"

#include "crypto/seal.h"

/* Cuts the octets before the next comma, and the comma. False: no comma. */
static bool
cut_comma(struct slice *s, struct slice *out)
{
	size_t at = slice_find(*s, ',');

	if (at == s->n)
		return false;
	*out = slice_cut(*s, 0, at);
	*s = slice_from(*s, at + 1);
	return true;
}

/* Takes "x=value" up to the next comma or the end. */
static bool
cut_attribute(struct slice *s, uint8_t name, struct slice *out)
{
	size_t at = slice_find(*s, ',');
	struct slice part = slice_cut(*s, 0, at);

	if (part.n < 2 || part.p[0] != name || part.p[1] != '=')
		return false;
	*out = slice_from(part, 2);
	*s = slice_from(*s, at < s->n ? at + 1 : at);
	return true;
}

/* RFC 5802 section 7: printable = %x21-2B / %x2D-7E. */
static bool
is_nonce(struct slice s)
{
	if (s.n == 0 || s.n > SCRAM_NONCE_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
			return false;
	return true;
}

static bool
is_binding_name(struct slice s)
{
	if (s.n == 0 || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = slice_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
			return false;
	}
	return true;
}

static bool
parse_header(struct slice *rest, struct scram_first *f)
{
	struct slice flag, authzid;

	if (!cut_comma(rest, &flag) || !cut_comma(rest, &authzid) || flag.n == 0)
		return false;
	f->flag = flag.p[0];
	if (f->flag == 'p') {
		if (flag.n < 3 || flag.p[1] != '=')
			return false;
		f->binding = slice_from(flag, 2);
		if (!is_binding_name(f->binding))
			return false;
	} else if (flag.n != 1 || (f->flag != 'n' && f->flag != 'y')) {
		return false;
	}
	if (authzid.n == 0)
		return true;
	if (!slice_starts(authzid, SLICE_LIT("a=")) || authzid.n == 2)
		return false;
	f->authzid = slice_from(authzid, 2);
	return true;
}

enum err
scram_parse_first(struct slice message, struct scram_first *out)
{
	struct scram_first f = {0};
	struct slice rest = message;

	if (message.n > SCRAM_MESSAGE_MAX)
		return ERR_TOO_BIG;
	if (!parse_header(&rest, &f))
		return ERR_SYNTAX;
	f.header = slice_cut(message, 0, message.n - rest.n);
	f.bare = rest;
	/* "m=" in front would be a mandatory extension: none is known. */
	if (!cut_attribute(&rest, 'n', &f.user) || f.user.n == 0 ||
		!cut_attribute(&rest, 'r', &f.nonce) || !is_nonce(f.nonce))
		return ERR_SYNTAX;
	*out = f;
	return ERR_OK;
}

enum err
scram_name(struct slice escaped, struct buf *out)
{
	for (size_t i = 0; i < escaped.n; i++) {
		struct slice code = slice_cut(escaped, i, i + 3);

		if (escaped.p[i] != '=') {
			buf_put_u8(out, escaped.p[i]);
			continue;
		}
		if (slice_eq_nocase(code, SLICE_LIT("=2C")))
			buf_put_u8(out, ',');
		else if (slice_eq_nocase(code, SLICE_LIT("=3D")))
			buf_put_u8(out, '=');
		else
			return ERR_SYNTAX;
		i += 2;
	}
	return out->overflow ? ERR_LIMIT : ERR_OK;
}

enum err
scram_begin(struct scram *s, struct slice client_first, const struct pwhash_scram *record,
	struct slice server_nonce, struct buf *out)
{
	struct scram_first first;
	struct buf message;
	enum err e = scram_parse_first(client_first, &first);

	if (e)
		return e;
	*s = (struct scram){.record = *record};
	buf_init(&s->auth_message, 4 * SCRAM_MESSAGE_MAX);
	buf_init(&s->nonce, 2 * SCRAM_NONCE_MAX);
	buf_init(&s->header, SCRAM_MESSAGE_MAX);
	buf_put_slice(&s->header, first.header);
	buf_put_slice(&s->nonce, first.nonce);
	buf_put_slice(&s->nonce, server_nonce);
	buf_init(&message, SCRAM_MESSAGE_MAX);
	buf_put_str(&message, "r=");
	buf_put_slice(&message, buf_slice(&s->nonce));
	buf_put_str(&message, ",s=");
	seal_b64(slice_of(record->salt, sizeof record->salt), &message);
	buf_put_str(&message, ",i=");
	buf_put_dec(&message, record->iterations);
	buf_put_slice(&s->auth_message, first.bare);
	buf_put_u8(&s->auth_message, ',');
	buf_put_slice(&s->auth_message, buf_slice(&message));
	if (!buf_put_slice(out, buf_slice(&message)) || s->nonce.overflow || message.overflow) {
		e = ERR_LIMIT;
		scram_cancel(s);
	}
	buf_fini(&message);
	return e;
}

/* c= must be the base64 of the first message's header and the channel's octets. */
static bool
is_same_channel(const struct scram *s, struct slice base64, struct slice channel_binding)
{
	struct buf raw, want;
	bool same;

	buf_init(&raw, 2 * SCRAM_MESSAGE_MAX);
	buf_init(&want, 4 * SCRAM_MESSAGE_MAX);
	buf_put_slice(&raw, buf_slice(&s->header));
	if (s->header.p[0] == 'p')
		buf_put_slice(&raw, channel_binding);
	seal_b64(buf_slice(&raw), &want);
	same = !raw.overflow && !want.overflow && slice_eq(buf_slice(&want), base64);
	buf_fini(&raw);
	buf_fini(&want);
	/* A channel that was asked for but has no octets proves nothing. */
	return same && (s->header.p[0] != 'p' || channel_binding.n > 0);
}

/* RFC 5802 section 3: ClientKey = ClientProof XOR HMAC(StoredKey, AuthMessage). */
static bool
is_proof(const struct scram *s, struct slice proof)
{
	struct slice message = buf_slice(&s->auth_message), key;
	uint8_t client_key[PWHASH_SHA256], hash[PWHASH_SHA256];

	if (proof.n != PWHASH_SHA256)
		return false;
	pwhash_hmac_sha256(slice_of(s->record.stored_key, sizeof s->record.stored_key),
		&message, 1, client_key);
	for (size_t i = 0; i < proof.n; i++)
		client_key[i] ^= proof.p[i];
	key = slice_of(client_key, sizeof client_key);
	pwhash_sha256(&key, 1, hash);
	seal_wipe(client_key, sizeof client_key);
	return seal_equal(hash, s->record.stored_key, sizeof hash);
}

static void
put_signature(const struct scram *s, struct buf *out)
{
	struct slice message = buf_slice(&s->auth_message);
	uint8_t signature[PWHASH_SHA256];

	pwhash_hmac_sha256(slice_of(s->record.server_key, sizeof s->record.server_key),
		&message, 1, signature);
	buf_put_str(out, "v=");
	seal_b64(slice_of(signature, sizeof signature), out);
}

static enum err
check_final(struct scram *s, struct slice final, struct slice channel_binding)
{
	struct slice rest = final, last, channel, nonce, proof64;
	struct buf proof;
	size_t at = final.n;
	enum err e;

	if (final.n > SCRAM_MESSAGE_MAX)
		return ERR_TOO_BIG;
	/* The proof is the last attribute; what is before its comma is signed. */
	while (at > 0 && final.p[at - 1] != ',')
		at--;
	last = slice_from(final, at);
	if (at == 0 || !cut_attribute(&last, 'p', &proof64) ||
		!cut_attribute(&rest, 'c', &channel) || !cut_attribute(&rest, 'r', &nonce))
		return ERR_SYNTAX;
	buf_put_u8(&s->auth_message, ',');
	buf_put_slice(&s->auth_message, slice_cut(final, 0, at - 1));
	buf_init(&proof, 100);
	e = seal_b64_open(proof64, &proof);
	if (!e && (!slice_eq(nonce, buf_slice(&s->nonce)) || s->auth_message.overflow ||
			  !is_same_channel(s, channel, channel_binding) ||
			  !is_proof(s, buf_slice(&proof))))
		e = ERR_AUTH;
	buf_fini(&proof);
	return e == ERR_LIMIT ? ERR_SYNTAX : e;
}

enum err
scram_end(struct scram *s, struct slice client_final, struct slice channel_binding,
	struct buf *out)
{
	enum err e = check_final(s, client_final, channel_binding);

	if (!e)
		put_signature(s, out);
	scram_cancel(s);
	return !e && out->overflow ? ERR_LIMIT : e;
}

void
scram_cancel(struct scram *s)
{
	buf_fini(&s->auth_message);
	buf_fini(&s->nonce);
	buf_fini(&s->header);
	seal_wipe(&s->record, sizeof s->record);
}

/* --- the client's side --- */

/* RFC 5802 5.1: saslname */
static void
put_name(struct slice name, struct buf *out)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == ',')
			buf_put_str(out, "=2C");
		else if (name.p[i] == '=')
			buf_put_str(out, "=3D");
		else
			buf_put_u8(out, name.p[i]);
	}
}

enum err
scram_client_begin(
	struct scram_client *s, struct slice user, struct slice nonce, struct buf *out)
{
	*s = (struct scram_client){0};
	buf_init(&s->bare, SCRAM_MESSAGE_MAX);
	buf_init(&s->nonce, SCRAM_NONCE_MAX);
	buf_put_slice(&s->nonce, nonce);
	buf_put_str(&s->bare, "n=");
	put_name(user, &s->bare);
	buf_put_str(&s->bare, ",r=");
	buf_put_slice(&s->bare, nonce);
	buf_put_str(out, "n,,");
	buf_put_slice(out, buf_slice(&s->bare));
	return s->bare.overflow || s->nonce.overflow || out->overflow ? ERR_LIMIT : ERR_OK;
}

struct server_first {
	struct slice nonce, salt; /* salt: base64 */
	uint64_t iterations;
};

static enum err
parse_server_first(const struct scram_client *s, struct slice message, struct server_first *f)
{
	struct slice iterations;

	if (message.n > SCRAM_MESSAGE_MAX)
		return ERR_SYNTAX;
	/* "m=" in front would be a mandatory extension: none is known. */
	if (!cut_attribute(&message, 'r', &f->nonce) || !is_nonce(f->nonce) ||
		!cut_attribute(&message, 's', &f->salt) ||
		!cut_attribute(&message, 'i', &iterations) ||
		!slice_u64(iterations, UINT64_MAX, &f->iterations))
		return ERR_SYNTAX;
	/* RFC 5802 5.1: the client MUST verify that the nonce begins with its own; one that
	 * adds nothing could be an old one. */
	if (f->nonce.n <= s->nonce.n || !slice_starts(f->nonce, buf_slice(&s->nonce)))
		return ERR_SYNTAX;
	if (f->iterations < PWHASH_ITERATIONS_MIN ||
		f->iterations > SCRAM_CLIENT_ITERATIONS_MAX)
		return ERR_LIMIT;
	return ERR_OK;
}

/* RFC 5802 section 3; message: AuthMessage, in parts. */
static void
prove(struct scram_client *s, const uint8_t salted[PWHASH_SHA256], const struct slice *message,
	uint8_t proof[PWHASH_SHA256])
{
	struct slice client = SLICE_LIT("Client Key"), server = SLICE_LIT("Server Key"), k;
	uint8_t key[PWHASH_SHA256], stored[PWHASH_SHA256];

	k = slice_of(salted, PWHASH_SHA256);
	pwhash_hmac_sha256(k, &server, 1, key);
	pwhash_hmac_sha256(slice_of(key, sizeof key), message, 4, s->signature);
	pwhash_hmac_sha256(k, &client, 1, key);
	k = slice_of(key, sizeof key);
	pwhash_sha256(&k, 1, stored);
	pwhash_hmac_sha256(slice_of(stored, sizeof stored), message, 4, proof);
	for (size_t i = 0; i < sizeof key; i++)
		proof[i] ^= key[i];
	seal_wipe(key, sizeof key);
	seal_wipe(stored, sizeof stored);
}

enum err
scram_client_prove(struct scram_client *s, struct slice password, struct slice server_first,
	struct buf *out)
{
	uint8_t salted[PWHASH_SHA256], proof[PWHASH_SHA256];
	struct server_first f;
	struct buf salt, plain;
	enum err e = parse_server_first(s, server_first, &f);

	if (e)
		return e;
	buf_init(&salt, SCRAM_MESSAGE_MAX);
	if (seal_b64_open(f.salt, &salt) || salt.n == 0) {
		buf_fini(&salt);
		return ERR_SYNTAX;
	}
	pwhash_pbkdf2(password, buf_slice(&salt), (uint32_t)f.iterations, salted);
	buf_fini(&salt);
	/* client-final-message-without-proof; "biws" is the base64 of "n,,". */
	buf_init(&plain, SCRAM_MESSAGE_MAX);
	buf_put_str(&plain, "c=biws,r=");
	buf_put_slice(&plain, f.nonce);
	buf_put_u8(&s->bare, ',');
	prove(s, salted,
		(struct slice[]){
			buf_slice(&s->bare), server_first, SLICE_LIT(","), buf_slice(&plain)},
		proof);
	s->is_proven = !s->bare.overflow;
	buf_put_slice(out, buf_slice(&plain));
	buf_put_str(out, ",p=");
	seal_b64(slice_of(proof, sizeof proof), out);
	buf_fini(&plain);
	seal_wipe(salted, sizeof salted);
	return s->is_proven && !out->overflow ? ERR_OK : ERR_LIMIT;
}

enum err
scram_client_check(struct scram_client *s, struct slice server_final)
{
	struct slice signature64;
	struct buf signature;
	enum err e = ERR_AUTH;

	if (!s->is_proven || !cut_attribute(&server_final, 'v', &signature64))
		return ERR_AUTH;
	buf_init(&signature, 100);
	if (!seal_b64_open(signature64, &signature) && signature.n == PWHASH_SHA256 &&
		seal_equal(signature.p, s->signature, PWHASH_SHA256))
		e = ERR_OK;
	buf_fini(&signature);
	s->is_checked = e == ERR_OK;
	return e;
}

void
scram_client_fini(struct scram_client *s)
{
	buf_fini(&s->bare);
	buf_fini(&s->nonce);
	seal_wipe(s->signature, sizeof s->signature);
}
