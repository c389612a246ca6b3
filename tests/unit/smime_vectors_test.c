#include "crypto/smime_verify.h"

#include "core/mail_decode.h"
#include "tests/test.h"

/* RFC 4134's signed messages by RSA keys. All of that RFC's signatures are of SHA-1 by keys of
 * 1,024 bits: they are read, and not believed. */

/* Section 4.2, DER, without attributes. */
static const char basic[] =
	"MIIDUgYJKoZIhvcNAQcCoIIDQzCCAz8CAQExCzAJBgUrDgMCGgUAMCsGCSqGSIb3DQEHAaAeBBxU"
	"aGlzIGlzIHNvbWUgc2FtcGxlIGNvbnRlbnQuoIICMDCCAiwwggGVoAMCAQICEEY0a8eAAFa8EdNu"
	"LsQQs7AwDQYJKoZIhvcNAQEFBQAwEjEQMA4GA1UEAxMHQ2FybFJTQTAeFw05OTA5MTkwMTA4NDda"
	"Fw0zOTEyMzEyMzU5NTlaMBMxETAPBgNVBAMTCEFsaWNlUlNBMIGfMA0GCSqGSIb3DQEBAQUAA4GN"
	"ADCBiQKBgQDgiXM5jdj19eiHdjl/TrAFu1OD3g+3q9x9x3UpDQUubRLfpoYm1NJvqlgp/Jfs+oJR"
	"DzCAvrFQnkZE8Sy72DLPxmhvB9mwYKy+7jQJahP19wUFk99eujVW2WH/GX/Jgeb4bOqHQHDvrG0s"
	"dJ8t+lU6uZl3AqZIUoxO81c4V3RXXwIDAQABo4GBMH8wDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8E"
	"BAMCBsAwHwYDVR0jBBgwFoAU6eCQJ6x4IHqa00zyQjdOIq6eOLswHQYDVR0OBBYEFHfStNG3TIqK"
	"o85Fnc7sPKA64/9QMB8GA1UdEQQYMBaBFEFsaWNlUlNBQGV4YW1wbGUuY29tMA0GCSqGSIb3DQEB"
	"BQUAA4GBAD5wR6hIzBNYj8pRcWtONhhdBH6AsY1NzMqjj8x9Vsi8z26zHFmpIKoFgahOJa2ncBR1"
	"L/XHm9EO6WPSZLfGZm5zIVTf9LolXX1J05RrIjZ0c7hK7C9k7dM90qdCxeg3irTbn2fkvZ/5/nTv"
	"6vnuY2rYP0slCbXYGnau65vbSbAiMYHLMIHIAgEBMCYwEjEQMA4GA1UEAxMHQ2FybFJTQQIQRjRr"
	"x4AAVrwR024uxBCzsDAJBgUrDgMCGgUAMA0GCSqGSIb3DQEBAQUABIGALyOC0vMJX7gMWOtOnb+J"
	"moHldcSRPdPQ1Xu21f6UoYqs48SE9c1gTieV9s8AhnZ1Pyvw59QCZ6f1x40WBKWztefZMvAk7+cg"
	"RNWfB8VTJPrOAR0PFxOnKpWdK+QDlRQL6TkNus5unJ4M6JjmVRPUaG/QB9eisWJM44+v/eDVXcc=";
/* Section 4.5, indefinite lengths, the content in pieces, the authority's certificate along. */
static const char all_rsa[] =
	"MIAGCSqGSIb3DQEHAqCAMIACAQExCzAJBgUrDgMCGgUAMIAGCSqGSIb3DQEHAaCAJIAEBFRoaXME"
	"GCBpcyBzb21lIHNhbXBsZSBjb250ZW50LgAAAAAAAKCAMIIB6zCCAVSgAwIBAgIQRjRrx4AAVrwR"
	"024un/JQIDANBgkqhkiG9w0BAQUFADASMRAwDgYDVQQDEwdDYXJsUlNBMB4XDTk5MDgxODA3MDAw"
	"MFoXDTM5MTIzMTIzNTk1OVowEjEQMA4GA1UEAxMHQ2FybFJTQTCBnzANBgkqhkiG9w0BAQEFAAOB"
	"jQAwgYkCgYEA5Ev/GLgkV/R3/25ze5NxXLwzGpKSciPYQUbQzRE6BLOOr4KdvVEeF3rydiwrhjmn"
	"vdeNGlPs5ADV6OyiNrHt4lDiMgmKP5+ZJY+4Tqu5fdWWZdoWoMW+Dq5EW+9e9Kcpy4LdrETpqpOU"
	"KQ74GNbIV17ydsTyEWA4uRs8HZfJavECAwEAAaNCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8B"
	"Af8EBAMCAYYwHQYDVR0OBBYEFOngkCeseCB6mtNM8kI3TiKunji7MA0GCSqGSIb3DQEBBQUAA4GB"
	"ALee1ATT7Snk/4mJFS5M2wzwSA8yYe7EBOwSXS3/D2RZfgrD7Rj941ZAN6cHtfA4EmFQ7e/dP+ML"
	"uGGlpJs85p6cVJq2ldbabDu1LUU1nUkBdvq5uTH5+WsSU6D1FGCbfco+8lNrsDdvreZ019v6WuoU"
	"QWNdzb7IDsHaao1TNBgCMIICLDCCAZWgAwIBAgIQRjRrx4AAVrwR024uxBCzsDANBgkqhkiG9w0B"
	"AQUFADASMRAwDgYDVQQDEwdDYXJsUlNBMB4XDTk5MDkxOTAxMDg0N1oXDTM5MTIzMTIzNTk1OVow"
	"EzERMA8GA1UEAxMIQWxpY2VSU0EwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAOCJczmN2PX1"
	"6Id2OX9OsAW7U4PeD7er3H3HdSkNBS5tEt+mhibU0m+qWCn8l+z6glEPMIC+sVCeRkTxLLvYMs/G"
	"aG8H2bBgrL7uNAlqE/X3BQWT3166NVbZYf8Zf8mB5vhs6odAcO+sbSx0ny36VTq5mXcCpkhSjE7z"
	"VzhXdFdfAgMBAAGjgYEwfzAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIGwDAfBgNVHSMEGDAW"
	"gBTp4JAnrHggeprTTPJCN04irp44uzAdBgNVHQ4EFgQUd9K00bdMioqjzkWdzuw8oDrj/1AwHwYD"
	"VR0RBBgwFoEUQWxpY2VSU0FAZXhhbXBsZS5jb20wDQYJKoZIhvcNAQEFBQADgYEAPnBHqEjME1iP"
	"ylFxa042GF0EfoCxjU3MyqOPzH1WyLzPbrMcWakgqgWBqE4lradwFHUv9ceb0Q7pY9Jkt8ZmbnMh"
	"VN/0uiVdfUnTlGsiNnRzuErsL2Tt0z3Sp0LF6DeKtNufZ+S9n/n+dO/q+e5jatg/SyUJtdgadq7r"
	"m9tJsCIAADGByzCByAIBATAmMBIxEDAOBgNVBAMTB0NhcmxSU0ECEEY0a8eAAFa8EdNuLsQQs7Aw"
	"CQYFKw4DAhoFADANBgkqhkiG9w0BAQEFAASBgC8jgtLzCV+4DFjrTp2/iZqB5XXEkT3T0NV7ttX+"
	"lKGKrOPEhPXNYE4nlfbPAIZ2dT8r8OfUAmen9ceNFgSls7Xn2TLwJO/nIETVnwfFUyT6zgEdDxcT"
	"pyqVnSvkA5UUC+k5DbrObpyeDOiY5lUT1Ghv0AfXorFiTOOPr/3g1V3HAAAAAAAA";

static void
look(const char *base64, size_t step)
{
	Gateway__Question q = GATEWAY__QUESTION__INIT;
	struct smime_verify_setup setup = {.trust = {&q, 1024}};
	struct smime_signer *signer;
	struct smime_verify *v;
	struct buf der, text;
	struct arena a;
	size_t n;

	q.now_sec = 1800000000;
	arena_init(&a, 0);
	buf_init(&der, 4096);
	buf_init(&text, 4096);
	assert_true(mail_decode_base64(slice_str(base64), &der));
	setup.to = text_into(&text);
	v = smime_verify_new(&setup);
	for (size_t i = 0; i < der.n; i += step)
		assert_int_equal(
			smime_verify_feed(v, slice_cut(buf_slice(&der), i, i + step)), ERR_OK);
	assert_int_equal(smime_verify_finish(v, &a, &signer, &n), ERR_OK);
	smime_verify_free(v);
	assert_slice(buf_slice(&text), "This is some sample content.");
	assert_int_equal(n, 1);
	assert_int_equal(signer->problem, SMIME_PROBLEM_ALGORITHM);
	assert_string_equal(signer->key, "RSA 1024");
	assert_true(smime_signer_is(signer, SLICE_LIT("AliceRSA@example.com")));
	assert_false(smime_signer_is(signer, SLICE_LIT("alicersa@example.com")));
	assert_false(signer->may_be_encrypted_to);
	buf_fini(&der);
	buf_fini(&text);
	arena_reset(&a);
}

static void
the_rfc_s_signatures_are_read_and_not_believed(void **state)
{
	(void)state;
	look(basic, 1000000);
	look(basic, 1);
	look(all_rsa, 1000000);
	look(all_rsa, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfc_s_signatures_are_read_and_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
