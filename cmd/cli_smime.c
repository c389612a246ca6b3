#include "cmd/cli_smime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_scratch.h"
#include "cmd/cli_verbs.h"
#include "core/clock.h"
#include "core/mail_decode.h"
#include "core/mail_encode.h"
#include "core/mail_header.h"
#include "core/mail_type.h"
#include "core/must.h"
#include "crypto/cert_check.h"
#include "crypto/pem_der.h"
#include "crypto/private_key.h"
#include "crypto/smime_open.h"
#include "crypto/smime_seal.h"
#include "crypto/tls.h"

enum { CHUNK = 65536, FILE_MAX = 16 << 20, HEADER_MAX = 262144 };

/* --- in and out ------------------------------------------------------------------------ */

/* What comes out is kept here until it is known to be good. */
struct output {
	int fd;
	struct mail_encode encode; /* of a mail's body */
	bool is_mail;
	struct buf line;
};

static void
output_init(struct output *o)
{
	o->fd = cli_scratch_new();
	o->is_mail = false;
	buf_init(&o->line, MAIL_ENCODE_GROWTH * CHUNK + MAIL_ENCODE_SLACK);
}

static void
output_fini(struct output *o)
{
	close(o->fd);
	buf_fini(&o->line);
}

static enum err
output_put(void *arg, struct slice octets)
{
	struct output *o = arg;

	if (!o->is_mail)
		return cli_scratch_put(o->fd, octets);
	buf_clear(&o->line);
	mail_encode_feed(&o->encode, octets, &o->line);
	return o->line.overflow ? ERR_TOO_BIG : cli_scratch_put(o->fd, buf_slice(&o->line));
}

/* Standard input to its end. */
static int
for_all_input(enum err (*feed)(void *arg, struct slice octets), void *arg)
{
	uint8_t *chunk = must_alloc(CHUNK);
	enum err e = ERR_OK;
	ssize_t n = 1;

	while (!e && n) {
		n = read(STDIN_FILENO, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			break;
		else if (n)
			e = feed(arg, slice_of(chunk, (size_t)n));
	}
	explicit_bzero(chunk, CHUNK);
	free(chunk);
	if (n < 0)
		return cli_fail(EX_IOERR, "standard input: %s", strerror(errno));
	return e ? EX_DATAERR : EX_OK;
}

static int
read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && buf_room(out, CHUNK)) {
		n = read(fd, buf_room(out, CHUNK), CHUNK);
		buf_grow(out, n > 0 ? (size_t)n : 0);
	}
	if (fd < 0 || n < 0) {
		int code = cli_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));

		if (fd >= 0)
			close(fd);
		return code;
	}
	close(fd);
	return out->overflow ? cli_fail(EX_DATAERR, "%s: too large", path) : EX_OK;
}

static int
read_pem(const char *path, struct arena *a, struct pem_der *out)
{
	struct buf pem;
	int code;

	buf_init(&pem, FILE_MAX);
	code = read_file(path, &pem);
	if (!code && !pem_der_read(buf_slice(&pem), a, out))
		code = cli_fail(EX_DATAERR,
			"%s: a private key in it can't be read: PEM without a password is "
			"wanted",
			path);
	buf_fini_secret(&pem);
	return code;
}

/* --- encrypt --------------------------------------------------------------------------- */

struct encrypt {
	const struct cli_line *line;
	struct arena arena;
	Gateway__Certificate *to[CLI_WORDS_MAX];
	struct output out;
	struct smime_seal *seal;
};

/* RSAES-OAEP, with the parameters that RFC 8551 asks for. */
static const uint8_t announces_oaep[] = {0x30, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
	0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07};

static int
add_recipient(struct encrypt *x, size_t i, uint64_t now_sec)
{
	const struct cert_check_rules rules = {CERT_CHECK_TO_ENCRYPT, now_sec, 0};
	struct pem_der *pem = arena_zalloc(&x->arena, sizeof *pem);
	const char *path = x->line->word[i];
	enum smime_problem problem;
	int code = read_pem(path, &x->arena, pem);

	if (code)
		return code;
	if (pem->certificates == 0)
		return cli_fail(EX_DATAERR, "%s: no certificate in PEM", path);
	x->to[i] = arena_alloc(&x->arena, sizeof *x->to[i]);
	gateway__certificate__init(x->to[i]);
	x->to[i]->der.data = (uint8_t *)(uintptr_t)pem->certificate[0].p;
	x->to[i]->der.len = pem->certificate[0].n;
	if (cli_has(x->line, "--oaep")) {
		x->to[i]->capabilities.data = (uint8_t *)(uintptr_t)announces_oaep;
		x->to[i]->capabilities.len = sizeof announces_oaep;
	}
	problem = cert_check_alone(pem->certificate[0], &rules);
	if (problem == SMIME_PROBLEM_PURPOSE)
		return cli_fail(EX_DATAERR, "%s: the certificate isn't for encryption", path);
	if (problem)
		return cli_fail(EX_DATAERR, "%s: %s", path, smime_problem_text(problem));
	if (smime_seal_check(x->to[i]))
		return cli_fail(EX_DATAERR, "%s: the key isn't one for encryption", path);
	return EX_OK;
}

static enum err
encrypt_feed(void *arg, struct slice octets)
{
	struct encrypt *x = arg;

	return smime_seal_feed(x->seal, octets);
}

static void
begin_mail(struct output *o, Gateway__Settings__Cipher cipher)
{
	bool is_gcm = cipher == GATEWAY__SETTINGS__CIPHER__AES128_GCM ||
		      cipher == GATEWAY__SETTINGS__CIPHER__AES256_GCM;

	dprintf(o->fd,
		"MIME-Version: 1.0\r\n"
		"Content-Type: application/pkcs7-mime; smime-type=%s; name=smime.p7m\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment; filename=smime.p7m\r\n\r\n",
		is_gcm ? "authEnveloped-data" : "enveloped-data");
	mail_encode_init(&o->encode, MAIL_ENCODING_BASE64);
	o->is_mail = true;
}

static enum err
end_mail(struct output *o)
{
	buf_clear(&o->line);
	mail_encode_end(&o->encode, &o->line);
	buf_put_str(&o->line, "\r\n");
	return cli_scratch_put(o->fd, buf_slice(&o->line));
}

static int
encrypt(struct encrypt *x, Gateway__Settings__Cipher cipher)
{
	int code;

	cipher = smime_seal_cipher(x->to, x->line->words, cipher);
	x->seal = smime_seal_new(
		x->to, x->line->words, cipher, (struct text_sink){output_put, &x->out});
	if (!x->seal)
		return cli_fail(
			EX_DATAERR, "these certificates can't be encrypted to together");
	if (!cli_has(x->line, "--der"))
		begin_mail(&x->out, cipher);
	code = for_all_input(encrypt_feed, x);
	if (!code && smime_seal_finish(x->seal))
		code = EX_DATAERR;
	if (!code && x->out.is_mail && end_mail(&x->out))
		code = EX_DATAERR;
	if (code == EX_DATAERR)
		return cli_fail(EX_IOERR, "there is no room for what comes out");
	return code ? code : cli_scratch_show(x->out.fd);
}

static const char *const ciphers[] = {
	"auto", "aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm"};

static int
read_cipher(const struct cli_line *line, Gateway__Settings__Cipher *cipher)
{
	const char *name = cli_value(line, "--cipher");

	*cipher = GATEWAY__SETTINGS__CIPHER__AUTO;
	for (size_t i = 0; name && i < sizeof ciphers / sizeof ciphers[0]; i++) {
		if (strcmp(name, ciphers[i]) == 0) {
			*cipher = (Gateway__Settings__Cipher)i;
			return EX_OK;
		}
	}
	return name ? cli_misused(line->verb, "--cipher is auto, aes128-cbc, aes256-cbc, "
					      "aes128-gcm or aes256-gcm")
		    : EX_OK;
}

static int
read_now(const struct cli_line *line, uint64_t *now_sec)
{
	struct slice now = slice_str(cli_value(line, "--now"));

	*now_sec = clock_wall_sec();
	if (now.n && !slice_u64(now, INT64_MAX, now_sec))
		return cli_misused(line->verb, "--now wants seconds since 1970");
	return EX_OK;
}

int
cli_smime_encrypt(const struct cli_line *line)
{
	struct encrypt *x = must_zalloc(sizeof *x);
	Gateway__Settings__Cipher cipher;
	uint64_t now_sec = 0;
	int code = read_cipher(line, &cipher);

	tls_init();
	x->line = line;
	arena_init(&x->arena, CHUNK);
	output_init(&x->out);
	if (!code)
		code = read_now(line, &now_sec);
	for (size_t i = 0; i < line->words && !code; i++)
		code = add_recipient(x, i, now_sec);
	if (!code)
		code = encrypt(x, cipher);
	smime_seal_free(x->seal);
	output_fini(&x->out);
	arena_reset(&x->arena);
	free(x);
	return code;
}

/* --- decrypt --------------------------------------------------------------------------- */

struct decrypt {
	struct private_key *own;
	Gateway__Key key;
	ProtobufCBinaryData certificate;
	struct output out;
	struct smime_open *open;
	enum { AT_START, IN_HEADER, IN_BODY, IN_DER } at;
	struct buf header;
	struct mail_decode decode;
	uint8_t decoded[CHUNK + MAIL_DECODE_SLACK];
};

static enum err
unwrap(void *arg, const Gateway__Key *key, struct slice recipient_info, size_t cek_size,
	uint8_t *cek)
{
	struct decrypt *d = arg;

	return private_key_unwrap(d->own,
		slice_of(key->certificate[0].data, key->certificate[0].len), recipient_info,
		cek_size, cek);
}

/* Where the empty line ends that ends a header; 0: nowhere yet. */
static size_t
header_end(struct slice s)
{
	for (size_t at = 0, n; at < s.n; at += n) {
		struct slice line = slice_from(s, at);

		n = mail_header_line(line);
		line = slice_cut(line, 0, n);
		if (slice_eq(line, SLICE_LIT("\n")) || slice_eq(line, SLICE_LIT("\r\n")))
			return at + n;
	}
	return 0;
}

/* application/pkcs7-mime, whatever smime-type says. */
static bool
is_pkcs7(struct slice header)
{
	struct mail_field f;
	struct mail_type t;
	struct arena a;
	bool is;

	arena_init(&a, 0);
	is = mail_header_find(header, SLICE_LIT("Content-Type"), &f) &&
	     mail_type_parse(f.body, &a, &t) &&
	     (mail_type_is(&t, SLICE_LIT("application"), SLICE_LIT("pkcs7-mime")) ||
		     mail_type_is(&t, SLICE_LIT("application"), SLICE_LIT("x-pkcs7-mime")));
	arena_reset(&a);
	return is;
}

static enum err
begin_body(struct decrypt *d, size_t n)
{
	struct slice header = slice_cut(buf_slice(&d->header), 0, n);
	struct mail_field f = {.body = SLICE_EMPTY};
	enum mail_encoding encoding;

	mail_header_find(header, SLICE_LIT("Content-Transfer-Encoding"), &f);
	encoding = mail_decode_encoding(f.body);
	if (!is_pkcs7(header) || encoding == MAIL_ENCODING_UNKNOWN)
		return ERR_SYNTAX;
	mail_decode_init(&d->decode, encoding);
	d->at = IN_BODY;
	return ERR_OK;
}

static enum err
decrypt_body(struct decrypt *d, struct slice octets)
{
	size_t n = mail_decode_feed(&d->decode, octets, d->decoded);

	return smime_open_feed(d->open, slice_of(d->decoded, n));
}

static enum err
decrypt_feed(void *arg, struct slice octets)
{
	struct decrypt *d = arg;
	size_t n;
	enum err e = ERR_OK;

	if (d->at == AT_START)
		d->at = octets.p[0] == 0x30 ? IN_DER : IN_HEADER;
	if (d->at == IN_DER)
		return smime_open_feed(d->open, octets);
	if (d->at == IN_BODY)
		return decrypt_body(d, octets);
	if (!buf_put_slice(&d->header, octets))
		return ERR_TOO_BIG;
	n = header_end(buf_slice(&d->header));
	if (n == 0)
		return ERR_OK;
	e = begin_body(d, n);
	for (; !e && n < d->header.n; n += CHUNK)
		e = decrypt_body(d, slice_cut(buf_slice(&d->header), n, n + CHUNK));
	return e;
}

static enum err
decrypt_end(struct decrypt *d)
{
	struct smime_opened facts;
	enum err e = d->at == IN_BODY || d->at == IN_DER ? ERR_OK : ERR_SYNTAX;
	size_t n;

	if (d->at == IN_BODY) {
		n = mail_decode_end(&d->decode, d->decoded);
		e = smime_open_feed(d->open, slice_of(d->decoded, n));
	}
	return e ? e : smime_open_finish(d->open, &facts);
}

static int
decrypt(struct decrypt *d)
{
	Gateway__Key *ours[] = {&d->key};
	struct gateway_keys keys = {.unwrap = unwrap, .arg = d};
	struct smime_open_setup setup = {ours, 1, &keys, {output_put, &d->out}};
	int code;

	d->open = smime_open_new(&setup);
	code = for_all_input(decrypt_feed, d);
	if (!code && decrypt_end(d))
		code = EX_DATAERR;
	/* One line for all of it: who sent it mustn't learn what was wrong. */
	if (code == EX_DATAERR)
		return cli_fail(EX_DATAERR, "it can't be decrypted");
	return code ? code : cli_scratch_show(d->out.fd);
}

static int
take_key(struct decrypt *d, const struct cli_line *line, struct arena *a)
{
	struct pem_der *pem = arena_zalloc(a, sizeof *pem);
	struct pem_der *certificates = arena_zalloc(a, sizeof *certificates);
	int code = read_pem(line->word[0], a, pem);

	if (!code)
		code = read_pem(line->word[1], a, certificates);
	if (code)
		return code;
	if (pem->keys == 0 || private_key_parse(pem->key[0], &d->own))
		return cli_fail(EX_DATAERR,
			"%s: no private key that is RSA, EC P-256, P-384, P-521 or X25519",
			line->word[0]);
	if (certificates->certificates == 0)
		return cli_fail(EX_DATAERR, "%s: no certificate in PEM", line->word[1]);
	if (!pem_der_is_pair(certificates->certificate[0], pem->key[0]))
		return cli_fail(EX_DATAERR, "%s isn't the key of the certificate %s",
			line->word[0], line->word[1]);
	d->certificate.data = (uint8_t *)(uintptr_t)certificates->certificate[0].p;
	d->certificate.len = certificates->certificate[0].n;
	return EX_OK;
}

int
cli_smime_decrypt(const struct cli_line *line)
{
	struct decrypt *d = must_zalloc(sizeof *d);
	struct arena a;
	uint64_t now_sec;
	int code = read_now(line, &now_sec);

	tls_init();
	arena_init(&a, CHUNK);
	buf_init(&d->header, HEADER_MAX + CHUNK);
	output_init(&d->out);
	gateway__key__init(&d->key);
	d->key.n_certificate = 1;
	d->key.certificate = &d->certificate;
	if (!code)
		code = take_key(d, line, &a);
	if (!code)
		code = decrypt(d);
	smime_open_free(d->open);
	private_key_free(d->own);
	output_fini(&d->out);
	buf_fini(&d->header);
	arena_reset(&a);
	explicit_bzero(d, sizeof *d);
	free(d);
	return code;
}
