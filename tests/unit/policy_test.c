#include "tests/test.h"

#include "crypto/policy.h"

/* --- names and values --- */

static void
refused(const char *name, const char *text, const char *because)
{
	struct buf why;
	struct policy_value v;
	enum policy_name n;

	buf_init(&why, POLICY_WHY_MAX);
	n = policy_find(slice_str(name), &why);
	if (n != POLICY_COUNT && policy_parse(n, slice_str(text), &v, &why))
		fail_msg("%s=%s was taken", name, text);
	if (slice_find_slice(buf_slice(&why), slice_str(because)) == why.n)
		fail_msg("%s=%s: %.*s", name, text, SLICE_FMT(buf_slice(&why)));
	buf_fini(&why);
}

static void
taken(const char *name, const char *text, const char *as)
{
	struct buf why, out;
	struct policy_value v;
	enum policy_name n;

	buf_init(&why, POLICY_WHY_MAX);
	buf_init(&out, POLICY_VALUE_MAX);
	n = policy_find(slice_str(name), &why);
	if (n == POLICY_COUNT || !policy_parse(n, slice_str(text), &v, &why))
		fail_msg("%s=%s: %.*s", name, text, SLICE_FMT(buf_slice(&why)));
	assert_int_equal(why.n, 0);
	policy_format(n, &v, &out);
	if (!slice_eq(buf_slice(&out), slice_str(as)))
		fail_msg("%s=%s is %.*s", name, text, SLICE_FMT(buf_slice(&out)));
	buf_fini(&why);
	buf_fini(&out);
}

static void
values_are_taken_as_they_are_typed(void **state)
{
	(void)state;
	taken("mode", "on-trigger", "on-trigger");
	taken("mode", "MUST", "must");
	taken("sign", "when-encrypted", "when-encrypted");
	taken("cipher", "aes256-gcm", "aes256-gcm");
	taken("opaque", "Yes", "yes");
	taken("keep", "120h", "5d");
	taken("keep", "90", "90s");
	taken("keep", "0", "0");
	taken("keep", "90d", "90d");
	taken("rsa_bits_min", "1024", "1024");
	taken("rsa_bits_min", "8192", "8192");
	taken("subject_trigger", "\\[(geheim|secret)\\]", "\\[(geheim|secret)\\]");
	taken("subject_trigger", "none", "none");
	taken("header_trigger", "X-Crypt: ^yes$", "X-Crypt: ^yes$");
	taken("header_trigger", "none", "none");
}

static void
a_mistake_is_said_with_the_next_step(void **state)
{
	(void)state;
	refused("mdoe", "must", "there is no setting `mdoe`; did you mean `mode`?");
	refused("replies", "yes", "did you mean `replies_must`?");
	refused("mode", "always",
		"mode: `always` won't do; expected never, on-trigger, when-possible or must");
	refused("mode", "", "mode: `` won't do");
	refused("opaque", "1", "expected yes or no");
	refused("keep", "91d", "expected a time like 5d (s, m, h, d), at most 90d");
	refused("keep", "5w", "keep: `5w` won't do");
	refused("keep", "-1", "keep: `-1` won't do");
	refused("keep", "99999999999d", "won't do");
	refused("rsa_bits_min", "1023", "expected a number from 1024 to 8192");
	refused("rsa_bits_min", "8193", "expected a number from 1024 to 8192");
	refused("subject_trigger", "[encrypt", "subject_trigger: at its octet");
	refused("subject_trigger", "x*", "it fits an empty text, and so every mail");
	refused("header_trigger", "confidential", "a field's name, a colon and a pattern");
	refused("header_trigger", "X: (", "header_trigger: at its octet");
	refused("mode", "\x01\xff", "`??`");
}

static void
no_text_is_too_long_for_why(void **state)
{
	static char text[5000];

	(void)state;
	memset(text, 'm', sizeof text - 1);
	refused("mode", text, "...` won't do; expected");
	refused(text, "must", "there is no setting");
	refused("subject_trigger", text, "won't do; expected a regular expression");
	text[POLICY_VALUE_MAX] = '\0';
	refused("subject_trigger", text, "1 to 500 octets");
}

static void
what_an_empty_value_says_is_inherited(void **state)
{
	struct policy_level level = {0};
	struct buf why;

	(void)state;
	buf_init(&why, POLICY_WHY_MAX);
	assert_true(policy_put(&level, POLICY_MODE, SLICE_LIT("must"), &why));
	assert_int_equal(level.value[POLICY_MODE].number, 3);
	assert_slice(level.text[POLICY_MODE], "must");
	assert_false(policy_put(&level, POLICY_MODE, SLICE_LIT("mus"), &why));
	assert_slice(level.text[POLICY_MODE], "must");
	assert_true(policy_put(&level, POLICY_MODE, SLICE_EMPTY, &why));
	assert_int_equal(level.text[POLICY_MODE].n, 0);
	buf_fini(&why);
}

static void
what_is_stored_is_loaded_unless_it_is_unknown(void **state)
{
	struct policy_level level = {0};

	(void)state;
	assert_true(policy_load(&level, SLICE_LIT("mode"), SLICE_LIT("never")));
	assert_true(policy_load(&level, SLICE_LIT("subject_trigger"), SLICE_LIT("(")));
	assert_false(policy_load(&level, SLICE_LIT("colour"), SLICE_LIT("red")));
	assert_false(policy_load(&level, SLICE_LIT("mode"), SLICE_LIT("sometimes")));
	assert_false(policy_load(&level, SLICE_LIT("mode"), SLICE_EMPTY));
	assert_false(policy_load(&level, SLICE_LIT("sign_trigger"), SLICE_LIT("a\0b")));
}

static void
the_factory_says_what_it_should(void **state)
{
	static const struct policy_side none;
	struct policy_decision d;
	Gateway__Settings s;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	policy_decide(&none, &none, &d);
	policy_resolve(&d, &a, &s);
	assert_int_equal(s.mode, GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE);
	assert_int_equal(s.sign, GATEWAY__SETTINGS__SIGN__SIGN_ALWAYS);
	assert_int_equal(s.cipher, GATEWAY__SETTINGS__CIPHER__AUTO);
	assert_false(s.opaque);
	assert_string_equal(s.subject_trigger, "\\[encrypt\\]");
	assert_string_equal(s.header_trigger, "");
	assert_string_equal(s.sign_trigger, "\\[sign\\]");
	assert_false(s.tag_subject);
	assert_true(s.replies_must);
	assert_int_equal(s.keep_sec, 5 * 86400);
	assert_int_equal(s.rsa_bits_min, 2048);
	assert_true(s.hold_changed_keys);
	assert_int_equal(s.trust_min, GATEWAY__TRUST__VERIFIED);
	assert_false(s.rsa_pss);
	/* Each default can be typed, too. */
	for (enum policy_name i = 0; i < POLICY_COUNT; i++)
		taken(policy_settings[i].name, policy_settings[i].preset,
			policy_settings[i].preset);
	arena_reset(&a);
}

static void
the_numbers_are_those_of_the_protocol(void **state)
{
	static const struct {
		enum policy_name name;
		const char *text;
		int number;
	} rows[] = {{POLICY_MODE, "never", GATEWAY__SETTINGS__MODE__NEVER},
		{POLICY_MODE, "on-trigger", GATEWAY__SETTINGS__MODE__ON_TRIGGER},
		{POLICY_MODE, "when-possible", GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE},
		{POLICY_MODE, "must", GATEWAY__SETTINGS__MODE__MUST},
		{POLICY_SIGN, "never", GATEWAY__SETTINGS__SIGN__SIGN_NEVER},
		{POLICY_SIGN, "on-trigger", GATEWAY__SETTINGS__SIGN__SIGN_ON_TRIGGER},
		{POLICY_SIGN, "when-encrypted", GATEWAY__SETTINGS__SIGN__SIGN_WHEN_ENCRYPTED},
		{POLICY_SIGN, "always", GATEWAY__SETTINGS__SIGN__SIGN_ALWAYS},
		{POLICY_CIPHER, "auto", GATEWAY__SETTINGS__CIPHER__AUTO},
		{POLICY_CIPHER, "aes128-cbc", GATEWAY__SETTINGS__CIPHER__AES128_CBC},
		{POLICY_CIPHER, "aes256-cbc", GATEWAY__SETTINGS__CIPHER__AES256_CBC},
		{POLICY_CIPHER, "aes128-gcm", GATEWAY__SETTINGS__CIPHER__AES128_GCM},
		{POLICY_CIPHER, "aes256-gcm", GATEWAY__SETTINGS__CIPHER__AES256_GCM}};
	struct policy_level level = {0};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(policy_load(&level, slice_str(policy_settings[rows[i].name].name),
			slice_str(rows[i].text)));
		assert_int_equal(level.value[rows[i].name].number, rows[i].number);
	}
}

/* --- levels --- */

static void
level_is(const char *text, const char *stored)
{
	struct slice name;
	struct buf why;
	struct arena a;

	arena_init(&a, 0);
	buf_init(&why, POLICY_WHY_MAX);
	if (!policy_parse_level(slice_str(text), &a, &name, &why))
		fail_msg("%s: %.*s", text, SLICE_FMT(buf_slice(&why)));
	if (!slice_eq(name, slice_str(stored)))
		fail_msg("%s is %.*s", text, SLICE_FMT(name));
	assert_true(policy_parse_level(policy_level_text(name), &a, &name, &why));
	assert_true(slice_eq(name, slice_str(stored)));
	buf_fini(&why);
	arena_reset(&a);
}

static void
level_isnt(const char *text, const char *because)
{
	struct slice name;
	struct buf why;
	struct arena a;

	arena_init(&a, 0);
	buf_init(&why, POLICY_WHY_MAX);
	assert_false(policy_parse_level(slice_str(text), &a, &name, &why));
	if (slice_find_slice(buf_slice(&why), slice_str(because)) == why.n)
		fail_msg("%s: %.*s", text, SLICE_FMT(buf_slice(&why)));
	buf_fini(&why);
	arena_reset(&a);
}

static void
levels_have_one_form_each(void **state)
{
	(void)state;
	level_is("cluster", "");
	level_is("Cluster", "");
	level_is(".cluster", ".cluster");
	level_is("Example.COM", "example.com");
	level_is(".Example.com", ".example.com");
	level_is("bücher.example", "xn--bcher-kva.example");
	level_is("Ann@Example.COM", "ann@example.com");
	level_is("ÄRA@example.com", "ära@example.com");
	level_isnt("", "it is empty");
	level_isnt("@example.com", "a domain stands without @");
	level_isnt("*.example.com", "without *");
	level_isnt("factory", "can't be changed");
	level_isnt("FACTORY", "can't be changed");
	level_isnt("exa mple.com", "a level is cluster, .example.com");
	level_isnt(".", "is no level");
	level_isnt("..example.com", "is no level");
	level_isnt("ann@", "is no level");
}

static void
chain_is(const char *address, char delimiter, const char *wanted)
{
	struct policy_chain chain;
	struct buf out;
	struct arena a;

	arena_init(&a, 0);
	buf_init(&out, 70000);
	policy_chain(slice_str(address), delimiter, &a, &chain);
	for (size_t i = 0; i < chain.n; i++)
		buf_printf(&out, "%s%.*s", i ? " " : "",
			SLICE_FMT(policy_level_text(chain.name[i])));
	if (!slice_eq(buf_slice(&out), slice_str(wanted)))
		fail_msg("%s: %.*s", address, SLICE_FMT(buf_slice(&out)));
	buf_fini(&out);
	arena_reset(&a);
}

static void
the_chain_goes_from_the_address_to_the_cluster(void **state)
{
	(void)state;
	chain_is("", 0, "cluster");
	chain_is("ann@example.com", 0, "ann@example.com example.com .com cluster");
	chain_is("Ann@A.B.Example.COM", 0,
		"ann@a.b.example.com a.b.example.com .b.example.com .example.com .com "
		"cluster");
	chain_is("ann+x@example.com", 0, "ann+x@example.com example.com .com cluster");
	chain_is("Ann+X@example.com", '+',
		"ann+x@example.com ann@example.com example.com .com cluster");
	chain_is("+x@example.com", '+', "+x@example.com example.com .com cluster");
	chain_is("\"a@b\"@localhost", 0, "a@b@localhost localhost cluster");
	chain_is("ann@bücher.example", 0,
		"ann@xn--bcher-kva.example xn--bcher-kva.example .example cluster");
	chain_is("ann@[192.0.2.1]", 0, "ann@[192.0.2.1] [192.0.2.1] cluster");
	/* What is no address still has its domain's policy. */
	chain_is("a b@Partner.example", 0,
		"a b@partner.example partner.example .example cluster");
	chain_is("nothing", 0, "nothing cluster");
}

static void
the_longest_chain_has_room(void **state)
{
	char address[320] = "a@";
	struct policy_chain chain;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < 126; i++)
		strcat(address, "b.");
	strcat(address, "b");
	policy_chain(slice_str(address), '+', &a, &chain);
	assert_int_equal(chain.n, 1 + 127 + 1);
	/* One that no parser would let in ends with the cluster all the same. */
	memset(address, '.', sizeof address - 1);
	address[1] = '@';
	address[0] = 'a';
	address[sizeof address - 1] = '\0';
	policy_chain(slice_str(address), '+', &a, &chain);
	assert_true(chain.n <= POLICY_LEVELS_MAX);
	assert_int_equal(chain.name[chain.n - 1].n, 0);
	arena_reset(&a);
}

/* --- decisions, against an oracle of another making --- */

/* What a level says of a setting: NOTHING, or a value. */
enum { NOTHING = -1, OWN = 3, VALUES_MAX = 5 };

/* The rule, as DESIGN has it, for numbers: own: address, domain, below. */
static int
oracle(const int sender[OWN], const int recipient[OWN], int cluster, int factory)
{
	int s = sender[0] >= 0 ? sender[0] : sender[1] >= 0 ? sender[1] : sender[2];
	int r = recipient[0] >= 0   ? recipient[0]
		: recipient[1] >= 0 ? recipient[1]
				    : recipient[2];

	if (s < 0 && r < 0)
		return cluster >= 0 ? cluster : factory;
	if (s < 0)
		return r;
	if (r < 0)
		return s;
	return s < r ? r : s;
}

/* What is one side's. */
static int
oracle_of_one(const int own[OWN], int cluster, int factory)
{
	for (int i = 0; i < OWN; i++)
		if (own[i] >= 0)
			return own[i];
	return cluster >= 0 ? cluster : factory;
}

static const struct slice names[2][OWN] = {
	{SLICE_LIT("ann@example.com"), SLICE_LIT("example.com"), SLICE_LIT(".com")},
	{SLICE_LIT("bob@partner.example"), SLICE_LIT("partner.example"),
		SLICE_LIT(".example")}};

struct world {
	struct policy_level own[2][OWN], cluster;
	struct policy_side side[2];
};

static void
put(struct policy_level *level, enum policy_name name, int value)
{
	level->text[name] = value < 0 ? SLICE_EMPTY : SLICE_LIT("said");
	level->value[name].number = (uint32_t)value;
}

/* n: says of each of the levels what it says: a number with a digit for each. */
static void
digits(unsigned n, unsigned base, int out[OWN])
{
	for (int i = 0; i < OWN; i++, n /= base)
		out[i] = (int)(n % base) - 1;
}

static void
build(struct world *w)
{
	memset(w, 0, sizeof *w);
	for (int side = 0; side < 2; side++) {
		for (int i = 0; i < OWN; i++) {
			w->own[side][i].name = names[side][i];
			w->side[side].level[w->side[side].n++] = &w->own[side][i];
		}
		w->side[side].level[w->side[side].n++] = &w->cluster;
	}
}

static unsigned
power(unsigned base)
{
	return base * base * base;
}

static int
wanted(enum policy_name name, int said[2][OWN], int cluster, int factory)
{
	return policy_settings[name].whose == POLICY_BOTH
		       ? oracle(said[0], said[1], cluster, factory)
		       : oracle_of_one(said[policy_settings[name].whose == POLICY_RECIPIENTS],
				 cluster, factory);
}

static void
compare(const struct world *w, enum policy_name name, int want)
{
	static struct policy_decision d;
	const struct policy_said *said;

	policy_decide(&w->side[0], &w->side[1], &d);
	said = policy_decided(&d, name);
	assert_int_equal(said->value.number, want);
	/* The explanation names a level that says it, or the factory. */
	if (said->level)
		assert_int_equal(said->level->value[name].number, want);
	if (d.by[name] == POLICY_BOTH)
		assert_int_equal(d.recipient[name].value.number, want);
}

static void
put_all(struct world *w, enum policy_name name, int said[2][OWN])
{
	for (int side = 0; side < 2; side++)
		for (int i = 0; i < OWN; i++)
			put(&w->own[side][i], name, said[side][i]);
}

/* Every value or none, on every level of both sides, with every value or none of the
 * cluster. */
static void
whole_table(enum policy_name name, int values, int factory)
{
	static struct world w;
	unsigned base = (unsigned)values + 1;
	int said[2][OWN];

	build(&w);
	for (unsigned s = 0; s < power(base); s++)
		for (unsigned r = 0; r < power(base); r++) {
			digits(s, base, said[0]);
			digits(r, base, said[1]);
			put_all(&w, name, said);
			for (int c = NOTHING; c < values; c++) {
				put(&w.cluster, name, c);
				compare(&w, name, wanted(name, said, c, factory));
			}
		}
}

static void
every_mode_and_level_is_decided_as_the_oracle_does(void **state)
{
	(void)state;
	whole_table(POLICY_MODE, 4, 2);
}

static void
every_flag_and_level_is_decided_as_the_oracle_does(void **state)
{
	(void)state;
	whole_table(POLICY_OPAQUE, 2, 0);
	whole_table(POLICY_TAG_SUBJECT, 2, 0);
	whole_table(POLICY_REPLIES_MUST, 2, 1);
	whole_table(POLICY_HOLD_CHANGED_KEYS, 2, 1);
}

static void
what_is_said_is_whose_the_table_says(void **state)
{
	static const char senders[] = "sign subject_trigger header_trigger sign_trigger "
				      "replies_must autocrypt ";
	static const char both[] = "mode cipher opaque keep rsa_bits_min "
				   "hold_changed_keys rsa_signature methods ";

	(void)state;
	for (enum policy_name i = 0; i < POLICY_COUNT; i++) {
		const struct policy_setting *s = &policy_settings[i];
		enum policy_whose whose = strstr(senders, s->name) ? POLICY_SENDERS
					  : strstr(both, s->name)  ? POLICY_BOTH
								   : POLICY_RECIPIENTS;

		assert_int_equal(s->whose, whose);
		assert_non_null(s->text);
		assert_non_null(s->expected);
	}
}

static void
patterns_are_the_nearest_of_the_senders_side(void **state)
{
	static struct world w;
	struct policy_decision d;
	Gateway__Settings s;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	build(&w);
	policy_load(&w.own[0][1], SLICE_LIT("subject_trigger"), SLICE_LIT("geheim"));
	policy_load(&w.own[1][0], SLICE_LIT("subject_trigger"), SLICE_LIT("secret"));
	policy_load(&w.cluster, SLICE_LIT("sign_trigger"), SLICE_LIT("none"));
	policy_load(&w.cluster, SLICE_LIT("header_trigger"), SLICE_LIT("X: y"));
	policy_decide(&w.side[0], &w.side[1], &d);
	policy_resolve(&d, &a, &s);
	assert_string_equal(s.subject_trigger, "geheim");
	assert_string_equal(s.sign_trigger, "");
	assert_string_equal(s.header_trigger, "X: y");
	assert_int_equal(d.by[POLICY_SUBJECT_TRIGGER], POLICY_SENDERS);
	assert_slice(d.recipient[POLICY_SUBJECT_TRIGGER].value.pattern, "secret");
	arena_reset(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_taken_as_they_are_typed),
		cmocka_unit_test(a_mistake_is_said_with_the_next_step),
		cmocka_unit_test(no_text_is_too_long_for_why),
		cmocka_unit_test(what_an_empty_value_says_is_inherited),
		cmocka_unit_test(what_is_stored_is_loaded_unless_it_is_unknown),
		cmocka_unit_test(the_factory_says_what_it_should),
		cmocka_unit_test(the_numbers_are_those_of_the_protocol),
		cmocka_unit_test(levels_have_one_form_each),
		cmocka_unit_test(the_chain_goes_from_the_address_to_the_cluster),
		cmocka_unit_test(the_longest_chain_has_room),
		cmocka_unit_test(every_mode_and_level_is_decided_as_the_oracle_does),
		cmocka_unit_test(every_flag_and_level_is_decided_as_the_oracle_does),
		cmocka_unit_test(what_is_said_is_whose_the_table_says),
		cmocka_unit_test(patterns_are_the_nearest_of_the_senders_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
