#include "tests/test.h"

#include <stdio.h>

#include "cmd/config.h"

#define MX "[listener mx]\nkind = mx\n"

static struct config config;
static struct config_error why;

static void
refused(const char *text, const char *words)
{
	why.text[0] = '\0';
	assert_int_equal(config_parse(text, "f", &config, &why), ERR_CONFIG);
	if (!strstr(why.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, why.text);
}

static void
accepted(const char *text)
{
	if (config_parse(text, "f", &config, &why))
		fail_msg("%s: %s", text, why.text);
}

static void
what_is_not_named_has_its_default(void **state)
{
	(void)state;
	accepted(MX);
	assert_string_equal(config.data_dir, "/var/lib/hairpin");
	assert_int_equal(config.message_size, 50 << 20);
	assert_int_equal(config.queue_life_sec, 5 * 86400);
	assert_int_equal(config.delay_warning_sec, 0);
	assert_int_equal(config.delimiter, '+');
	assert_true(config.throttle);
	assert_int_equal(config.listeners, 1);
	assert_string_equal(config.listener[0].address, "0.0.0.0");
	assert_int_equal(config.listener[0].port, 25);
	assert_false(config.listener[0].allow_plaintext_auth);
}

static void
values_have_units_and_bounds(void **state)
{
	(void)state;
	accepted(MX "[limits]\nmessage_size = 2M\ncommand_timeout = 90s\n");
	assert_int_equal(config.message_size, 2 << 20);
	assert_int_equal(config.commands_idle_sec, 90);
	accepted(MX "[limits]\nmessage_size = 4096\ncommand_timeout = 2m\n");
	assert_int_equal(config.message_size, 4096);
	assert_int_equal(config.commands_idle_sec, 120);
	accepted(MX "[limits]\nmessage_size = 512M\n");
	refused(MX "[limits]\nmessage_size = 513M\n", "expected a size like 50M");
	refused(MX "[relay]\nhost = mail server\n", "in [relay]: host: expected mx");
	refused(MX "[relay]\nhost = a,b\n", "in [relay]: host: expected mx");
	refused(MX "[relay .b.test]\ntls = always\n", "in [relay .b.test]: tls: expected");
	refused(MX "[relay b.test]\ncolor = red\n", "`color` in [relay b.test]: unknown key");
	refused(MX "[relay]\ntls = always\n", "expected none, may, encrypt");
	refused(MX "[relay]\nconnections = 0\n", "expected a number");
	refused(MX "[relay]\nconnect_timeout = 0\n", "expected a time");
	refused(MX "[relay]\ntimeout = 3601\n", "expected a time");
	refused(MX "[relay]\ndata_done_timeout = 61m\n", "expected a time");
	refused(MX "[relay]\nconnections = 10001\n", "expected a number");
	refused(MX "[relay]\nconnections_per_hop = 0\n", "expected a number");
	refused(MX "[relay]\nconnections_per_hop = 1001\n", "expected a number");
	refused(MX "[limits]\nmessage_size = 1023\n", "expected a size");
	refused(MX "[limits]\nmessage_size = 2MB\n", "expected a size");
	refused(MX "[limits]\nmessage_size = -1\n", "expected a size");
	refused(MX "[limits]\nmessage_size =\n", "expected a size");
	refused(MX "[limits]\nmessage_size = 99999999999999999999T\n", "expected a size");
	refused(MX "[limits]\nmessage_size = 18446744073709551616\n", "expected a size");
	refused(MX "[limits]\ncommand_timeout = 5w\n", "expected a time like 5m");
	refused(MX "[limits]\nrecipients = 5K\n", "expected a number");
	refused(MX "[limits]\nrecipients = 4294967297\n", "expected a number");
	refused(MX "[auth]\nscram = maybe\n", "yes or no");
	refused(MX "[mail]\nsubaddress_delimiter = ++\n", "one character");
	accepted(MX "[mail]\nsubaddress_delimiter =\n[auth]\nscram = off\n");
	assert_int_equal(config.delimiter, 0);
	assert_false(config.scram);
}

static void
mistakes_are_told_with_their_line_and_the_next_step(void **state)
{
	(void)state;
	refused("[node]\nhostnam = x\n", "f:2: unknown key `hostnam` in [node]; did you mean "
					 "`hostname`?");
	refused("[limit]\nhops = 5\n",
		"f:2: unknown key `hops` in [limit]; did you mean `hops` "
		"in [limits]?");
	refused("[node]\nhostname\n", "f:2: neither `[section]` nor `key = value`");
	refused("[node]\nhostname = a b\n" MX, "hostname");
	refused("[node]\ndata_dir = var\n" MX, "absolute");
	refused("", "no [listener NAME] section");
	assert_int_equal(config_load("/nonexistent/f", &config, &why), ERR_CONFIG);
	assert_non_null(
		strstr(why.text, "No such file or directory; `hairpin init` makes one"));
}

static void
listeners_are_checked(void **state)
{
	(void)state;
	accepted("[listener a]\nkind = imaps\naddress = ::1\nport = 9993\n"
		 "[listener b]\nkind = lmtp\naddress = /run/x\n");
	assert_int_equal(config.listener[0].port, 9993);
	assert_int_equal(config.listener[1].kind, CONFIG_LMTP);
	refused("[listener a]\naddress = ::1\n", "listener a has no kind");
	refused("[listener a]\nkind = pop3\n", "kind is one of");
	refused("[listener a]\nkind = mx\naddress = localhost\n", "no numeric address");
	refused("[listener a]\nkind = mx\naddress = /run/x\n", "no numeric address");
	refused("[listener a]\nkind = lmtp\naddress = run/x\n", "no path of a socket");
	refused("[listener a]\nkind = lmtp\naddress = 127.0.0.1\n", "lmtp has a port");
	refused("[listener a]\nkind = lmtp\n", "lmtp has a port");
	refused("[listener a]\nkind = lmtp\naddress = /run/x\nport = 24\n", "none with a path");
	accepted("[listener a]\nkind = lmtp\naddress = 127.0.0.1\nport = 24\n");
	assert_false(config_is_path(&config.listener[0]));
	assert_int_equal(config.listener[0].port, 24);
	refused("[listener a]\nkind = mx\nport = 0\n", "from 1 to 65535");
	refused("[listener a]\nkind = mx\nport = 65536\n", "from 1 to 65535");
	refused("[listener a]\nkind = mx\nallow_plaintext_auth = 1\n", "yes or no");
	refused("[listener a]\nkind = mx\nports = 1\n", "known are kind, address, port");
	refused("[listener a]\nkind = mx\naddress =\n", "numeric address");
}

#define BACK "[listener b]\nkind = reinject\n"
#define GATE "[gateway]\nreinject = 192.0.2.1, b:27\n[listener g]\nkind = filter\n"

static void
listeners_of_a_hairpin_are_checked(void **state)
{
	struct slice inside = SLICE_LIT("\xc0\x00\x02\x05"),
		     outside = SLICE_LIT("\xc0\x00\x03\x05");

	(void)state;
	accepted(MX "filter = GW1.test:10025, [192.0.2.1]\n");
	assert_string_equal(
		config.listener[0].filter_hop, "filter:[gw1.test]:10025,[192.0.2.1]:10025");
	accepted(BACK "from = 192.0.2.0/24, 2001:db8::/32\n");
	assert_int_equal(config.listener[0].port, 10026);
	assert_int_equal(config.listener[0].hops, 100);
	assert_true(config_is_from(&config.listener[0], inside));
	assert_false(config_is_from(&config.listener[0], outside));
	accepted(GATE "from = 192.0.2.7\nhops = 1000\n");
	assert_string_equal(config.gateway_hop, "smtp:[192.0.2.1]:10026,[b]:27");
	assert_int_equal(config.listener[0].port, 10025);
	assert_int_equal(config.listener[0].hops, 1000);
	accepted(MX "filter = local\n");
	assert_string_equal(config.listener[0].filter_hop, SMTP_HOP_LOCAL);
	accepted(MX "filter = none\n");
	assert_string_equal(config.listener[0].filter_hop, "");
	refused(MX "filter = a b\n", "filter: `a b` won't do");
	refused(MX "filter =\n", "filter: local, none, or HOST:PORT");
	refused("[listener a]\nkind = imap\nfilter = gw\n", "imap has no filter");
	refused(BACK "from = 192.0.2.1\nfilter = gw\n", "reinject has no filter");
	refused(BACK, "say with `from` which networks");
	refused(BACK "from = 192.0.2.1/24\n", "from: networks like");
	refused(BACK "from = 0,0\n", "from: networks like");
	refused(BACK "from = 192.0.2.1\nhops = 1001\n", "hops: a number");
	refused(BACK "from = 192.0.2.1\nhops = 0\n", "hops: a number");
	refused(MX "from = 192.0.2.1\n", "`from` and `certificates` are not for mx");
	refused(MX "hops = 60\n", "`hops` is not for mx");
	refused("[listener g]\nkind = filter\nfrom = 192.0.2.1\n",
		"say with `reinject` in [gateway]");
	refused(MX "[gateway]\nreinject = a b\n", "reinject in [gateway]: `a b` won't do");
	accepted(MX "[gateway]\nreinject = none\n");
	assert_string_equal(config.gateway_hop, "");
}

#define PIN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"

static void
who_is_known_by_a_certificate_is_checked(void **state)
{
	char text[4096] = BACK;

	(void)state;
	accepted(BACK "certificates = " PIN "\ncertificates = /etc/ca.pem\n");
	assert_int_equal(config.listener[0].certificates.n, 2);
	assert_string_equal(config.listener[0].certificates.text[1], "/etc/ca.pem");
	assert_int_equal(config.listener[0].hops, 100);
	refused(BACK "certificates = ca.pem\n", "certificates: a certificate's SHA-256");
	refused(BACK "certificates = " PIN "0\n", "certificates: a certificate's SHA-256");
	refused(MX "certificates = " PIN "\n", "`certificates` are not for mx");
	for (int i = 0; i < CONFIG_LIST_MAX; i++)
		strcat(text, "certificates = " PIN "\n");
	accepted(text);
	strcat(text, "certificates = " PIN "\n");
	refused(text, "at most 16");
}

static void
hops_of_a_hairpin_have_their_own_tls(void **state)
{
	struct slice filter = SLICE_LIT("filter:[gw.test]:10025"),
		     back = SLICE_LIT("smtp:[mail.test]:10026");
	const struct config_route *route = &config.relay.route[0];

	(void)state;
	accepted(MX "[relay]\ntls = verify\n[gateway]\nreinject = mail.test\n");
	assert_int_equal(config_hop_tls(&config, route, filter).level, SMTP_TLS_POLICY_MAY);
	assert_true(config_hop_tls(&config, route, filter).shows_certificate);
	assert_int_equal(config_hop_tls(&config, route, back).level, SMTP_TLS_POLICY_MAY);
	assert_true(config_hop_tls(&config, route, back).shows_certificate);
	assert_int_equal(config_hop_tls(&config, route, SLICE_LIT("smtp:x.test")).level,
		SMTP_TLS_POLICY_VERIFY);
	assert_false(
		config_hop_tls(&config, route, SLICE_LIT("smtp:x.test")).shows_certificate);
	accepted(MX "[relay]\ncertificate = node\n[filter]\ntls = encrypt\n"
		    "certificate = none\n");
	assert_int_equal(config_hop_tls(&config, route, filter).level, SMTP_TLS_POLICY_ENCRYPT);
	assert_false(config_hop_tls(&config, route, filter).shows_certificate);
	assert_true(config_hop_tls(&config, route, SLICE_LIT("smtp:x.test")).shows_certificate);
	accepted(MX "filter = gw.test\n[filter]\ntls = verify\n");
	refused(MX "filter = 192.0.2.1\n[filter]\ntls = verify\n",
		"tls in [filter]: verify needs names");
	refused(MX "[filter]\ntls = dane-only\n[filter x.test]\nfilter = [::1]\n",
		"tls in [filter]: dane-only needs names");
	refused(MX "[gateway]\nreinject = [192.0.2.1]\ntls = verify\n",
		"tls in [gateway]: verify needs names");
	refused(MX "[filter]\ntls = maybe\n", "tls in [filter]: expected none, may");
	refused(MX "[filter]\ncertificate = mine\n", "certificate in [filter]: expected node");
	refused(MX "[gateway]\ncertificate = mine\n",
		"certificate in [gateway]: expected node");
	refused(MX "[relay]\ncertificate = mine\n", "certificate: expected node");
	refused(MX "[filter x.test]\nhost = a\n", "`host` in [filter x.test]: unknown key");
}

static void
a_cluster_listener_is_one_and_says_where_others_call(void **state)
{
#define CLUSTER "[listener c]\nkind = cluster\naddress = "
	(void)state;
	accepted("[listener a]\nkind = mx\n");
	assert_null(config_cluster(&config));
	assert_false(config.arbiter);
	accepted("[listener a]\nkind = mx\n" CLUSTER "192.0.2.1\n");
	assert_ptr_equal(config_cluster(&config), &config.listener[1]);
	assert_int_equal(config_cluster(&config)->port, 4627);
	accepted(CLUSTER "2001:db8::1\nport = 1\n");
	refused("[listener c]\nkind = cluster\n", "name the address at which");
	refused(CLUSTER "::\n", "name the address at which");
	refused(CLUSTER "/run/x\n", "no numeric address");
	refused(CLUSTER "192.0.2.1\n[listener d]\nkind = cluster\naddress = 192.0.2.1\n",
		"listener d: there is a cluster listener already, c");
	accepted("[node]\narbiter = yes\n" CLUSTER "192.0.2.1\n");
	assert_true(config.arbiter);
	refused("[node]\narbiter = yes\n" MX CLUSTER "192.0.2.1\n",
		"an arbiter has a cluster listener only");
	refused("[node]\narbiter = maybe\n" MX, "yes or no");
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ANCHOR "trust_anchor = corp.test IN DS 12345 13 2 " HEX "\n"

static void
the_dns_is_asked_as_the_host_does_unless_it_says_otherwise(void **state)
{
	(void)state;
	accepted(MX);
	assert_string_equal(config.dns_servers, "host");
	assert_true(config.dns_validate);
	assert_int_equal(config.dns_stub.n + config.dns_anchor.n, 0);
	accepted(MX "[dns]\nservers = 192.0.2.1, [2001:db8::1]:5353\nvalidate = no\n"
		    "stub = corp.test 192.0.2.53\nstub = none\n" ANCHOR ANCHOR);
	assert_int_equal(config.dns_stub.n, 1);
	assert_int_equal(config.dns_anchor.n, 2);
	assert_string_equal(config.dns_anchor.text[1], "corp.test IN DS 12345 13 2 " HEX);
	accepted(MX "[dns]\nservers = recursive\n");
	refused(MX "[dns]\nservers = ns.example.org\n", "a numeric address is needed");
	refused(MX "[dns]\nservers = host, 192.0.2.1\n", "one word, host or recursive");
	refused(MX "[dns]\nservers =\n", "expected a text");
	refused(MX "[dns]\nservers = ::1 ::1 ::1 ::1 ::1 ::1 ::1 ::1 ::1\n", "8 servers");
	refused(MX "[dns]\nstub = corp.test\n", "stub in [dns]: `corp.test`: a numeric");
	refused(MX "[dns]\ntrust_anchor = corp.test\n", "a DS record is needed");
}

static void
a_list_has_sixteen_texts_at_most(void **state)
{
	char text[4096] = MX "[dns]\n";

	(void)state;
	for (int i = 0; i < CONFIG_LIST_MAX; i++)
		strcat(text, "stub = a.test ::1\n");
	accepted(text);
	assert_int_equal(config.dns_stub.n, 16);
	strcat(text, "stub = a.test ::1\n");
	refused(text, "stub: `a.test ::1` won't do");
}

static void
too_many_listeners_are_refused(void **state)
{
	char text[4096] = "";
	size_t n = 0;

	(void)state;
	for (int i = 0; i < CONFIG_LISTENERS_MAX; i++)
		n += (size_t)snprintf(
			text + n, sizeof text - n, "[listener l%d]\nkind = mx\n", i);
	accepted(text);
	snprintf(text + n, sizeof text - n, "[listener more]\nkind = mx\n");
	refused(text, "too many listeners");
}

static void
what_is_written_reads_back_the_same(void **state)
{
	struct buf first, second;

	(void)state;
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	accepted("[node]\nhostname = mail.example.org\nmap_size = 3G\n[limits]\nimap_idle = "
		 "90m\n"
		 "message_size = 1025\n[mail]\nsubaddress_delimiter =\nrepeat_window = 0\n"
		 "[listener a]\nkind = imap\nport = 1143\nallow_plaintext_auth = yes\n"
		 "[listener b]\nkind = lmtp\naddress = /run/x\n"
		 "[dns]\nstub = a.test ::1\nstub = b.test ::2\n" ANCHOR);
	config_format(&config, false, &first);
	buf_put_u8(&first, 0);
	accepted((const char *)first.p);
	assert_int_equal(config.message_size, 1025);
	assert_int_equal(config.map_bytes, (uint64_t)3 << 30);
	assert_int_equal(config.repeat_window_sec, 0);
	config_format(&config, false, &second);
	buf_put_u8(&second, 0);
	assert_string_equal((const char *)first.p, (const char *)second.p);
	assert_non_null(strstr((const char *)first.p, "imap_idle = 90m\n"));
	assert_int_equal(config.dns_stub.n, 2);
	assert_string_equal(config.dns_stub.text[1], "b.test ::2");
	buf_fini(&first);
	buf_fini(&second);
}

static void
what_all_nodes_have_alike_is_written_without_defaults_and_places(void **state)
{
	struct config again;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	accepted(MX);
	config_format_shared(&config, &b);
	assert_int_equal(b.n, 0);
	accepted("[node]\nhostname = a.example.org\nuid = 7\n[processes]\nsmtpd = 4\n" MX
		 "[limits]\nmessage_size = 2M\nhops = 20\n[auth]\nscram = no\n"
		 "[dns]\nservers = ::1\nstub = a.test ::1\nstub = b.test ::2\n");
	config_format_shared(&config, &b);
	buf_put_str(&b, "\n" MX);
	buf_put_u8(&b, '\0');
	assert_null(strstr((const char *)b.p, "uid"));
	assert_null(strstr((const char *)b.p, "hostname"));
	assert_null(strstr((const char *)b.p, "processes"));
	assert_int_equal(config_parse((const char *)b.p, "f", &again, &why), ERR_OK);
	assert_int_equal(again.message_size, 2 << 20);
	assert_int_equal(again.hops, 20);
	assert_false(again.scram);
	assert_string_equal(again.dns_servers, "host");
	assert_int_equal(again.dns_stub.n, 2);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_named_has_its_default),
		cmocka_unit_test(values_have_units_and_bounds),
		cmocka_unit_test(mistakes_are_told_with_their_line_and_the_next_step),
		cmocka_unit_test(listeners_are_checked),
		cmocka_unit_test(listeners_of_a_hairpin_are_checked),
		cmocka_unit_test(who_is_known_by_a_certificate_is_checked),
		cmocka_unit_test(hops_of_a_hairpin_have_their_own_tls),
		cmocka_unit_test(a_cluster_listener_is_one_and_says_where_others_call),
		cmocka_unit_test(the_dns_is_asked_as_the_host_does_unless_it_says_otherwise),
		cmocka_unit_test(a_list_has_sixteen_texts_at_most),
		cmocka_unit_test(too_many_listeners_are_refused),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(
			what_all_nodes_have_alike_is_written_without_defaults_and_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
