#include "tests/gateway_world.h"

#include "store/apply_vault.h"
#include "store/view_directory.h"

static Commands__Key key;
static uint64_t id;
static size_t secret;

static uint32_t
put(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__KeyPut q = COMMANDS__KEY_PUT__INIT;

	q.id = id;
	q.record = &key;
	q.wrapped_secret = gateway_some(secret);
	c.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	c.key_put = &q;
	return gateway_apply(&c);
}

static int
setup(void **state)
{
	gateway_setup(state);
	commands__key__init(&key);
	key.kind = COMMANDS__KEY__KIND__SMIME;
	key.address = gateway_text("ann@example.org");
	key.public_key = gateway_some(91);
	key.sealed = gateway_some(180);
	id = 7;
	secret = 72;
	return 0;
}

static size_t
count_of(const char *address, Commands__Key__Kind kind, uint64_t *first)
{
	struct db_txn *txn = gateway_look();
	struct view_keys keys;

	assert_int_equal(view_key_of(txn, slice_str(address), kind, &g.a, &keys), ERR_OK);
	db_abort(txn);
	*first = keys.n ? keys.list[0].id : 0;
	return keys.n;
}

static bool
has_secret(uint64_t of)
{
	struct db_txn *txn = gateway_look();
	struct schema_vault v;
	enum err e = view_directory_vault(txn, VAULT_KEY, of, &v);

	db_abort(txn);
	return !e;
}

static void
a_key_is_found_by_each_of_its_addresses_until_it_is_deleted(void **state)
{
	ProtobufCBinaryData also[] = {
		gateway_text("a@example.org"), gateway_text("@example.org")};
	uint64_t first;

	(void)state;
	key.also = also;
	key.n_also = 2;
	assert_int_equal(put(), COMMAND_DONE);
	assert_int_equal(g.result.id, 7);
	assert_int_equal(count_of("ann@example.org", COMMANDS__KEY__KIND__SMIME, &first), 1);
	assert_int_equal(first, 7);
	assert_int_equal(count_of("a@example.org", COMMANDS__KEY__KIND__SMIME, &first), 1);
	assert_int_equal(count_of("@example.org", COMMANDS__KEY__KIND__SMIME, &first), 1);
	assert_int_equal(count_of("a@example.org", COMMANDS__KEY__KIND__DKIM_RSA, &first), 0);
	assert_int_equal(count_of("ann@example.orgx", COMMANDS__KEY__KIND__SMIME, &first), 0);
	assert_int_equal(count_of("", COMMANDS__KEY__KIND__SMIME, &first), 0);
	assert_true(has_secret(7));
	assert_int_equal(gateway_del_key(7), COMMAND_DONE);
	assert_int_equal(gateway_del_key(7), COMMAND_NOT_FOUND);
	assert_false(has_secret(7));
	assert_int_equal(gateway_rows(DB_KEY), 0);
	assert_int_equal(gateway_rows(DB_KEY_OF), 0);
}

static void
a_known_key_gets_new_certificates_or_signs_no_more(void **state)
{
	ProtobufCBinaryData der = gateway_some(300);
	struct db_txn *txn;
	Commands__Key *row;

	(void)state;
	assert_int_equal(put(), COMMAND_DONE);
	assert_int_equal(put(), COMMAND_EXISTS);
	secret = 0;
	key.certificate = &der;
	key.n_certificate = 1;
	key.old = true;
	key.kind = COMMANDS__KEY__KIND__DKIM_RSA;
	key.address = gateway_text("eve@example.org");
	key.sealed = gateway_some(1);
	assert_int_equal(put(), COMMAND_DONE);
	txn = gateway_look();
	assert_int_equal(view_key_get(txn, 7, &g.a, &row), ERR_OK);
	db_abort(txn);
	assert_true(row->old);
	assert_int_equal(row->n_certificate, 1);
	assert_int_equal(row->kind, COMMANDS__KEY__KIND__SMIME);
	assert_memory_equal(row->address.data, "ann", 3);
	assert_int_equal(row->sealed.len, 180);
	assert_int_equal(row->created_sec, GATEWAY_NOW);
	id = 8;
	assert_int_equal(put(), COMMAND_NOT_FOUND);
}

static void
the_newest_key_comes_first_and_old_ones_last(void **state)
{
	uint64_t first;

	(void)state;
	assert_int_equal(put(), COMMAND_DONE);
	g.time_sec++;
	id = 3;
	assert_int_equal(put(), COMMAND_DONE);
	g.time_sec++;
	id = 9;
	key.old = true;
	assert_int_equal(put(), COMMAND_DONE);
	assert_int_equal(count_of("ann@example.org", COMMANDS__KEY__KIND__SMIME, &first), 3);
	assert_int_equal(first, 3);
}

static void
an_s_mime_key_has_an_address_and_a_dkim_key_a_domain(void **state)
{
	(void)state;
	key.address = gateway_text("example.org");
	assert_int_equal(put(), COMMAND_INVALID);
	key.kind = COMMANDS__KEY__KIND__DKIM_ED25519;
	assert_int_equal(put(), COMMAND_DONE);
	key.address = gateway_text("ann@example.org");
	id++;
	assert_int_equal(put(), COMMAND_INVALID);
}

static void
what_is_out_of_limits_is_refused_and_changes_nothing(void **state)
{
	static char selector[APPLY_KEY_SELECTOR_MAX + 2];
	ProtobufCBinaryData der[APPLY_KEY_CERTIFICATES_MAX + 1], also[APPLY_KEY_ALSO_MAX + 1];
	Commands__Key good = key;

	(void)state;
	memset(selector, 's', APPLY_KEY_SELECTOR_MAX + 1);
	for (size_t i = 0; i <= APPLY_KEY_CERTIFICATES_MAX; i++)
		der[i] = gateway_some(10);
	for (size_t i = 0; i <= APPLY_KEY_ALSO_MAX; i++) {
		char *text = arena_alloc(&g.a, 20);

		snprintf(text, 20, "a%zu@example.org", i);
		also[i] = gateway_text(text);
	}
	good.certificate = der;
	good.also = also;
	good.selector = selector + 1;
#define REFUSED(change, back)                                                                  \
	do {                                                                                   \
		key = good;                                                                    \
		change;                                                                        \
		assert_int_equal(put(), COMMAND_INVALID);                                      \
		back;                                                                          \
	} while (0)
	REFUSED(id = 0, id = 7);
	REFUSED(id = UINT64_C(1) << 56, id = (UINT64_C(1) << 56) - 1);
	REFUSED(secret = VAULT_IMAGE_SECRET + 1, secret = VAULT_IMAGE_SECRET);
	REFUSED(key.kind = 0, );
	REFUSED(key.kind = 5, );
	REFUSED(key.address = gateway_text(""), );
	REFUSED(key.public_key.len = 0, );
	REFUSED(key.public_key = gateway_some(APPLY_KEY_PUBLIC_MAX + 1), );
	REFUSED(key.sealed.len = 0, );
	REFUSED(key.sealed = gateway_some(APPLY_KEY_SEALED_MAX + 1), );
	REFUSED(key.selector = selector, );
	REFUSED(key.n_also = APPLY_KEY_ALSO_MAX + 1, );
	REFUSED(key.n_also = 2; also[1] = also[0], also[1] = gateway_text("b@example.org"));
	REFUSED(key.n_certificate = APPLY_KEY_CERTIFICATES_MAX + 1, );
	REFUSED(key.n_certificate = 1; der[0].len = 0, der[0].len = 10);
	REFUSED(key.n_certificate = 1; der[0].len = APPLY_CERT_DER_MAX + 1, );
	for (size_t i = 0; i < 4; i++)
		der[i].len = APPLY_CERT_DER_MAX;
	der[4].len = 1;
	REFUSED(key.n_certificate = 5, );
	assert_int_equal(
		gateway_rows(DB_KEY) + gateway_rows(DB_KEY_OF) + gateway_rows(DB_VAULT), 0);
	key = good;
	key.n_certificate = 4;
	key.n_also = APPLY_KEY_ALSO_MAX;
	key.public_key = gateway_some(APPLY_KEY_PUBLIC_MAX);
	key.sealed = gateway_some(APPLY_KEY_SEALED_MAX);
	assert_int_equal(put(), COMMAND_DONE);
}

static void
an_address_has_room_for_so_many_keys(void **state)
{
	uint64_t first;

	(void)state;
	for (id = 1; id <= APPLY_KEY_PER_ADDRESS_MAX; id++)
		assert_int_equal(put(), COMMAND_DONE);
	assert_int_equal(put(), COMMAND_LIMIT);
	assert_int_equal(count_of("ann@example.org", COMMANDS__KEY__KIND__SMIME, &first),
		APPLY_KEY_PER_ADDRESS_MAX);
	assert_int_equal(gateway_del_key(1), COMMAND_DONE);
	assert_int_equal(put(), COMMAND_DONE);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, gateway_teardown)
	const struct CMUnitTest tests[] = {
		T(a_key_is_found_by_each_of_its_addresses_until_it_is_deleted),
		T(a_known_key_gets_new_certificates_or_signs_no_more),
		T(the_newest_key_comes_first_and_old_ones_last),
		T(an_s_mime_key_has_an_address_and_a_dkim_key_a_domain),
		T(what_is_out_of_limits_is_refused_and_changes_nothing),
		T(an_address_has_room_for_so_many_keys),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
