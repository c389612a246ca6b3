#include "cmd/cli_check_cluster.h"

#include <string.h>

#include "cmd/cli_control.h"
#include "cmd/store_cluster.h"
#include "core/clock.h"
#include "crypto/keyring.h"
#include "crypto/peer_tls.h"
#include "crypto/tls_cert.h"

/* --- the files --- */

/* They are made by init, join and restore, each node's own: no backup has them to give. */
static const char lost[] =
	"if it was changed by mistake, put it back; else this node can't come back as the one "
	"that "
	"it was: `hairpin cluster remove` it on another one, and `hairpin join` anew";

static void
check_dates(struct cli_findings *f, const char *name, struct slice pem)
{
	struct tls_cert_facts facts;
	int64_t now = (int64_t)clock_wall_sec();

	if (tls_cert_read(pem, &facts))
		cli_finding_add(
			f, lost, "%s/%s holds no certificate", f->config.data_dir, name);
	else if (facts.not_before_sec > now)
		cli_finding_add(f, "set this machine's clock", "%s/%s isn't valid yet",
			f->config.data_dir, name);
	else if (facts.not_after_sec < now)
		cli_finding_add(f, lost, "%s/%s has ended: the other nodes refuse it",
			f->config.data_dir, name);
}

/* The authority follows from the master key; an arbiter has none. */
static void
check_authority(struct cli_findings *f, struct slice authority)
{
	char path[CLI_FINDING_PATH];
	struct tls_cert_facts facts;
	struct seal_key master;
	struct peer_ca *ca = NULL;
	struct stat st;
	struct buf text;
	uint8_t hash[PEER_CA_HASH];

	cli_finding_path(f, "keys/master.key", path);
	buf_init(&text, CLI_FINDING_FILE_MAX);
	/* What is wrong with the key itself is said elsewhere. */
	if (!f->config.arbiter && !stat(path, &st) &&
		cli_finding_read(f, "keys/master.key", "", &text) &&
		!keyring_parse_master(buf_slice(&text), &master) &&
		!tls_cert_read(authority, &facts)) {
		ca = peer_ca_new(&master);
		peer_ca_hash(ca, hash);
		if (memcmp(hash, facts.sha256, sizeof hash) != 0)
			cli_finding_add(f, "put those two there that belong together",
				"%s/tls/cluster.pem isn't the authority that follows from "
				"keys/master.key",
				f->config.data_dir);
	}
	seal_wipe(&master, sizeof master);
	peer_ca_free(ca);
	buf_fini_secret(&text);
}

static void
check_fit(struct cli_findings *f, const struct peer_tls_settings *s)
{
	struct peer_tls *tls;
	enum err e = peer_tls_new(s, &tls);

	if (!e)
		peer_tls_free(tls);
	else
		cli_finding_add(f, lost,
			"tls/node.key, node.pem and cluster.pem in %s %s: the server won't "
			"start so",
			f->config.data_dir,
			e == ERR_SYNTAX ? "aren't all a key and certificates"
					: "don't belong together");
}

static void
check_files(struct cli_findings *f)
{
	struct buf key, cert, authority;
	bool whole;

	buf_init(&key, CLI_FINDING_FILE_MAX);
	buf_init(&cert, CLI_FINDING_FILE_MAX);
	buf_init(&authority, CLI_FINDING_FILE_MAX);
	whole = cli_finding_read_secret(f, "tls/node.key", lost, &key);
	whole = cli_finding_read(f, "tls/node.pem", lost, &cert) && whole;
	whole = cli_finding_read(f, "tls/cluster.pem", lost, &authority) && whole;
	if (whole) {
		const struct peer_tls_settings s = {
			buf_slice(&key), buf_slice(&cert), buf_slice(&authority)};

		check_fit(f, &s);
		check_dates(f, "tls/node.pem", s.cert_pem);
		check_dates(f, "tls/cluster.pem", s.authority_pem);
		check_authority(f, s.authority_pem);
	}
	buf_fini_secret(&key);
	buf_fini(&cert);
	buf_fini(&authority);
}

/* --- the others --- */

static void
ask_server(struct cli_findings *f)
{
	json_t *request = json_pack("{s:s}", "verb", "cluster status"), *answer = NULL, *one;
	size_t i;

	if (cli_control_ask(f->config_path, request, &answer))
		cli_finding_add(f, "see its log", "the server doesn't say how its cluster is");
	json_array_foreach(json_object_get(answer, "findings"), i, one)
		cli_finding_add(f, json_string_value(json_object_get(one, "cure")), "%s",
			json_string_value(json_object_get(one, "what")));
	json_decref(answer);
	json_decref(request);
}

/* Nobody serves: what it knew last. */
static void
look_for_mark(struct cli_findings *f)
{
	char path[CLI_FINDING_PATH];
	struct stat st;

	cli_finding_path(f, STORE_CLUSTER_MARK, path);
	if (!stat(path, &st))
		cli_finding_add(f, STORE_CLUSTER_COME_BACK, STORE_CLUSTER_REMOVED);
}

void
cli_check_cluster(struct cli_findings *f, bool is_running)
{
	/* Alone, and with no port for others. */
	if (config_cluster(&f->config))
		check_files(f);
	if (is_running)
		ask_server(f);
	else
		look_for_mark(f);
}
