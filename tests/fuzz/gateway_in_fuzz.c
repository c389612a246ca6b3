/* A mail through the engine, either way: the first octet says which. Whatever comes is
 * answered; each recipient is in one group; on the way in no mark is left that isn't the
 * engine's, on the way out nothing that must be encrypted passes plain. */
#include <stdlib.h>

#include "core/codec.h"
#include "core/mail_decode.h"
#include "core/must.h"
#include "crypto/gateway.h"
#include "crypto/gateway_mark.h"
#include "crypto/private_key.h"
#include "crypto/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Of ann@example.org, of P-256, self-signed; the corpus is encrypted to it. */
static const char certificate[] =
	"MIIBmTCCAT+gAwIBAgIUKsIMLlyhGYMB36KYByFRXvw1MyQwCgYIKoZIzj0EAwIwDjEMMAoGA1UE"
	"AwwDQW5uMCAXDTI2MTEyNzEzMDQyNFoYDzIxMjYxMTAzMTMwNDI0WjAOMQwwCgYDVQQDDANBbm4w"
	"WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS0BkKquNmEPHE7Ek2hqLXOV9WdlGP/RaUbFz8nM+AK"
	"H8UHWOMIZBXmAW/kGPMnmIh8H2tJ3SDO5r+HR028GeWvo3kwdzAdBgNVHQ4EFgQUDAjVYZBNuC0T"
	"w7zsqV390RcbmGUwHwYDVR0jBBgwFoAUDAjVYZBNuC0Tw7zsqV390RcbmGUwGgYDVR0RBBMwEYEP"
	"YW5uQGV4YW1wbGUub3JnMAsGA1UdDwQEAwIDiDAMBgNVHRMBAf8EAjAAMAoGCCqGSM49BAMCA0gA"
	"MEUCIQCOdpYje/yIDbzq0Z5WW1rv4RKqMCBHbWQU4TAvS54KKAIgXafcLi1RkFjoTQRA4p4ZsOI6"
	"lFfJZmmPaLXHn1VsUaY=";
static const char secret[] =
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIWSzHn6W8k863dBbiRyfY7XON4nf"
	"VBVlebL47qEXJbKhRANCAAS0BkKquNmEPHE7Ek2hqLXOV9WdlGP/RaUbFz8nM+AKH8UHWOMIZBXm"
	"AW/kGPMnmIh8H2tJ3SDO5r+HR028GeWv";

static struct private_key *key;
static struct buf der;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct buf pkcs8;

	(void)argc;
	(void)argv;
	tls_init();
	buf_init(&der, 4096);
	buf_init(&pkcs8, 4096);
	must(mail_decode_base64(slice_str(certificate), &der));
	must(mail_decode_base64(slice_str(secret), &pkcs8));
	must(private_key_parse(buf_slice(&pkcs8), &key) == ERR_OK);
	buf_fini(&pkcs8);
	return 0;
}

static enum err
unwrap(void *arg, const Gateway__Key *k, struct slice info, size_t cek_size, uint8_t *cek)
{
	(void)arg;
	return private_key_unwrap(key, codec_slice(k->certificate[0]), info, cek_size, cek);
}

static enum err
sign(void *arg, const Gateway__Key *k, const struct gateway_keys_sign *q, struct buf *out)
{
	(void)arg;
	(void)k;
	return private_key_sign(key, q, out);
}

static struct slice
body_of(const struct gateway_answer *a, const Gateway__Group *g, struct slice mail,
	struct buf *out)
{
	const struct text *t;

	if (g->body == 0)
		return mail;
	must(g->body <= a->bodies);
	t = &a->body[g->body - 1];
	buf_init(out, (size_t)t->size + 1);
	must(text_get(t, 0, (size_t)t->size, out) == ERR_OK);
	return buf_slice(out);
}

static bool
said_encrypted(const struct gateway_answer *a)
{
	for (size_t i = 0; i < a->answer.n_fact; i++)
		if (!strcmp(a->answer.fact[i]->text, "it is encrypted already: left as it is"))
			return true;
	return false;
}

static void
check_group(
	const struct gateway_answer *a, const Gateway__Group *g, struct slice mail, bool is_in)
{
	struct gateway_head h;
	struct arena arena;
	struct slice body;
	struct text t;
	struct buf b;

	if (g->action != GATEWAY__GROUP__ACTION__PASS)
		return;
	arena_init(&arena, 0);
	buf_init(&b, 1);
	body = body_of(a, g, mail, &b);
	t = text_of(&body);
	must(gateway_head_read(&t, &arena, &h) == ERR_OK);
	must(gateway_mark_strip(&h, SLICE_LIT("gate.example.org")) == 0);
	if (!is_in && !said_encrypted(a))
		must(slice_find_slice(body, SLICE_LIT("\tname=\"smime.p7m\"\r\n")) < body.n);
	buf_fini(&b);
	arena_reset(&arena);
}

static void
check(const struct gateway_answer *a, struct slice mail, bool is_in)
{
	bool seen[2] = {false};

	for (size_t i = 0; i < a->answer.n_group; i++) {
		const Gateway__Group *g = a->answer.group[i];

		must(g->n_recipient > 0);
		for (size_t k = 0; k < g->n_recipient; k++) {
			must(g->recipient[k] < 2 && !seen[g->recipient[k]]);
			seen[g->recipient[k]] = true;
		}
		check_group(a, g, mail, is_in);
	}
	must(seen[0] && seen[1]);
}

static void
ask(Gateway__Question *q, struct slice mail)
{
	struct text_memory *memory = text_memory_new(64 << 20);
	struct text_room room = text_memory_room(memory);
	struct gateway_keys keys = {.unwrap = unwrap, .sign = sign};
	struct text t = text_of(&mail);
	struct arena arena;
	struct gateway e = {q, &t, &keys, &room, &arena};
	struct gateway_answer *a = must_zalloc(sizeof *a);

	arena_init(&arena, 0);
	must(gateway_run(&e, a) == ERR_OK);
	check(a, mail, q->way == GATEWAY__QUESTION__WAY__IN);
	free(a);
	arena_reset(&arena);
	text_memory_free(memory);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	Gateway__Question q = GATEWAY__QUESTION__INIT;
	Gateway__Party ann = GATEWAY__PARTY__INIT, bob = GATEWAY__PARTY__INIT,
		       *to[] = {&ann, &bob};
	Gateway__Settings settings = GATEWAY__SETTINGS__INIT;
	Gateway__Certificate c = GATEWAY__CERTIFICATE__INIT, *cs[] = {&c};
	Gateway__Key k = GATEWAY__KEY__INIT, *ks[] = {&k};
	ProtobufCBinaryData cert = codec_bytes(buf_slice(&der));
	char address[] = "ann@example.org", other[] = "bob@example.org",
	     id[] = "gate.example.org";
	char trigger[] = "\\[encrypt\\]";

	if (n < 1)
		return 0;
	q.way = *p == 'i' ? GATEWAY__QUESTION__WAY__IN : GATEWAY__QUESTION__WAY__OUT;
	q.now_sec = 1800000000;
	q.authserv_id = id;
	q.recipient = to;
	q.n_recipient = 2;
	q.sender = &ann;
	q.anchor = &cert;
	q.n_anchor = 1;
	settings.mode = GATEWAY__SETTINGS__MODE__MUST;
	settings.sign = GATEWAY__SETTINGS__SIGN__SIGN_ALWAYS;
	settings.subject_trigger = trigger;
	ann.address = codec_bytes(slice_str(address));
	bob.address = codec_bytes(slice_str(other));
	ann.settings = bob.settings = &settings;
	k.certificate = &cert;
	k.n_certificate = 1;
	k.may_sign = true;
	c.der = cert;
	ann.key = ks;
	ann.n_key = 1;
	ann.certificate = cs;
	ann.n_certificate = 1;
	ask(&q, slice_of(p + 1, n - 1));
	return 0;
}
