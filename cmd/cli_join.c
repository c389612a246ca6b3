#include "cmd/cli_join.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_join_ask.h"
#include "cmd/cli_port.h"
#include "cmd/cli_setup.h"
#include "crypto/keyring.h"
#include "crypto/peer_tls.h"
#include "crypto/tls_cert.h"
#include "store/engine.h"

enum { CONFIG_ROOM = 64 << 10 };

struct join {
	struct cli_setup s;
	char host[PEER_JOIN_NAME_MAX];
	struct peer_join_token token;
	struct seal_pair box;	   /* for this once */
	struct buf node_key, spki; /* PEM, DER */
	struct cli_join_ask ask;
	struct arena arena;
	struct peer_join_answer answer;
	struct peer_join_secrets secrets; /* a data node's */
	struct members members;
	struct buf config;
};

/* --- what is asked --- */

static int
read_token(struct join *j, const struct cli_line *line)
{
	enum err e = peer_join_parse(slice_str(line->word[0]), &j->token);
	bool arbiter = cli_has(line, "--arbiter");

	if (e == ERR_CORRUPT)
		return cli_fail(EX_DATAERR,
			"the token isn't whole: a letter is missing or another. Copy it again "
			"from where `hairpin cluster token` printed it");
	if (e)
		return cli_fail(EX_DATAERR,
			"that is no token: one begins with hairpin-join-1-, "
			"and `hairpin cluster "
			"token` on a member prints it");
	if (arbiter && !j->token.arbiter)
		return cli_fail(EX_DATAERR,
			"the token is for a data node: ask for `hairpin cluster token "
			"--arbiter`, or leave --arbiter away");
	if (!arbiter && j->token.arbiter)
		return cli_fail(EX_DATAERR,
			"the token is for an arbiter: say --arbiter too, or ask for `hairpin "
			"cluster token` without it");
	j->s.arbiter = arbiter;
	return EX_OK;
}

static int
read_hostname(struct join *j, const struct cli_line *line)
{
	bool is_given = j->s.hostname != NULL;

	if (!is_given) {
		if (gethostname(j->host, sizeof j->host - 1))
			j->host[0] = '\0';
		j->s.hostname = j->host;
	}
	if (!*j->s.hostname || strlen(j->s.hostname) >= PEER_JOIN_NAME_MAX)
		return cli_misused(line->verb,
			"--hostname: this machine's name in the DNS is needed, of at most %d "
			"letters",
			PEER_JOIN_NAME_MAX - 1);
	return EX_OK;
}

static int
read_address(struct join *j, const struct cli_line *line)
{
	bool is_six = strchr(j->s.listen, ':') != NULL;

	if (j->s.cluster_address[0])
		return EX_OK;
	if (!strcmp(j->s.listen, "0.0.0.0") || !strcmp(j->s.listen, "::"))
		return cli_misused(line->verb, "--cluster-address: the address of this machine "
					       "at which the other nodes "
					       "reach it is needed");
	snprintf(j->s.cluster_address, sizeof j->s.cluster_address,
		is_six ? "[%s]:%u" : "%s:%u", j->s.listen,
		CLI_SETUP_PEER_PORT + j->s.port_base);
	return EX_OK;
}

/* The configuration of this node, with what all nodes have alike, into j->config. */
static enum err
make_config(struct join *j, struct slice shared, struct config *c, struct config_error *why)
{
	enum err e;

	buf_clear(&j->config);
	cli_setup_format(&j->s, shared, &j->config);
	buf_put_u8(&j->config, '\0');
	if (j->config.overflow) {
		snprintf(why->text, sizeof why->text, "too long");
		return ERR_TOO_BIG;
	}
	e = config_parse((const char *)j->config.p, j->s.config, c, why);
	j->config.n--;
	return e;
}

static int
say_port(const struct config_listener *l, int code)
{
	if (code == EADDRNOTAVAIL)
		return cli_fail(EX_CANTCREAT,
			"no interface of this machine has the address %s (listener %s): say "
			"another one with --listen or --cluster-address; nothing was asked, "
			"the token is still good",
			l->address, l->name);
	return cli_fail(EX_CANTCREAT,
		"another program has port %u at %s (listener %s): stop it (`ss -ltnp` names "
		"it), or choose other ports with --port-base, that of the cluster also with "
		"--cluster-address; nothing was asked, the token is still good",
		l->port, l->address, l->name);
}

/* What would keep the server from starting is found while the token is still good. Privileges
 * are the server's business: who sets it up may have others. */
static int
check_ports(struct join *j)
{
	struct config_error why;
	struct config config;

	if (make_config(j, SLICE_EMPTY, &config, &why))
		return cli_fail(EX_CONFIG, "%s", why.text);
	for (uint32_t i = 0; i < config.listeners; i++) {
		int code = cli_port_try(&config.listener[i]);

		if (code == EADDRINUSE || code == EADDRNOTAVAIL)
			return say_port(&config.listener[i], code);
	}
	return EX_OK;
}

/* --- the question --- */

static int
ask(struct join *j)
{
	seal_pair_new(&j->box);
	if (peer_ca_new_key(&j->node_key, &j->spki))
		return cli_fail(EX_SOFTWARE, "the node's key could not be made");
	j->ask.token = &j->token;
	j->ask.r = (struct peer_join_request){
		.token = slice_of(j->token.id, sizeof j->token.id),
		.until_sec = j->token.until_sec,
		.arbiter = j->token.arbiter,
		.name = slice_str(j->s.hostname),
		.address = slice_str(j->s.cluster_address),
		.node_key = buf_slice(&j->spki),
		.box_key = slice_of(j->box.public_key, sizeof j->box.public_key)};
	return cli_join_ask(&j->ask, &j->arena, &j->answer);
}

/* --- what came --- */

/* Its MAC is good: what doesn't fit is another version's, not an attack. */
static int
say_odd(const struct join *j, const char *what)
{
	return cli_fail(EX_PROTOCOL,
		"the cluster took this node in (as node %u), but %s. On a member: hairpin "
		"cluster remove %u. Then take the same version of hairpin everywhere, and a "
		"new "
		"token",
		j->answer.node, what, j->answer.node);
}

static int
check_certificates(const struct join *j)
{
	struct peer_tls_settings settings = {
		buf_slice(&j->node_key), j->answer.certificate, j->answer.authority};
	struct tls_cert_facts facts;
	struct peer_tls *tls;

	if (tls_cert_read(j->answer.authority, &facts) ||
		memcmp(facts.sha256, j->token.authority, sizeof facts.sha256) != 0)
		return say_odd(j, "its authority isn't the token's");
	if (peer_tls_new(&settings, &tls))
		return say_odd(j, "the certificate that came isn't for our key");
	peer_tls_free(tls);
	return EX_OK;
}

static int
check_config(struct join *j)
{
	struct config_error why;
	struct config config;
	char text[2 * sizeof why.text];

	if (make_config(j, j->answer.config, &config, &why) == ERR_OK)
		return EX_OK;
	snprintf(text, sizeof text, "its configuration isn't one here: %s", why.text);
	return say_odd(j, text);
}

static int
check_answer(struct join *j)
{
	struct peer_join_sealed sealed = {
		j->token.secret, &j->box, j->ask.r.mac, j->answer.sealed};
	int code = check_certificates(j);

	if (!code && (members_unpack(j->answer.members, &j->members) ||
			     !members_find(&j->members, j->answer.node)))
		code = say_odd(j, "its list of members can't be read");
	j->members.index = j->answer.members_index;
	if (!code && !j->s.arbiter && peer_join_open(&sealed, &j->arena, &j->secrets))
		code = say_odd(j, "the keys that came can't be opened");
	if (!code && j->s.arbiter && j->answer.sealed.n)
		code = say_odd(j, "it sent keys to an arbiter");
	return code ? code : check_config(j);
}

/* --- files --- */

static int
write_keys(struct join *j)
{
	struct buf text;
	int code;

	buf_init(&text, 4096);
	keyring_format_master(&j->secrets.master, &text);
	code = cli_setup_write_below(&j->s, "keys/master.key", 0600, buf_slice(&text));
	buf_fini_secret(&text);
	return code;
}

static int
write_certificates(struct join *j)
{
	struct slice name = slice_str(j->s.hostname);
	int code = cli_setup_write_below(&j->s, "tls/node.key", 0600, buf_slice(&j->node_key));

	if (!code)
		code = cli_setup_write_below(
			&j->s, "tls/node.pem", 0644, j->answer.certificate);
	if (!code)
		code = cli_setup_write_below(
			&j->s, "tls/cluster.pem", 0644, j->answer.authority);
	return code || j->s.arbiter ? code : cli_setup_certificate(&j->s, &name, 1);
}

static int
make_database(struct join *j)
{
	char dir[CLI_SETUP_PATH], vault[CLI_SETUP_PATH];
	struct engine_options opt = {.dir = dir, .vault = vault};
	struct engine_join join = {
		.node = j->answer.node, .members = &j->members, .log_key = j->answer.log_key};
	int code;
	enum err e;

	memcpy(join.cluster, j->answer.cluster.p, sizeof join.cluster);
	snprintf(dir, sizeof dir, "%s/db", j->s.data);
	snprintf(vault, sizeof vault, "%s/vault", j->s.data);
	e = engine_create_joined(&opt, &join);
	/* Also what an attempt that failed has left is remembered. */
	code = cli_setup_own_database(&j->s);
	return e ? cli_fail(EX_CANTCREAT, "%s: %s", dir, err_text(e)) : code;
}

static int
write_all(struct join *j)
{
	int code = cli_setup_folders(&j->s);

	if (!code && !j->s.arbiter)
		code = write_keys(j);
	if (!code)
		code = write_certificates(j);
	if (!code)
		code = make_database(j);
	/* Last: its being there says that all of it is. */
	if (!code)
		code = cli_setup_write(&j->s, j->s.config, 0644, buf_slice(&j->config));
	if (!code)
		return EX_OK;
	cli_setup_undo(&j->s);
	return cli_fail(code,
		"nothing was left behind here; but the cluster took this node in, as node %u: "
		"on "
		"a member, `hairpin cluster remove %u`, and ask for a new token",
		j->answer.node, j->answer.node);
}

static void
wipe(struct join *j)
{
	buf_fini_secret(&j->node_key);
	buf_fini(&j->spki);
	buf_fini(&j->config);
	seal_wipe(&j->box, sizeof j->box);
	seal_wipe(&j->token, sizeof j->token);
	seal_wipe(&j->secrets, sizeof j->secrets);
	arena_reset(&j->arena);
}

int
cli_join_run(const struct cli_line *line)
{
	static struct join j;
	int code = read_token(&j, line);

	seal_init();
	tls_init();
	umask(0022);
	arena_init(&j.arena, 0);
	buf_init(&j.node_key, PEER_CA_PEM_MAX);
	buf_init(&j.spki, PEER_CA_PEM_MAX);
	buf_init(&j.config, CONFIG_ROOM);
	if (!code)
		code = cli_setup_read(&j.s, line);
	if (!code)
		code = read_hostname(&j, line);
	if (!code)
		code = read_address(&j, line);
	if (!code)
		code = check_ports(&j);
	if (!code)
		code = ask(&j);
	if (!code)
		code = check_answer(&j);
	if (!code)
		code = write_all(&j);
	if (!code)
		printf("This machine is node %u of the cluster, %s: data in %s, configuration "
		       "in "
		       "%s.\n\nNow run:  hairpin serve -c %s\n",
			j.answer.node, j.s.arbiter ? "its arbiter" : "a data node", j.s.data,
			j.s.config, j.s.config);
	wipe(&j);
	return code;
}
