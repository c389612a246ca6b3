#include "tests/gateway_world.h"

#include "store/schema.h"

enum {
	HARVESTED = GATEWAY__TRUST__HARVESTED,
	DISCOVERED = GATEWAY__TRUST__DISCOVERED,
	VERIFIED = GATEWAY__TRUST__VERIFIED,
	MANUAL = GATEWAY__TRUST__MANUAL
};

/* store/ mustn't see the engine's messages. */
static void
the_degrees_of_trust_are_the_engines(void **state)
{
	(void)state;
	assert_int_equal(SCHEMA_TRUST_HARVESTED, GATEWAY__TRUST__HARVESTED);
	assert_int_equal(SCHEMA_TRUST_DISCOVERED, GATEWAY__TRUST__DISCOVERED);
	assert_int_equal(SCHEMA_TRUST_VERIFIED, GATEWAY__TRUST__VERIFIED);
	assert_int_equal(SCHEMA_TRUST_MANUAL, GATEWAY__TRUST__MANUAL);
}

/* Each row: a known certificate "a" of key "k", then "b", and the states of both. */
static void
who_takes_whose_place_follows_from_trust_key_and_hold(void **state)
{
	static const struct {
		int known_trust, known_days, new_trust;
		const char *new_key;
		bool may_replace;
		int new_days;
		const char *states; /* of a, b */
	} rows[] = {
		/* Another key: more trust takes the place; the same or less is held. */
		{HARVESTED, 100, HARVESTED, "l", false, 100, "GP"},
		{HARVESTED, 100, DISCOVERED, "l", false, 100, "OG"},
		{HARVESTED, 100, VERIFIED, "l", false, 100, "OG"},
		{HARVESTED, 100, MANUAL, "l", false, 100, "OG"},
		{DISCOVERED, 100, HARVESTED, "l", false, 100, "GP"},
		{DISCOVERED, 100, DISCOVERED, "l", false, 100, "GP"},
		{DISCOVERED, 100, VERIFIED, "l", false, 100, "OG"},
		{DISCOVERED, 100, MANUAL, "l", false, 100, "OG"},
		{VERIFIED, 100, HARVESTED, "l", false, 100, "GP"},
		{VERIFIED, 100, DISCOVERED, "l", false, 100, "GP"},
		{VERIFIED, 100, VERIFIED, "l", false, 100, "GP"},
		{VERIFIED, 100, MANUAL, "l", false, 100, "OG"},
		{MANUAL, 100, HARVESTED, "l", false, 100, "GP"},
		{MANUAL, 100, DISCOVERED, "l", false, 100, "GP"},
		{MANUAL, 100, VERIFIED, "l", false, 100, "GP"},
		{MANUAL, 100, MANUAL, "l", false, 100, "OG"},
		/* Nothing is held: both are good, the better one is used. */
		{HARVESTED, 100, HARVESTED, "l", true, 100, "GG"},
		{HARVESTED, 100, VERIFIED, "l", true, 100, "OG"},
		{VERIFIED, 100, VERIFIED, "l", true, 100, "GG"},
		{MANUAL, 100, HARVESTED, "l", true, 100, "GG"},
		{HARVESTED, 100, MANUAL, "l", true, 100, "OG"},
		/* What is past its time takes no place. */
		{HARVESTED, 100, VERIFIED, "l", false, -1, "GP"},
		{HARVESTED, 100, MANUAL, "l", false, -1, "GG"},
		/* The known one is over by then. */
		{MANUAL, -1, HARVESTED, "l", false, 100, "GG"},
		{MANUAL, -1, MANUAL, "l", false, 100, "OG"},
		/* The same key: a lower trust, or a shorter life, takes no place. */
		{HARVESTED, 100, HARVESTED, "k", false, 100, "OG"},
		{HARVESTED, 100, VERIFIED, "k", false, 200, "OG"},
		{VERIFIED, 100, HARVESTED, "k", false, 200, "GG"},
		{MANUAL, 100, VERIFIED, "k", false, 200, "GG"},
		{VERIFIED, 200, VERIFIED, "k", false, 100, "GG"},
		{HARVESTED, -1, HARVESTED, "k", false, 100, "OG"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char found[3] = "";

		gateway_teardown(state);
		gateway_setup(state);
		assert_int_equal(gateway_put((struct gateway_cert){.name = "a",
					 .key = "k",
					 .trust = rows[i].known_trust,
					 .days = rows[i].known_days}),
			COMMAND_DONE);
		assert_int_equal(gateway_state("a"), 'G');
		assert_int_equal(gateway_put((struct gateway_cert){.name = "b",
					 .key = rows[i].new_key,
					 .trust = rows[i].new_trust,
					 .days = rows[i].new_days,
					 .may_replace = rows[i].may_replace}),
			COMMAND_DONE);
		found[0] = gateway_state("a");
		found[1] = gateway_state("b");
		if (strcmp(found, rows[i].states) != 0)
			fail_msg("row %zu: %s, not %s", i, found, rows[i].states);
	}
}

/* "a" is known, "b" says all that it says, and more: it is that one, whatever it says. */
static void
a_copy_of_openpgps_takes_the_place_and_the_trust(void **state)
{
	static const struct {
		int known_trust, known_days, new_days;
		const char *new_key, *states;
		int trust; /* of b */
	} rows[] = {
		{HARVESTED, 100, 100, "k", "OG", HARVESTED},
		{MANUAL, 100, 100, "k", "OG", MANUAL},
		/* Its owner revoked it, or shortened its life; or made it longer, too late. */
		{MANUAL, 100, -1, "k", "OG", MANUAL},
		{MANUAL, 100, 50, "k", "OG", MANUAL},
		{MANUAL, -1, 100, "k", "OG", MANUAL},
		/* Another key is somebody else's. */
		{MANUAL, 100, 100, "l", "GP", HARVESTED},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char found[3] = "";

		gateway_teardown(state);
		gateway_setup(state);
		gateway_put((struct gateway_cert){.name = "\x99\x61",
			.key = "k",
			.trust = rows[i].known_trust,
			.days = rows[i].known_days});
		gateway_put((struct gateway_cert){.name = "\x99\x62",
			.key = rows[i].new_key,
			.trust = HARVESTED,
			.days = rows[i].new_days});
		found[0] = gateway_state("\x99\x61");
		found[1] = gateway_state("\x99\x62");
		if (strcmp(found, rows[i].states) != 0)
			fail_msg("row %zu: %s, not %s", i, found, rows[i].states);
		assert_int_equal(gateway_cert_of(BOB, "\x99\x62")->trust, rows[i].trust);
	}
}

static void
copies_of_what_waits_or_is_blocked_change_nothing(void **state)
{
	(void)state;
	gateway_put((struct gateway_cert){.name = "\x99q", .key = "k", .trust = MANUAL});
	gateway_put((struct gateway_cert){.name = "\x99r", .key = "l", .trust = HARVESTED});
	gateway_put((struct gateway_cert){.name = "\x99s", .key = "l", .trust = HARVESTED});
	assert_int_equal(gateway_state("\x99q"), 'G');
	assert_int_equal(gateway_state("\x99r"), 'O');
	assert_int_equal(gateway_state("\x99s"), 'P');
	/* Approved, it is the one; a copy of what was known then isn't by hand. */
	gateway_put((struct gateway_cert){.name = "\x99s", .key = "l", .trust = MANUAL});
	gateway_put((struct gateway_cert){.name = "\x99t", .key = "k", .trust = HARVESTED});
	assert_int_equal(gateway_state("\x99q"), 'O');
	assert_int_equal(gateway_state("\x99s"), 'G');
	assert_int_equal(gateway_state("\x99t"), 'P');
	assert_int_equal(gateway_cert_of(BOB, "\x99t")->trust, HARVESTED);
}

static void
approving_a_pending_one_by_hand_makes_the_known_one_old(void **state)
{
	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = HARVESTED});
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = HARVESTED});
	assert_int_equal(gateway_state("b"), 'P');
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = HARVESTED});
	assert_int_equal(gateway_state("b"), 'P');
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = MANUAL});
	assert_int_equal(gateway_state("b"), 'G');
	assert_int_equal(gateway_state("a"), 'O');
	/* Mail that still comes with the old one changes nothing, held or not. */
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = VERIFIED});
	gateway_put((struct gateway_cert){
		.name = "a", .key = "k", .trust = VERIFIED, .may_replace = true});
	assert_int_equal(gateway_state("a"), 'O');
	/* Trust only rises. */
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = HARVESTED});
	assert_int_equal(gateway_cert_of(BOB, "b")->trust, MANUAL);
	/* Once the new one is over the old one is good again. */
	g.time_sec += 101 * 86400;
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = VERIFIED});
	assert_int_equal(gateway_state("a"), 'G');
}

static void
a_pending_one_is_good_once_the_known_one_is_blocked(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__TrustPut q = COMMANDS__TRUST_PUT__INIT;
	Commands__Trust trust = COMMANDS__TRUST__INIT;
	uint8_t sha256[SEAL_HASH];

	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = VERIFIED});
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = HARVESTED});
	assert_int_equal(gateway_state("b"), 'P');
	seal_sha256(slice_str("a"), sha256);
	q.sha256 = (ProtobufCBinaryData){sizeof sha256, sha256};
	q.record = &trust;
	trust.blocked = true;
	c.body_case = COMMANDS__COMMAND__BODY_TRUST_PUT;
	c.trust_put = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = HARVESTED});
	assert_int_equal(gateway_state("b"), 'G');
}

static void
capabilities_are_the_newest_that_were_seen(void **state)
{
	Commands__Cert cert;
	const struct gateway_cert q = {.name = "a", .key = "k", .trust = HARVESTED};

	(void)state;
	gateway_fill(&cert, &q);
	cert.capabilities = gateway_text("gcm");
	cert.capabilities_sec = 50;
	gateway_put_cert(BOB, &cert, true);
	cert.capabilities = gateway_text("cbc");
	cert.capabilities_sec = 49;
	gateway_put_cert(BOB, &cert, true);
	assert_memory_equal(gateway_cert_of(BOB, "a")->capabilities.data, "gcm", 3);
	cert.capabilities = gateway_text("");
	cert.capabilities_sec = 60;
	gateway_put_cert(BOB, &cert, true);
	assert_memory_equal(gateway_cert_of(BOB, "a")->capabilities.data, "gcm", 3);
	cert.capabilities = gateway_text("new");
	cert.capabilities_sec = 51;
	gateway_put_cert(BOB, &cert, true);
	assert_memory_equal(gateway_cert_of(BOB, "a")->capabilities.data, "new", 3);
	assert_int_equal(gateway_cert_of(BOB, "a")->added_sec, GATEWAY_NOW);
}

static void
what_is_out_of_limits_is_refused_and_changes_nothing(void **state)
{
	static char local[SCHEMA_NAME_MAX + 2];
	const struct gateway_cert q = {.name = "a", .key = "k", .trust = MANUAL};
	Commands__Cert good, c;

	(void)state;
	gateway_fill(&good, &q);
#define REFUSED(change)                                                                        \
	do {                                                                                   \
		c = good;                                                                      \
		change;                                                                        \
		assert_int_equal(gateway_put_cert(BOB, &c, true), COMMAND_INVALID);            \
	} while (0)
	REFUSED(c.der = gateway_some(0));
	REFUSED(c.der = gateway_some(APPLY_CERT_DER_MAX + 1));
	REFUSED(c.public_key = gateway_some(31));
	REFUSED(c.public_key = gateway_some(33));
	REFUSED(c.capabilities = gateway_some(APPLY_CERT_CAPABILITIES_MAX + 1));
	REFUSED(c.until_sec = 0);
	REFUSED(c.trust = 0);
	REFUSED(c.trust = MANUAL + 1);
	assert_int_equal(gateway_put_cert(BOB, NULL, true), COMMAND_INVALID);
	assert_int_equal(gateway_put_cert("", &good, true), COMMAND_INVALID);
	assert_int_equal(gateway_put_cert("example.net", &good, true), COMMAND_INVALID);
	memset(local, 'x', SCHEMA_NAME_MAX + 1);
	local[0] = '@';
	assert_int_equal(gateway_put_cert(local, &good, true), COMMAND_INVALID);
	assert_int_equal(gateway_rows(DB_CERT), 0);
	local[SCHEMA_NAME_MAX] = '\0';
	assert_int_equal(gateway_put_cert(local, &good, true), COMMAND_DONE);
	good.der = gateway_some(APPLY_CERT_DER_MAX);
	good.capabilities = gateway_some(APPLY_CERT_CAPABILITIES_MAX);
	good.trust = HARVESTED;
	assert_int_equal(gateway_put_cert("@example.net", &good, true), COMMAND_DONE);
	assert_int_equal(gateway_rows(DB_CERT), 2);
}

/* Certificates number from to to, each of its own key. */
static void
put_many(int from, int to, int trust)
{
	char name[12];

	for (int i = from; i < to; i++) {
		snprintf(name, sizeof name, "%d", i);
		g.time_sec++;
		assert_int_equal(gateway_put((struct gateway_cert){
					 .name = name, .key = name, .trust = trust}),
			COMMAND_DONE);
	}
}

static void
a_full_address_takes_one_by_hand_in_the_place_of_the_oldest_pending(void **state)
{
	const struct gateway_cert more = {.name = "more", .key = "m", .trust = VERIFIED};
	struct gateway_cert by_hand = more;

	(void)state;
	put_many(0, APPLY_CERT_PER_ADDRESS_MAX, HARVESTED);
	assert_int_equal(gateway_state("0"), 'G');
	assert_int_equal(gateway_state("1"), 'P');
	assert_int_equal(gateway_put(more), COMMAND_LIMIT);
	assert_int_equal(gateway_state("more"), '-');
	by_hand.trust = MANUAL;
	assert_int_equal(gateway_put(by_hand), COMMAND_DONE);
	assert_int_equal(gateway_state("more"), 'G');
	assert_int_equal(gateway_state("1"), '-');
	/* All others are old now, so the oldest of them give way. */
	assert_int_equal(gateway_state("0"), 'O');
	by_hand.trust = HARVESTED;
	by_hand.name = by_hand.key = "next";
	assert_int_equal(gateway_put(by_hand), COMMAND_DONE);
	assert_int_equal(gateway_state("next"), 'P');
	assert_int_equal(gateway_state("0"), '-');
	assert_int_equal(gateway_rows(DB_CERT), APPLY_CERT_PER_ADDRESS_MAX);
}

static void
a_full_address_forgets_what_is_past_its_time(void **state)
{
	(void)state;
	put_many(0, APPLY_CERT_PER_ADDRESS_MAX, HARVESTED);
	g.time_sec += 101 * 86400;
	put_many(100, 101, HARVESTED);
	assert_int_equal(gateway_state("100"), 'G');
	assert_int_equal(gateway_state("0"), '-');
	assert_int_equal(gateway_state("1"), 'P');
}

static void
a_certificate_names_a_private_key_of_its_own_address_alone(void **state)
{
	struct gateway_cert q = {.name = "a", .key = "k", .trust = MANUAL, .private_key = 7};

	(void)state;
	assert_int_equal(gateway_put(q), COMMAND_NOT_FOUND);
	assert_int_equal(gateway_put_key(7, BOB), COMMAND_DONE);
	assert_int_equal(gateway_put(q), COMMAND_DONE);
	q.address = "eve@example.net";
	assert_int_equal(gateway_put(q), COMMAND_NOT_FOUND);
	/* What is harvested of it keeps its private key, and takes no place of it. */
	q = (struct gateway_cert){.name = "a", .key = "k", .trust = VERIFIED};
	gateway_put(q);
	assert_int_equal(gateway_cert_of(BOB, "a")->key, 7);
	q.name = "renewed elsewhere";
	q.trust = MANUAL - 1;
	q.days = 500;
	gateway_put(q);
	assert_int_equal(gateway_state("a"), 'G');
	/* It goes with the key. */
	assert_int_equal(gateway_del_key(7), COMMAND_DONE);
	assert_int_equal(gateway_state("a"), '-');
	assert_int_equal(gateway_state("renewed elsewhere"), 'G');
}

static void
the_best_that_may_be_used_comes_first(void **state)
{
	struct db_txn *txn;
	struct view_certs found;

	(void)state;
	gateway_put(
		(struct gateway_cert){.name = "over", .key = "o", .trust = MANUAL, .days = -1});
	gateway_put((struct gateway_cert){.name = "a", .key = "a", .trust = HARVESTED});
	g.time_sec++;
	gateway_put((struct gateway_cert){
		.name = "b", .key = "b", .trust = HARVESTED, .may_replace = true});
	g.time_sec++;
	gateway_put((struct gateway_cert){
		.name = "c", .key = "c", .trust = HARVESTED, .may_replace = true});
	gateway_put((struct gateway_cert){.name = "pending", .key = "p", .trust = HARVESTED});
	gateway_put((struct gateway_cert){
		.address = "@example.net", .name = "d", .key = "d", .trust = MANUAL});
	gateway_put((struct gateway_cert){
		.address = "bo@example.net", .name = "e", .key = "e", .trust = MANUAL});
	txn = gateway_look();
	assert_int_equal(
		view_cert_usable(txn, slice_str(BOB), g.time_sec, &g.a, &found), ERR_OK);
	db_abort(txn);
	assert_int_equal(found.n, 4);
	for (size_t i = 0; i < found.n; i++)
		assert_int_equal(found.list[i].cert->der.data[0], "cbad"[i]);
	assert_memory_equal(found.list[3].address.p, "@example.net", 12);
	txn = gateway_look();
	assert_int_equal(
		view_cert_usable(txn, slice_str("x@example.org"), g.time_sec, &g.a, &found),
		ERR_OK);
	assert_int_equal(found.n, 0);
	db_abort(txn);
}

/* The names' first letters of what bob's mail is encrypted to at now. */
static const char *
usable_now(void)
{
	static char names[VIEW_CERT_MAX + 1];
	struct db_txn *txn = gateway_look();
	struct view_certs found;

	assert_int_equal(
		view_cert_usable(txn, slice_str(BOB), g.time_sec, &g.a, &found), ERR_OK);
	db_abort(txn);
	for (size_t i = 0; i < found.n; i++)
		names[i] = (char)found.list[i].cert->der.data[0];
	names[found.n] = '\0';
	return names;
}

static void
trust_that_rises_takes_the_place_and_keeps_it(void **state)
{
	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = HARVESTED});
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = HARVESTED});
	assert_string_equal(usable_now(), "a");
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = VERIFIED});
	assert_int_equal(gateway_state("a"), 'O');
	assert_string_equal(usable_now(), "b");
	gateway_put((struct gateway_cert){
		.name = "a", .key = "k", .trust = HARVESTED, .may_replace = true});
	assert_int_equal(gateway_state("a"), 'O');
	/* What waits beside it waits on when it comes once more. */
	gateway_put((struct gateway_cert){.name = "c", .key = "m", .trust = HARVESTED});
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = VERIFIED});
	assert_int_equal(gateway_state("c"), 'P');
}

static void
the_best_pending_one_is_used_once_the_known_one_is_over(void **state)
{
	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "a", .trust = VERIFIED});
	gateway_put(
		(struct gateway_cert){.name = "b", .key = "b", .trust = VERIFIED, .days = 200});
	g.time_sec++;
	gateway_put((struct gateway_cert){
		.name = "c", .key = "c", .trust = HARVESTED, .days = 200});
	g.time_sec += 100 * 86400 - 2;
	assert_string_equal(usable_now(), "a");
	g.time_sec++;
	assert_string_equal(usable_now(), "b");
	assert_int_equal(gateway_state("b"), 'P');
	/* The next one that comes finds it known. */
	gateway_put((struct gateway_cert){.name = "d", .key = "d", .trust = VERIFIED});
	assert_int_equal(gateway_state("b"), 'G');
	assert_int_equal(gateway_state("d"), 'P');
	assert_string_equal(usable_now(), "b");
}

/* One that begins tomorrow. */
static void
put_tomorrows(const char *name, int trust)
{
	struct gateway_cert q = {.name = name, .key = name, .trust = trust, .days = 300};
	Commands__Cert cert;

	gateway_fill(&cert, &q);
	cert.from_sec = g.time_sec + 86400;
	assert_int_equal(gateway_put_cert(BOB, &cert, true), COMMAND_DONE);
}

static void
what_is_not_valid_yet_is_used_later_and_takes_no_place_before(void **state)
{
	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "a", .trust = MANUAL});
	put_tomorrows("b", MANUAL);
	assert_int_equal(gateway_state("a"), 'G');
	assert_string_equal(usable_now(), "a");
	g.time_sec += 86399;
	assert_string_equal(usable_now(), "a");
	g.time_sec++;
	gateway_put((struct gateway_cert){.name = "b", .key = "b", .trust = MANUAL});
	assert_string_equal(usable_now(), "b");
	put_tomorrows("c", VERIFIED);
	assert_int_equal(gateway_state("c"), 'P');
}

/* A packet's first octet has its highest bit set. */
static void
the_two_kinds_do_not_stand_in_one_anothers_way(void **state)
{
	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "a", .trust = MANUAL});
	gateway_put((struct gateway_cert){.name = "\x99p", .key = "p", .trust = HARVESTED});
	assert_int_equal(gateway_state("\x99p"), 'G');
	gateway_put((struct gateway_cert){.name = "\xc6q", .key = "q", .trust = HARVESTED});
	assert_int_equal(gateway_state("\xc6q"), 'P');
	gateway_put((struct gateway_cert){.name = "\xc6r", .key = "r", .trust = MANUAL});
	assert_int_equal(gateway_state("\xc6r"), 'G');
	assert_int_equal(gateway_state("\x99p"), 'O');
	assert_int_equal(gateway_state("a"), 'G');
}

static void
deleting_takes_that_one_alone(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__CertDel q = COMMANDS__CERT_DEL__INIT;
	uint8_t sha256[SEAL_HASH];

	(void)state;
	gateway_put((struct gateway_cert){.name = "a", .key = "a", .trust = HARVESTED});
	gateway_put((struct gateway_cert){.name = "b", .key = "b", .trust = HARVESTED});
	seal_sha256(slice_str("a"), sha256);
	q.address = gateway_text(BOB);
	q.sha256 = (ProtobufCBinaryData){31, sha256};
	c.body_case = COMMANDS__COMMAND__BODY_CERT_DEL;
	c.cert_del = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_NOT_FOUND);
	q.sha256.len = 32;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
	assert_int_equal(gateway_apply(&c), COMMAND_NOT_FOUND);
	assert_int_equal(gateway_state("a"), '-');
	assert_int_equal(gateway_state("b"), 'P');
}

/* --- who waits for one --- */

static void
who_waits_for_a_certificate_is_due_on_every_node(void **state)
{
	(void)state;
	gateway_put_owner(1);
	gateway_put_owner(2);
	gateway_put_hop(1, "key:" BOB, 1);
	gateway_put_hop(2, "key:" BOB, 3);
	gateway_put_hop(2, "key:bobby@example.net", 1);
	gateway_put_hop(2, "key:" BOB "x", 1);
	gateway_put_hop(2, "smtp:" BOB, 1);
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = HARVESTED});
	assert_true(gateway_is_due(1, "key:" BOB));
	assert_true(gateway_is_due(2, "key:" BOB));
	assert_false(gateway_is_due(2, "key:bobby@example.net"));
	assert_false(gateway_is_due(2, "key:" BOB "x"));
	assert_false(gateway_is_due(2, "smtp:" BOB));
	assert_int_equal(gateway_rows(DB_HOP_DUE), 5);
}

static void
a_pending_certificate_wakes_nobody(void **state)
{
	(void)state;
	gateway_put_owner(1);
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = HARVESTED});
	gateway_put_hop(1, "key:" BOB, 1);
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = HARVESTED});
	assert_false(gateway_is_due(1, "key:" BOB));
	/* Nor does one that they know. */
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = HARVESTED});
	assert_false(gateway_is_due(1, "key:" BOB));
	gateway_put((struct gateway_cert){.name = "b", .key = "l", .trust = MANUAL});
	assert_true(gateway_is_due(1, "key:" BOB));
}

static void
a_domains_certificate_wakes_all_of_that_domain(void **state)
{
	(void)state;
	gateway_put_owner(1);
	gateway_put_hop(1, "filter:x@example.net", 1);
	gateway_put_hop(1, "key:a@example.net", 1);
	gateway_put_hop(1, "key:a@example.net.test", 1);
	gateway_put_hop(1, "key:b@example.org", 1);
	gateway_put_hop(1, "key:b@sub.example.net", 1);
	gateway_put_hop(1, "key:z@example.net", 1);
	gateway_put_hop(1, "smtp:x@example.net", 1);
	gateway_put((struct gateway_cert){
		.address = "@example.net", .name = "a", .key = "k", .trust = MANUAL});
	assert_true(gateway_is_due(1, "key:a@example.net"));
	assert_true(gateway_is_due(1, "key:z@example.net"));
	assert_false(gateway_is_due(1, "key:a@example.net.test"));
	assert_false(gateway_is_due(1, "key:b@example.org"));
	assert_false(gateway_is_due(1, "key:b@sub.example.net"));
	assert_false(gateway_is_due(1, "filter:x@example.net"));
	assert_false(gateway_is_due(1, "smtp:x@example.net"));
	assert_int_equal(gateway_rows(DB_HOP_DUE), 7);
}

/* Its recipients have times of their own. */
static void
a_hop_that_nothing_is_known_against_keeps_its_time(void **state)
{
	(void)state;
	gateway_put_owner(1);
	gateway_put_hop(1, "key:" BOB, 0);
	gateway_put((struct gateway_cert){.name = "a", .key = "k", .trust = HARVESTED});
	assert_false(gateway_is_due(1, "key:" BOB));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_degrees_of_trust_are_the_engines),
		GATEWAY_TEST(who_takes_whose_place_follows_from_trust_key_and_hold),
		GATEWAY_TEST(a_copy_of_openpgps_takes_the_place_and_the_trust),
		GATEWAY_TEST(copies_of_what_waits_or_is_blocked_change_nothing),
		GATEWAY_TEST(approving_a_pending_one_by_hand_makes_the_known_one_old),
		GATEWAY_TEST(a_pending_one_is_good_once_the_known_one_is_blocked),
		GATEWAY_TEST(capabilities_are_the_newest_that_were_seen),
		GATEWAY_TEST(what_is_out_of_limits_is_refused_and_changes_nothing),
		GATEWAY_TEST(
			a_full_address_takes_one_by_hand_in_the_place_of_the_oldest_pending),
		GATEWAY_TEST(a_full_address_forgets_what_is_past_its_time),
		GATEWAY_TEST(a_certificate_names_a_private_key_of_its_own_address_alone),
		GATEWAY_TEST(the_best_that_may_be_used_comes_first),
		GATEWAY_TEST(trust_that_rises_takes_the_place_and_keeps_it),
		GATEWAY_TEST(the_best_pending_one_is_used_once_the_known_one_is_over),
		GATEWAY_TEST(what_is_not_valid_yet_is_used_later_and_takes_no_place_before),
		GATEWAY_TEST(the_two_kinds_do_not_stand_in_one_anothers_way),
		GATEWAY_TEST(deleting_takes_that_one_alone),
		GATEWAY_TEST(who_waits_for_a_certificate_is_due_on_every_node),
		GATEWAY_TEST(a_pending_certificate_wakes_nobody),
		GATEWAY_TEST(a_domains_certificate_wakes_all_of_that_domain),
		GATEWAY_TEST(a_hop_that_nothing_is_known_against_keeps_its_time),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
