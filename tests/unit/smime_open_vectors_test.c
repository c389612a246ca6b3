#include "crypto/smime_open.h"

#include "core/mail_decode.h"
#include "tests/smime_world.h"

/* RFC 4134: what implementations agreed on in 2005. Bob's private key is of version 0 with an
 * attribute, and of 1,024 bits; the content's cipher is 3DES. */

static const char bob_key[] =
	"MIIChQIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAKnhZ5g/OdVf8qCTQV6meYmFyDVd"
	"mpFb+x0B2hlwJhcPvaUi0DWFbXqYZhRBXM+3twg7CcmRuBlpN235ZR572akzJKN/O7uvRgGGNjQy"
	"ywcDWVL8hYsxBLjMGAgUSOZPHPtdYMTgXB9T039T2GkB8QX4enDRvoPGXzjPHCyqaqfrAgMBAAEC"
	"gYBnzUhMmg2PmMIbZf8ig5xt8KYGHbztpwOIlPIcaw+LNd4Ogngwy+e6alatd8brUXlweQqg9P5F"
	"4Kmy9Bnah5jWMIR05PxZbMHGd9ypkdB8MKCixQheIXFD/A0HPfD6bRSeTmPwF1h5HEuYHD09sBvf"
	"+iU7o8AsmAX2EAnYh9sDGQJBANDDIsbeopkYdo+NvKZ11mY/1I1FUox29XLE6/BGmvE+XKpVC5va"
	"3Wtt+Pw7PAhDk7Vb/s7q/WiEI2Kv8zHCueUCQQDQUfweIrdb7bWOAcjXq/JY1PeClPNTqBlFy2bK"
	"KBlf4hAr84/sajB0+E0R9KfEILVHIdxJAfkKICnwJAiEYH2PAkA0umTJSChXdNdVUN5qSO8bKloc"
	"SHseIVnDYDubl6nA7xhmqU5iUjiEzuUJiEiUacUgFJlaV/4jbOSnI3vQgLeFAkEAni+zN5r7CwZd"
	"V+EJBqRd2ZCWBgVfJAZAcpw6iIWchw+dYhKIFmioNRobQ+g4wJhprwMKSDIETukPj3d9NDAlBwJA"
	"Vxhn1grStavCunrnVNqcBU+B1O8BiR4yPWnLMcRSyFRVJQA7HCp8JlDV6abXd8vPFfXuC9WN7rOv"
	"TKF8Y0ZB9qANMAsGA1UdDzEEAwIAEA==";
static const char bob_certificate[] =
	"MIICJzCCAZCgAwIBAgIQRjRrx4AAVrwR024uzV1x0DANBgkqhkiG9w0BAQUFADASMRAwDgYDVQQD"
	"EwdDYXJsUlNBMB4XDTk5MDkxOTAxMDkwMloXDTM5MTIzMTIzNTk1OVowETEPMA0GA1UEAxMGQm9i"
	"UlNBMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCp4WeYPznVX/Kgk0FepnmJhcg1XZqRW/sd"
	"AdoZcCYXD72lItA1hW16mGYUQVzPt7cIOwnJkbgZaTdt+WUee9mpMySjfzu7r0YBhjY0MssHA1lS"
	"/IWLMQS4zBgIFEjmTxz7XWDE4FwfU9N/U9hpAfEF+Hpw0b6Dxl84zxwsqmqn6wIDAQABo38wfTAM"
	"BgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIFIDAfBgNVHSMEGDAWgBTp4JAnrHggeprTTPJCN04i"
	"rp44uzAdBgNVHQ4EFgQU6PS4Z9izlqQq8xGqKdOVWoYWtCQwHQYDVR0RBBYwFIESQm9iUlNBQGV4"
	"YW1wbGUuY29tMA0GCSqGSIb3DQEBBQUAA4GBAHuOZsXxED8QIEyIcat7QGshM/pKld6dDltrlCEF"
	"wPLhfirNnJOIh/uLt359QWHh5NZt+eIEVWFFvGQnRMChvVl52R1kPCHWRbBdaDOS6qzxV+WBfZjm"
	"NZGjOd539OgcOyncf1EHl/M28FAK3Zvetl44ESv7V+qJba3JiNiPzyvT";
/* Sections 5.1 and 5.3. */
static const char message[] =
	"MIIBHgYJKoZIhvcNAQcDoIIBDzCCAQsCAQAxgcAwgb0CAQAwJjASMRAwDgYDVQQDEwdDYXJsUlNB"
	"AhBGNGvHgABWvBHTbi7NXXHQMA0GCSqGSIb3DQEBAQUABIGAC3EN5nGIiJi2lsGPcP2iJ97a4e8k"
	"bKQz36zg6Z2i0yx6zYC4mZ7mX7FBs3IWg+f6KgCLx3M1eCbWx8+MDFbbpXadCDgO8/nUkUNYeNxJ"
	"tuzubGgzoyEd8Ch4H/dd9gdzTd+taTEgS0ipdSJuNnkVY4/M652jKKHRLFf02hosdR8wQwYJKoZI"
	"hvcNAQcBMBQGCCqGSIb3DQMHBAgtaMXpRwZRNYAgDsiSf8Z9P43LrY4OxUk660cu1lXeCSFOSOpO"
	"J7FuVyU=";

static struct slice
decode(const char *base64, struct buf *out)
{
	buf_init(out, 4096);
	assert_true(mail_decode_base64(slice_str(base64), out));
	return buf_slice(out);
}

static void
the_rfcs_enveloped_message_opens_with_bobs_key(void **state)
{
	struct smime_world_key bob[2] = {0};
	Gateway__Key *ours[] = {&bob[0].key};
	struct gateway_keys keyd = smime_world_keys(bob);
	struct smime_opened facts;
	struct smime_open *o;
	struct buf key, certificate, ber, plain;

	(void)state;
	gateway__key__init(&bob[0].key);
	decode(bob_certificate, &certificate);
	bob[0].certificate = (ProtobufCBinaryData){certificate.n, certificate.p};
	bob[0].key.n_certificate = 1;
	bob[0].key.certificate = &bob[0].certificate;
	assert_int_equal(private_key_parse(decode(bob_key, &key), &bob[0].own), ERR_OK);
	buf_init(&plain, 1000);
	o = smime_open_new(&(struct smime_open_setup){ours, 1, &keyd, text_into(&plain)});
	smime_open_feed(o, decode(message, &ber));
	assert_int_equal(smime_open_finish(o, &facts), ERR_OK);
	assert_slice(buf_slice(&plain), "This is some sample content.");
	assert_string_equal(facts.algorithm, "3DES-CBC");
	assert_string_equal(facts.recipient, "RSA");
	smime_open_free(o);
	private_key_free(bob[0].own);
	buf_fini(&key);
	buf_fini(&certificate);
	buf_fini(&ber);
	buf_fini(&plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_enveloped_message_opens_with_bobs_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
