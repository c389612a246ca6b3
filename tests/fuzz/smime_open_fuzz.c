#include "crypto/smime_open.h"

#include <openssl/evp.h>

#include "core/must.h"
#include "crypto/private_key.h"
#include "crypto/smime_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What comes from outside: CMS for two keys that are always the same, as the corpus is sealed
 * to them; certificates and capabilities. Octet by octet everything is as it is at once. */
static const char ec_key[] =
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNgTM4HT7wufgqdhX+J70KiT59xfn"
	"uMsRDqSm/YZ3CyihRANCAASQakHoWkYk9ghtO0E95a7eqsCrCs0/cptZ18sUvC++h1dsQo8lK7Zb"
	"eusEp8C0k8XgnFVijAg8YOMu9r07Z4wk";
static const char ec_certificate[] =
	"MIIBKTCB0KADAgECAgEFMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAXQwIBcNMjYxMTI3MTI1OTI1"
	"WhgPMjEyNjExMDMxMjU5MjVaMAwxCjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC"
	"AASQakHoWkYk9ghtO0E95a7eqsCrCs0/cptZ18sUvC++h1dsQo8lK7ZbeusEp8C0k8XgnFVijAg8"
	"YOMu9r07Z4wkoyEwHzAdBgNVHQ4EFgQUhkcsrDGVUiq8xNc35EPKRfyBV2MwCgYIKoZIzj0EAwID"
	"SAAwRQIhAPnwGXoSxVKfqeyAjupFFiizSDY9wVCtrgaTIfbjY2ETAiBEHKUSvSQIIkiikmZothi2"
	"+kUW4Xay7wNlqaW2kS8xyw==";
static const char rsa_key[] =
	"MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAOATxM8DQ6m7j8Wqtpbs8w8Pp8Iy"
	"VJuKhv1srLDEmzEPXkQH/5IalaI2vACuj4ZISEBKlcGfL9WQrTtLzKXRNt87yLEjKUOQiEoXu/8u"
	"Xw2zeEO+AlMcQfZ5VZbieRdDK6RyzJ3ZmlDMy4EbZKArF0LyAFUxUWlKtHd6duKMOMlNAgMBAAEC"
	"gYEAtSaGNy1WaEOfqZenYUBSB10KrG5wBAbrtrlCqu1m4TSharJkpMMlMSy6tHpqwY5yCrfBdfSx"
	"gSAjTAqteWg3yKFzZJ6wZf6FGVm3Nf2r8to6RriTKvK/aaE0oDqaGZ7oCLKl6gAmpI4Bsv2fP50r"
	"dnT7IIVsKBiXdDFR02nl+8ECQQD10uDgPyk7UKWZ4cH9mVTmS532N5elNnMFPbMqwZDOjj4oPVeb"
	"mgKuq80OhmHkcMTd8Rrq91CZXP+L0p8p9QBpAkEA6VpuYy+omMpAI+aDZwPHhLN/1jhl1fM1It54"
	"hbwfwUTGrFzTstJymsE8ebVybcEFYwN6odMqRG81U5aQ9wylRQJBAKUFgpanb+t0sSbDSfIPa9IJ"
	"synlmfR7v+0lxVAPj0FKdemXfGdllSVjCY4VokOzfEUtpQ9VJRM/PgHES7rj0PkCQQCaWZOMjdiR"
	"/61/UZj3CbvuHaDgPHu3keBCyS6lHvNOLkTPe7MXpDXkAQ8UXh1rVXJPtNxnr7pUe86lFIGct8OV"
	"AkBGAj2ziqYDBukjU4wWUb0Vv0Xxb2nSlVWmRflPrP9GIA5GSjDQ/9lNBJ3I1OlcgBSbiYgYbMim"
	"OUBLD7ajp7UN";
static const char rsa_certificate[] =
	"MIIBsTCCARqgAwIBAgIBBTANBgkqhkiG9w0BAQsFADAMMQowCAYDVQQDDAF0MCAXDTI2MTEyNzEy"
	"NTkyNVoYDzIxMjYxMTAzMTI1OTI1WjAMMQowCAYDVQQDDAF0MIGfMA0GCSqGSIb3DQEBAQUAA4GN"
	"ADCBiQKBgQDgE8TPA0Opu4/FqraW7PMPD6fCMlSbiob9bKywxJsxD15EB/+SGpWiNrwAro+GSEhA"
	"SpXBny/VkK07S8yl0TbfO8ixIylDkIhKF7v/Ll8Ns3hDvgJTHEH2eVWW4nkXQyukcsyd2ZpQzMuB"
	"G2SgKxdC8gBVMVFpSrR3enbijDjJTQIDAQABoyEwHzAdBgNVHQ4EFgQU260ZhF2XlDJrbCEKOghr"
	"BnCJ0p4wDQYJKoZIhvcNAQELBQADgYEAgw9ocIqCa+POdhDBAQSZVHe+LJmqRkh9itT9WkXAWbyv"
	"970eu7+oAF8F9Ivhpb0aQ+yCi9+86UOmsv0qreXVRQzybq15XmAafzxQHieSDKwdANHxyfE48bEe"
	"sRrqswFibYjLRpS1d+ZKAQejVdy16//4ll8ouYCfo/xnZ8Vn4DE=";

enum { KEYS = 2, DER_MAX = 1024, PLAIN_MAX = 1 << 22 };

static struct {
	struct private_key *own;
	Gateway__Key key;
	ProtobufCBinaryData certificate;
	uint8_t der[DER_MAX];
} keys[KEYS];

static size_t
decode(const char *base64, uint8_t *out)
{
	size_t n = strlen(base64);
	int size = EVP_DecodeBlock(out, (const uint8_t *)base64, (int)n);

	must(size > 0 && n < DER_MAX);
	return (size_t)size - (base64[n - 1] == '=') - (base64[n - 2] == '=');
}

static void
make_key(size_t i, const char *key, const char *certificate)
{
	uint8_t der[DER_MAX];

	must(private_key_parse(slice_of(der, decode(key, der)), &keys[i].own) == ERR_OK);
	gateway__key__init(&keys[i].key);
	keys[i].key.id = i;
	keys[i].key.n_certificate = 1;
	keys[i].key.certificate = &keys[i].certificate;
	keys[i].certificate.len = decode(certificate, keys[i].der);
	keys[i].certificate.data = keys[i].der;
}

static enum err
unwrap(void *arg, const Gateway__Key *key, struct slice recipient_info, size_t cek_size,
	uint8_t *cek)
{
	(void)arg;
	return private_key_unwrap(keys[key->id].own,
		slice_of(key->certificate[0].data, key->certificate[0].len), recipient_info,
		cek_size, cek);
}

static enum err
play(struct slice in, size_t at_once, struct buf *plain)
{
	Gateway__Key *ours[] = {&keys[0].key, &keys[1].key};
	struct gateway_keys keyd = {.unwrap = unwrap};
	struct smime_open_setup setup = {ours, KEYS, &keyd, text_into(plain)};
	struct smime_open *o = smime_open_new(&setup);
	struct smime_opened facts;
	enum err e;

	for (size_t at = 0; at < in.n; at += at_once)
		smime_open_feed(o, slice_cut(in, at, at + at_once));
	e = smime_open_finish(o, &facts);
	if (!e && (!facts.key || !facts.algorithm || !facts.recipient || !facts.recipients))
		__builtin_trap();
	smime_open_free(o);
	return e;
}

static void
play_recipient(struct slice in)
{
	Gateway__Certificate to, *one[] = {&to};
	struct smime_seal *s;
	struct buf out;

	gateway__certificate__init(&to);
	to.der = (ProtobufCBinaryData){in.n, (uint8_t *)(uintptr_t)in.p};
	to.capabilities = to.der;
	buf_init(&out, PLAIN_MAX);
	s = smime_seal_new(one, 1, GATEWAY__SETTINGS__CIPHER__AUTO, text_into(&out));
	if ((s != NULL) != (smime_seal_check(&to) == ERR_OK))
		__builtin_trap();
	smime_seal_free(s);
	to.der = keys[0].certificate;
	s = smime_seal_new(one, 1, GATEWAY__SETTINGS__CIPHER__AUTO, text_into(&out));
	if (!s || smime_seal_feed(s, in) || smime_seal_finish(s))
		__builtin_trap();
	smime_seal_free(s);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	struct buf whole, pieces;

	if (!keys[0].own) {
		make_key(0, ec_key, ec_certificate);
		make_key(1, rsa_key, rsa_certificate);
	}
	buf_init(&whole, PLAIN_MAX);
	buf_init(&pieces, PLAIN_MAX);
	if (play(in, n + 1, &whole) != play(in, 1, &pieces) ||
		!slice_eq(buf_slice(&whole), buf_slice(&pieces)))
		__builtin_trap();
	play_recipient(in);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
