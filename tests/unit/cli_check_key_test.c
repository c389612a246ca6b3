#include "tests/gateway_world.h"

#include <unistd.h>

#include "cmd/cli_check_key.h"
#include "core/clock.h"
#include "crypto/key_make.h"

enum { DAY = 86400 };

static char data[48];
static struct cli_findings f;

/* A data folder whose db is the world's. */
static int
setup(void **state)
{
	char link[64];

	gateway_setup(state);
	g.time_sec = clock_wall_sec();
	snprintf(data, sizeof data, "/tmp/cli_check_key.XXXXXX");
	assert_non_null(mkdtemp(data));
	snprintf(link, sizeof link, "%s/db", data);
	assert_int_equal(symlink(gateway_dir, link), 0);
	memset(&f, 0, sizeof f);
	snprintf(f.config.data_dir, sizeof f.config.data_dir, "%s", data);
	f.topic = "keys";
	f.list = json_array();
	return 0;
}

static int
teardown(void **state)
{
	char link[64];

	snprintf(link, sizeof link, "%s/db", data);
	unlink(link);
	rmdir(data);
	json_decref(f.list);
	return gateway_teardown(state);
}

/* LMDB wants a file open once in a process. */
static void
look(void)
{
	uint64_t index = g.index, now = g.time_sec;

	golden_close(&g);
	cli_check_key(&f);
	golden_open(&g, gateway_dir);
	g.index = index;
	g.time_sec = now;
	g.node = 1;
}

static const char *
text(size_t n, const char *name)
{
	return json_string_value(json_object_get(json_array_get(f.list, n), name));
}

/* An S/MIME key with a certificate of so many days. */
static void
put_key(uint64_t id, unsigned days, bool is_old)
{
	const struct slice name = SLICE_LIT("ann@example.org");
	struct key_make q = {.address = &name,
		.addresses = 1,
		.now_sec = (int64_t)g.time_sec - (days ? 0 : 10 * DAY),
		.days = days ? days : 1};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__KeyPut put = COMMANDS__KEY_PUT__INIT;
	Commands__Key key = COMMANDS__KEY__INIT;
	ProtobufCBinaryData cert;
	struct buf der;

	buf_init(&der, 16384);
	assert_int_equal(key_make_new("p256", &g.a, &q.pkcs8), ERR_OK);
	assert_int_equal(key_make_certificate(&q, &der), ERR_OK);
	cert = codec_bytes(buf_slice(&der));
	key.kind = COMMANDS__KEY__KIND__SMIME;
	key.address = codec_bytes(name);
	key.public_key = key.sealed = put.wrapped_secret = gateway_some(80);
	key.certificate = &cert;
	key.n_certificate = 1;
	key.old = is_old;
	put.id = id;
	put.record = &key;
	c.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	c.key_put = &put;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
	buf_fini(&der);
}

static void
keys_that_expire_within_thirty_days_or_have_expired_are_named(void **state)
{
	(void)state;
	put_key(1, CLI_CHECK_KEY_SOON_DAYS + 1, false);
	put_key(2, CLI_CHECK_KEY_SOON_DAYS - 1, false);
	put_key(3, 0, false);
	put_key(4, 0, true);
	look();
	assert_int_equal(json_array_size(f.list), 2);
	assert_int_equal(f.faults, 2);
	assert_non_null(strstr(text(0, "what"), "02 of ann@example.org expires in"));
	assert_non_null(strstr(text(0, "cure"), "hairpin key import"));
	assert_non_null(strstr(text(1, "what"), "03 of ann@example.org has expired"));
	assert_non_null(strstr(text(1, "cure"), "hairpin key retire"));
}

static void
certificates_that_wait_for_approval_or_end_soon_are_named(void **state)
{
	static const struct gateway_cert soon = {.address = "soon@example.net",
						 .name = "c",
						 .key = "c",
						 .trust = 4,
						 .days = 29},
					 over = {.address = "over@example.net",
						 .name = "d",
						 .key = "d",
						 .trust = 4,
						 .days = -1};

	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = 4});
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = 1});
	gateway_put(soon);
	gateway_put(over);
	look();
	assert_int_equal(json_array_size(f.list), 2);
	assert_non_null(strstr(text(0, "what"), BOB " signs with another key"));
	assert_non_null(strstr(text(0, "cure"), "hairpin cert approve"));
	assert_non_null(strstr(text(1, "what"), "of soon@example.net expires in"));
}

/* Of the certificate that gateway_put made of that word. */
static void
take_back(const char *name)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StatusPut put = COMMANDS__STATUS_PUT__INIT;
	Commands__StatusEntry entry = COMMANDS__STATUS_ENTRY__INIT, *list = &entry;
	Commands__Status status = COMMANDS__STATUS__INIT;
	uint8_t hash[SEAL_HASH];

	seal_sha256(slice_str(name), hash);
	entry.sha256 = (ProtobufCBinaryData){sizeof hash, hash};
	entry.status = &status;
	status.state = COMMANDS__STATUS__STATE__REVOKED;
	status.source = "http://ca.test/1";
	status.until_sec = g.time_sec + 1000 * (uint64_t)DAY;
	put.entry = &list;
	put.n_entry = 1;
	c.body_case = COMMANDS__COMMAND__BODY_STATUS_PUT;
	c.status_put = &put;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
}

static void
revoked_certificates_are_named_while_they_would_count(void **state)
{
	static const struct gateway_cert over = {
		.address = "over@example.net", .name = "d", .key = "d", .trust = 4, .days = -1};

	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = 4});
	gateway_put(over);
	take_back("a");
	take_back("d");
	look();
	assert_int_equal(json_array_size(f.list), 1);
	assert_non_null(
		strstr(text(0, "what"), "of " BOB " isn't encrypted to: revoked since"));
	assert_non_null(strstr(text(0, "cure"), "hairpin cert add"));
}

static void
a_folder_without_a_database_is_not_ours_to_name(void **state)
{
	(void)state;
	snprintf(f.config.data_dir, sizeof f.config.data_dir, "/nonexistent");
	look();
	assert_int_equal(json_array_size(f.list), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(keys_that_expire_within_thirty_days_or_have_expired_are_named),
		T(certificates_that_wait_for_approval_or_end_soon_are_named),
		T(revoked_certificates_are_named_while_they_would_count),
		T(a_folder_without_a_database_is_not_ours_to_name),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
