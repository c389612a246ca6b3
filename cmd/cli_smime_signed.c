#include "cmd/cli_smime_signed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_scratch.h"
#include "cmd/cli_verbs.h"
#include "core/clock.h"
#include "core/must.h"
#include "core/rand.h"
#include "crypto/cert_check.h"
#include "crypto/gateway_mime.h"
#include "crypto/pem_der.h"
#include "crypto/private_key.h"
#include "crypto/smime_sign.h"
#include "crypto/smime_verify.h"
#include "crypto/tls.h"

enum { CHUNK = 65536, FILE_MAX = 16 << 20, RSA_BITS_MIN = 2048, BOUNDARY = 24 };

/* --- in and out ------------------------------------------------------------------------ */

static enum err
put_file(void *arg, struct slice octets)
{
	return cli_scratch_put(*(int *)arg, octets);
}

/* All of a file, or of standard input. */
static int
copy_all(const char *path, int to)
{
	uint8_t *chunk = must_alloc(CHUNK);
	FILE *from = path ? fopen(path, "re") : stdin;
	enum err e = ERR_OK;
	size_t n = 1;
	int code = EX_OK;

	while (from && n && !e) {
		n = fread(chunk, 1, CHUNK, from);
		e = cli_scratch_put(to, slice_of(chunk, n));
	}
	if (e)
		code = cli_fail(EX_IOERR, "no room for what came in");
	else if (!from || ferror(from))
		code = cli_fail(path ? EX_NOINPUT : EX_IOERR, "%s: %s",
			path ? path : "standard input", strerror(errno));
	if (from && path)
		fclose(from);
	explicit_bzero(chunk, CHUNK);
	free(chunk);
	return code;
}

static struct slice
map(int fd)
{
	struct stat st;
	void *p;

	must(fstat(fd, &st) == 0);
	if (st.st_size == 0)
		return SLICE_EMPTY;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	must(p != MAP_FAILED);
	return slice_of(p, (size_t)st.st_size);
}

static void
unmap(struct slice s)
{
	if (s.n)
		munmap((void *)(uintptr_t)s.p, s.n);
}

static int
read_pem(const char *path, struct arena *a, struct pem_der *out)
{
	int fd = cli_scratch_new(), code = copy_all(path, fd);
	struct slice pem = map(fd);

	if (!code && (pem.n > FILE_MAX || !pem_der_read(pem, a, out)))
		code = cli_fail(EX_DATAERR,
			"%s: a private key in it can't be read: PEM without a password is "
			"wanted",
			path);
	unmap(pem);
	close(fd);
	return code;
}

static int
read_now(const struct cli_line *line, uint64_t *now_sec)
{
	const char *value = cli_value(line, "--now");

	*now_sec = clock_wall_sec();
	if (value && !slice_u64(slice_str(value), INT64_MAX, now_sec))
		return cli_misused(line->verb, "--now wants seconds since 1970");
	return EX_OK;
}

/* --- sign ------------------------------------------------------------------------------- */

struct sign {
	const struct cli_line *line;
	struct arena arena;
	struct private_key *own;
	Gateway__Key key;
	ProtobufCBinaryData certificate[3 * PEM_DER_MAX];
	struct gateway_keys keys;
	struct smime_sign_setup setup;
	struct smime_sign *machine;
	struct slice in;
	int out;
	struct text_sink to; /* out */
	struct gateway_mime_base64 base64;
	bool copies; /* the content goes out as it is signed */
};

static enum err
use_key(void *arg, const Gateway__Key *key, const struct gateway_keys_sign *q,
	struct buf *signature)
{
	const struct sign *s = arg;

	(void)key;
	return private_key_sign(s->own, q, signature);
}

static void
add_certificates(struct sign *s, const struct pem_der *pem)
{
	for (size_t i = 0; i < pem->certificates; i++) {
		ProtobufCBinaryData *to = &s->certificate[s->key.n_certificate++];

		to->data = (uint8_t *)(uintptr_t)pem->certificate[i].p;
		to->len = pem->certificate[i].n;
	}
}

/* KEY CERT [CHAIN] */
static int
take_files(struct sign *s)
{
	const char *const *word = s->line->word;
	struct pem_der *pem[3];
	int code = EX_OK;

	for (size_t i = 0; i < 3; i++) {
		pem[i] = arena_zalloc(&s->arena, sizeof *pem[i]);
		if (!code && i < s->line->words)
			code = read_pem(word[i], &s->arena, pem[i]);
	}
	if (code)
		return code;
	if (pem[0]->keys == 0 || private_key_parse(pem[0]->key[0], &s->own))
		return cli_fail(EX_DATAERR,
			"%s: no private key that is RSA, EC P-256, P-384, P-521 or Ed25519",
			word[0]);
	if (pem[1]->certificates == 0)
		return cli_fail(EX_DATAERR, "%s: no certificate in PEM", word[1]);
	if (!pem_der_is_pair(pem[1]->certificate[0], pem[0]->key[0]))
		return cli_fail(
			EX_DATAERR, "%s isn't the key of the certificate %s", word[0], word[1]);
	add_certificates(s, pem[1]);
	add_certificates(s, pem[2]);
	return EX_OK;
}

static enum err
feed_machine(void *arg, struct slice octets)
{
	struct sign *s = arg;
	enum err e = smime_sign_feed(s->machine, octets);

	return e || !s->copies ? e : s->to.put(s->to.arg, octets);
}

/* All lines end in CRLF (RFC 8551 section 3.1.1). */
static enum err
feed_content(struct sign *s)
{
	struct gateway_mime_canon canon;
	struct text_sink sink = gateway_mime_canon_into(
		&canon, (struct text_sink){feed_machine, s});
	enum err e = sink.put(sink.arg, s->in);

	return e ? e : gateway_mime_canon_end(&canon);
}

static enum err
say(struct sign *s, const char *text)
{
	return s->to.put(s->to.arg, slice_str(text));
}

static enum err
sign_opaque(struct sign *s)
{
	enum err e = say(s, "MIME-Version: 1.0\r\n"
			    "Content-Type: application/pkcs7-mime; smime-type=signed-data; "
			    "name=smime.p7m\r\n"
			    "Content-Transfer-Encoding: base64\r\n"
			    "Content-Disposition: attachment; filename=smime.p7m\r\n\r\n");

	/* Its first octets come with it. */
	s->machine = smime_sign_new(&s->setup);
	if (!e)
		e = feed_content(s);
	if (!e)
		e = smime_sign_finish(s->machine);
	return e ? e : gateway_mime_base64_end(&s->base64);
}

static enum err
sign_beside(struct sign *s)
{
	char boundary[BOUNDARY + 1], text[512];
	enum err e;

	rand_text(boundary, BOUNDARY);
	snprintf(text, sizeof text,
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n"
		" micalg=%s; boundary=\"=_%s\"\r\n\r\n--=_%s\r\n",
		smime_sign_micalg(&s->setup), boundary, boundary);
	e = say(s, text);
	s->machine = smime_sign_new(&s->setup);
	s->copies = true;
	if (!e)
		e = feed_content(s);
	snprintf(text, sizeof text,
		"\r\n--=_%s\r\n"
		"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment; filename=smime.p7s\r\n\r\n",
		boundary);
	if (!e)
		e = say(s, text);
	if (!e)
		e = smime_sign_finish(s->machine);
	if (!e)
		e = gateway_mime_base64_end(&s->base64);
	snprintf(text, sizeof text, "\r\n--=_%s--\r\n", boundary);
	return e ? e : say(s, text);
}

static enum err
sign_der(struct sign *s)
{
	enum err e;

	s->machine = smime_sign_new(&s->setup);
	e = feed_content(s);
	return e ? e : smime_sign_finish(s->machine);
}

static int
sign(struct sign *s)
{
	bool is_der = cli_has(s->line, "--der");
	enum err e;

	s->setup.key = &s->key;
	s->setup.keys = &s->keys;
	s->setup.is_opaque = cli_has(s->line, "--opaque");
	s->setup.is_pss = cli_has(s->line, "--pss");
	s->setup.to = is_der ? s->to : gateway_mime_base64_into(&s->base64, s->to);
	if (!smime_sign_micalg(&s->setup))
		return cli_fail(EX_DATAERR,
			"%s: the certificate has expired, or isn't for signing mail",
			s->line->word[1]);
	e = is_der ? sign_der(s) : s->setup.is_opaque ? sign_opaque(s) : sign_beside(s);
	return e ? cli_fail(EX_SOFTWARE, "it can't be signed: %s", err_text(e))
		 : cli_scratch_show(s->out);
}

int
cli_smime_signed_sign(const struct cli_line *line)
{
	struct sign *s = must_zalloc(sizeof *s);
	int in = cli_scratch_new(), code;

	tls_init();
	s->line = line;
	s->keys = (struct gateway_keys){.sign = use_key, .arg = s};
	s->out = cli_scratch_new();
	s->to = (struct text_sink){put_file, &s->out};
	arena_init(&s->arena, CHUNK);
	gateway__key__init(&s->key);
	s->key.certificate = s->certificate;
	code = read_now(line, &s->setup.now_sec);
	if (!code)
		code = take_files(s);
	if (!code)
		code = copy_all(NULL, in);
	s->in = map(in);
	if (!code)
		code = sign(s);
	smime_sign_free(s->machine);
	gateway_mime_base64_fini(&s->base64);
	private_key_free(s->own);
	unmap(s->in);
	close(in);
	close(s->out);
	arena_reset(&s->arena);
	free(s);
	return code;
}

/* --- verify ----------------------------------------------------------------------------- */

struct verify {
	struct arena arena;
	Gateway__Question q;
	ProtobufCBinaryData anchor[PEM_DER_MAX], crl;
	struct smime_verify_setup setup;
	struct smime_verify *machine;
	struct text text; /* the mail */
	struct slice in;
	int out;
};

static enum err
feed_opaque(void *arg, struct slice octets)
{
	struct verify *v = arg;

	return smime_verify_feed(v->machine, octets);
}

/* The part that is covered goes out as it is hashed. */
static enum err
feed_beside(void *arg, struct slice octets)
{
	struct verify *v = arg;
	enum err e = smime_verify_feed(v->machine, octets);

	return e ? e : put_file(&v->out, octets);
}

static enum err
feed_der(struct verify *v)
{
	v->machine = smime_verify_new(&v->setup);
	return smime_verify_feed(v->machine, v->in);
}

static enum err
feed_multipart(struct verify *v)
{
	struct text_sink to = {feed_beside, v};
	struct gateway_mime_two two;
	struct buf signature;
	struct text_sink into = text_into(&signature);
	enum err e = gateway_mime_split(&v->text, &two);

	buf_init(&signature, SMIME_SIGNATURE_MAX);
	if (!e)
		e = gateway_mime_decode(&v->text, two.second_body, two.second_encoding, &into);
	v->setup.detached = arena_dup(&v->arena, buf_slice(&signature));
	buf_fini(&signature);
	if (e || v->setup.detached.n == 0)
		return ERR_SYNTAX;
	v->machine = smime_verify_new(&v->setup);
	return gateway_mime_lines(&v->text, two.first, &to);
}

static enum err
feed_mail(struct verify *v)
{
	struct text_sink to = {feed_opaque, v};
	struct gateway_head head;
	struct gateway_mime mime;

	if (gateway_head_read(&v->text, &v->arena, &head))
		return ERR_SYNTAX;
	gateway_mime_look(&head, &v->text, &mime);
	if (mime.kind == GATEWAY_MIME_SIGNED)
		return feed_multipart(v);
	if (mime.kind != GATEWAY_MIME_CMS)
		return ERR_SYNTAX;
	v->machine = smime_verify_new(&v->setup);
	return gateway_mime_decode(&v->text, mime.body, mime.encoding, &to);
}

static int
judge(struct verify *v)
{
	struct smime_signer *signer;
	enum smime_problem worst = SMIME_PROBLEM_NONE;
	size_t n;
	enum err e = v->in.n && v->in.p[0] == 0x30 ? feed_der(v) : feed_mail(v);

	if (!e)
		e = smime_verify_finish(v->machine, &v->arena, &signer, &n);
	if (e == ERR_FULL || e == ERR_IO)
		return cli_fail(EX_IOERR, "no room for what comes out");
	if (e || n == 0)
		return cli_fail(EX_DATAERR, "there is no signature");
	for (size_t i = 0; i < n; i++)
		if (signer[i].problem && (!worst || signer[i].problem < worst))
			worst = signer[i].problem;
	return worst ? cli_fail(EX_DATAERR, "%s", smime_problem_text(worst))
		     : cli_scratch_show(v->out);
}

static int
take_authorities(struct verify *v, const char *path)
{
	struct pem_der *pem = arena_zalloc(&v->arena, sizeof *pem);
	int code = read_pem(path, &v->arena, pem);

	if (!code && pem->certificates == 0)
		code = cli_fail(EX_DATAERR, "%s: no certificate in PEM", path);
	for (size_t i = 0; i < pem->certificates; i++) {
		v->anchor[i].data = (uint8_t *)(uintptr_t)pem->certificate[i].p;
		v->anchor[i].len = pem->certificate[i].n;
	}
	v->q.anchor = v->anchor;
	v->q.n_anchor = pem->certificates;
	return code;
}

static int
take_crl(struct verify *v, const char *path)
{
	int fd, code;
	struct slice mapped, der;

	if (!path)
		return EX_OK;
	fd = cli_scratch_new();
	code = copy_all(path, fd);
	mapped = map(fd);
	der = arena_dup(&v->arena, mapped);
	unmap(mapped);
	if (!code && (der.n > FILE_MAX || !cert_check_is_crl(der)))
		code = cli_fail(EX_DATAERR, "%s: not a CRL in DER", path);
	v->crl = (ProtobufCBinaryData){der.n, (uint8_t *)(uintptr_t)der.p};
	v->q.crl = &v->crl;
	v->q.n_crl = 1;
	close(fd);
	return code;
}

int
cli_smime_signed_verify(const struct cli_line *line)
{
	struct verify *v = must_zalloc(sizeof *v);
	int in = cli_scratch_new(), code;

	tls_init();
	arena_init(&v->arena, CHUNK);
	v->out = cli_scratch_new();
	gateway__question__init(&v->q);
	v->setup.trust = (struct smime_trust){&v->q, RSA_BITS_MIN};
	v->setup.to = (struct text_sink){put_file, &v->out};
	code = read_now(line, &v->q.now_sec);
	if (!code)
		code = take_authorities(v, line->word[0]);
	if (!code)
		code = take_crl(v, cli_value(line, "--crl"));
	if (!code)
		code = copy_all(NULL, in);
	v->in = map(in);
	v->text = text_of(&v->in);
	if (!code)
		code = judge(v);
	smime_verify_free(v->machine);
	unmap(v->in);
	close(in);
	close(v->out);
	arena_reset(&v->arena);
	free(v);
	return code;
}
