#include "cmd/cli_verbs.h"

#include <string.h>

#include "cmd/cli_backup.h"
#include "cmd/cli_cert.h"
#include "cmd/cli_check.h"
#include "cmd/cli_cluster.h"
#include "cmd/cli_config.h"
#include "cmd/cli_container.h"
#include "cmd/cli_control.h"
#include "cmd/cli_demo.h"
#include "cmd/cli_dkim.h"
#include "cmd/cli_gateway.h"
#include "cmd/cli_help.h"
#include "cmd/cli_init.h"
#include "cmd/cli_join.h"
#include "cmd/cli_key.h"
#include "cmd/cli_key_export.h"
#include "cmd/cli_mime.h"
#include "cmd/cli_restore.h"
#include "cmd/cli_serve.h"
#include "cmd/cli_smime.h"
#include "cmd/cli_smime_signed.h"
#include "cmd/cli_sop.h"
#include "cmd/cli_store.h"
#include "cmd/cli_verify.h"
#include "core/spelling.h"

#define ACCOUNT                                                                                \
	"--full-name --quota-bytes --quota-messages --recipients-per-hour "                    \
	"--recipients-per-day --send-as"
#define GATEWAY "--policy --from --to --key --cert --ca --now --hostname --json"
#define FILTERS "--sender --to --hop --stage --node --held --older-than --status"

const struct cli_verb cli_verbs[] = {
	{"init", "",
		"--domain --user --password --hostname --data --listen --port-base --uid "
		"--plaintext-auth --cluster-address",
		"set up this machine: keys, certificate, first domain and user", cli_init_run},
	{"join", "TOKEN",
		"--hostname --data --listen --port-base --uid --plaintext-auth "
		"--cluster-address --arbiter",
		"set up this machine as a node of a cluster", cli_join_run},
	{"serve", "", "", "run the server in the foreground; log lines on standard error",
		cli_serve_run},
	{"container", "",
		"--domain --user --password-file --hostname --data --listen --port-base --uid "
		"--plaintext-auth --cluster-address --arbiter --join --tokens",
		"serve; at the first start set this node up, unattended", cli_container_run},
	{"check", "", "--local --outbound --json",
		"look for what is wrong, and say how to mend it", cli_check_run},
	{"backup", "[FOLDER]", "--vault --json", "copy the mail, or what came since; online",
		cli_backup_run},
	{"restore", "FOLDER", "--vault --data --uid --json", "a new server out of a backup",
		cli_restore_run},
	{"demo", "", "--estate",
		"show three data centres at work, and what happens when one dies",
		cli_demo_run},
	{"config", "", "--defaults", "print every key of the configuration with its value",
		cli_config_run},

	{"domain add", "DOMAIN", "--json", "take mail for a domain", cli_control_run},
	{"domain delete", "DOMAIN", "--json", "no longer (its addresses must be gone)",
		cli_control_run},
	{"domain list", "", "--json", "the domains", cli_control_run},
	{"user add", "ADDRESS", "--password " ACCOUNT " --json", "a mailbox and its login",
		cli_control_run},
	{"user delete", "ADDRESS", "--json", "with all mail; the key of that mail is destroyed",
		cli_control_run},
	{"user list", "", "--json", "the users, with what they keep and may keep",
		cli_control_run},
	{"user show", "ADDRESS", "--json", "one user", cli_control_run},
	{"user password", "ADDRESS", "--password --json",
		"a new password; ends the user's sessions", cli_control_run},
	{"user set", "ADDRESS", ACCOUNT " --disable --enable --json",
		"change what the options name", cli_control_run},
	{"alias add", "ADDRESS TARGET...", "--json", "an address that leads to others",
		cli_control_run},
	{"alias delete", "ADDRESS", "--json", "remove an alias", cli_control_run},
	{"alias list", "", "--json", "the aliases", cli_control_run},
	{"group set", "ADDRESS [TARGET...]", "--posters --json",
		"a group and all its members, here or elsewhere", cli_control_run},
	{"group add", "ADDRESS TARGET...", "--json",
		"more members; - stands for those on standard input, one a line",
		cli_control_run},
	{"group remove", "ADDRESS TARGET...", "--json", "fewer members", cli_control_run},
	{"group show", "ADDRESS", "--json", "one group", cli_control_run},
	{"group delete", "ADDRESS", "--json", "remove a group", cli_control_run},
	{"group list", "", "--json", "the groups", cli_control_run},
	{"forward set", "ADDRESS TARGET...", "--keep --json", "send a user's mail on",
		cli_control_run},
	{"forward clear", "ADDRESS", "--json", "no longer", cli_control_run},
	{"forward list", "", "--json", "the forwards", cli_control_run},
	{"catch-all set", "@DOMAIN TARGET...", "--json",
		"where mail for unknown addresses of a domain goes", cli_control_run},
	{"catch-all delete", "@DOMAIN", "--json", "remove it: unknown addresses are refused",
		cli_control_run},
	{"catch-all list", "", "--json", "the catch-alls", cli_control_run},
	{"service add", "ADDRESS", "--password " ACCOUNT " --from-network --json",
		"a login for a program that sends mail, from any address", cli_control_run},
	{"service delete", "ADDRESS", "--json", "remove a service", cli_control_run},
	{"service list", "", "--json", "the services", cli_control_run},
	{"service show", "ADDRESS", "--json", "one service", cli_control_run},
	{"service password", "ADDRESS", "--password --json", "a new password", cli_control_run},
	{"service set", "ADDRESS", ACCOUNT " --from-network --disable --enable --json",
		"change what the options name", cli_control_run},

	{"key import", "FILE [ADDRESS...]", "--password --password-file --json",
		"take in private keys with their certificates: .p12, .pfx, PEM, OpenPGP's",
		cli_key_import},
	{"key create", "ADDRESS...", "--kind --days --csr --json",
		"make a private key and a certificate, or a request for one", cli_key_create},
	{"key list", "[ADDRESS]", "--json", "the private keys", cli_control_run},
	{"key show", "ID", "--json", "one of them, with its certificate", cli_control_run},
	{"key export", "ID", "--p12 --old --pem --password --password-file --json",
		"a private key out of the data folder; as root", cli_key_export_run},
	{"key retire", "ID", "--json", "it opens what comes, and signs no more",
		cli_control_run},
	{"key delete", "ID", "--json", "destroy it: mail encrypted to it can't be read again",
		cli_control_run},
	{"cert add", "FILE [ADDRESS...]", "--password --password-file --json",
		"certificates that mail is encrypted to, of others or of domains",
		cli_cert_add},
	{"cert list", "[ADDRESS]", "--trusted --json",
		"whose there are, how far they are believed, what waits for approval",
		cli_control_run},
	{"cert show", "SHA256", "--pem --json", "one of them", cli_cert_show},
	{"cert approve", "SHA256 [ADDRESS]", "--json",
		"use it from now on, in the place of the others", cli_control_run},
	{"cert delete", "SHA256 [ADDRESS]", "--json", "forget it", cli_control_run},
	{"cert refresh", "[ADDRESS]", "--json", "ask now whether certificates are revoked",
		cli_control_run},
	{"cert block", "SHA256", "--comment --json",
		"never encrypt to it, nor believe what it signed", cli_control_run},
	{"cert trust", "FILE|SHA256", "--comment --password --password-file --json",
		"believe an authority, or one certificate", cli_cert_trust},
	{"cert untrust", "SHA256", "--json", "neither trust nor block it any more",
		cli_control_run},

	{"queue list", "", FILTERS " --json", "what waits, and for what", cli_control_run},
	{"queue show", "ID", "--json", "one mail, and how it came", cli_control_run},
	{"queue hops", "", "--json", "the servers that mail waits for, the most wanted first",
		cli_control_run},
	{"queue retry", "[ID]", FILTERS " --all --json", "try it now", cli_control_run},
	{"queue hold", "[ID]", FILTERS " --all --json", "leave it alone until it is released",
		cli_control_run},
	{"queue release", "[ID]", FILTERS " --all --json", "go on with it", cli_control_run},
	{"queue delete", "[ID]", FILTERS " --all --json", "throw it away, without a bounce",
		cli_control_run},
	{"queue reroute", "[ID]", "--via " FILTERS " --all --json",
		"send what waits to leave by another way", cli_control_run},
	{"why", "ID", "--json", "the story of a mail, by its Message-ID or queue id",
		cli_control_run},
	{"store stats", "", "--json", "sizes and counts", cli_control_run},
	{"store check", "", "--offline --json", "prove every invariant of the database",
		cli_store_check},
	{"store compact", "", "--json",
		"drop old log entries and free pages; destroyed keys are gone then",
		cli_control_run},

	{"cluster token", "", "--arbiter --hours --json",
		"print what a new machine needs for `hairpin join`, once", cli_cluster_token},
	{"cluster status", "", "--healthy --json", "the nodes, who leads, and what is wrong",
		cli_cluster_status},
	{"cluster remove", "NODE", "--json", "a node leaves the cluster, for ever",
		cli_cluster_change},
	{"cluster promote", "NODE", "--json", "give a node its vote, now", cli_cluster_change},
	{"cluster drain", "", "--undo --json",
		"send this node's clients away, and let another one lead", cli_cluster_change},
	{"cluster verify", "", "--json", "prove that all nodes have the same", cli_verify_run},

	{"policy get", "[LEVEL]", "--json", "the settings of encryption that hold there",
		cli_control_run},
	{"policy set", "LEVEL NAME=VALUE...", "--json",
		"change some; a value that is empty is inherited again", cli_control_run},
	{"policy list", "", "--json", "what each level says", cli_control_run},
	{"policy explain", "FROM TO", "--json",
		"what becomes of a mail between two addresses, and why", cli_control_run},

	{"dns", "NAME [TYPE]", "--json", "ask the DNS as the server does; is it proved?",
		cli_control_run},
	{"sts list", "", "--json", "the MTA-STS policies of other domains that are kept",
		cli_control_run},
	{"sts show", "DOMAIN", "--json", "one of them", cli_control_run},

	{"gateway in", "<MAIL", GATEWAY, "what becomes of a mail that comes", cli_gateway_run},
	{"gateway out", "<MAIL", GATEWAY " --reply", "what becomes of a mail that leaves",
		cli_gateway_run},
	{"dkim list", "", "--json", "the keys that sign mail of our domains", cli_control_run},
	{"dkim show", "DOMAIN", "--json", "a domain's keys, and their records for the DNS",
		cli_control_run},
	{"dkim rotate", "DOMAIN", "--json", "new keys, which wait for the DNS",
		cli_control_run},
	{"dkim import", "DOMAIN SELECTOR <KEY", "--json", "a key in PEM, which waits too",
		cli_dkim_import},
	{"dkim activate", "DOMAIN [SELECTOR]", "--force --json",
		"sign with those that wait, if the DNS has them", cli_control_run},
	{"dkim delete", "DOMAIN SELECTOR", "--force --json", "destroy a key", cli_control_run},
	{"dkim sign", "<MAIL",
		"--domain --selector --key --ed25519-selector --ed25519-key --now",
		"a mail with its DKIM signatures on top", cli_dkim_sign},

	{"mime dump", "<MAIL", "", "the parts of a mail and where they are, in JSON",
		cli_mime_dump},
	{"imap bodystructure", "<MAIL", "", "BODYSTRUCTURE of a mail", cli_mime_imap},
	{"imap body", "<MAIL", "", "BODY of a mail", cli_mime_imap},
	{"imap envelope", "<MAIL", "", "ENVELOPE of a mail", cli_mime_imap},
	{"addr parse", "ADDRESS", "--json", "is it one, and what is its canonical form",
		cli_mime_addr},
	{"smime encrypt", "CERT... <PART", "--cipher --oaep --der --now",
		"encrypt a MIME part to certificates", cli_smime_encrypt},
	{"smime decrypt", "KEY CERT <MAIL", "--now",
		"take an encryption off, if the key's certificate is named in it",
		cli_smime_decrypt},
	{"smime sign", "KEY CERT [CHAIN] <PART", "--opaque --pss --der --now",
		"sign a MIME part", cli_smime_signed_sign},
	{"smime verify", "CAFILE <MAIL", "--crl --now",
		"print what was signed, if the signature is good", cli_smime_signed_verify},
	{"sop", "[VERB...]", NULL, "stateless OpenPGP: `hairpin sop help` says more",
		cli_sop_run},

	{"help", "[VERB [WORD]]", "", "this page, or one verb and its options", cli_help_run},
	{"version", "", "", "say the version", cli_help_version},
	{0},
};

const struct cli_option cli_verbs_options[] = {
	{"-c", "FILE", "the configuration file"},
	{"--domain", "DOMAIN", "the mail domain; the first one is asked for else"},
	{"--user", "NAME", "the first user, NAME or NAME@DOMAIN; else asked for"},
	{"--password", "WORD", "else asked for, or standard input's first line"},
	{"--password-file", "FILE", "whose first line is the password"},
	{"--hostname", "HOST", "this machine's name in the DNS; else mail.DOMAIN"},
	{"--data", "FOLDER", "the data folder; else /var/lib/hairpin"},
	{"--listen", "ADDRESS", "numeric address of the listeners; else 0.0.0.0"},
	{"--port-base", "N", "added to each port: 20000 makes 20025, 20143 ..."},
	{"--uid", "N", "user and group number of the processes; else 10025"},
	{"--plaintext-auth", NULL, "allow logins without TLS: for tests on loopback"},
	{"--cluster-address", "ADDRESS", "where other nodes reach this one"},
	{"--arbiter", NULL, "a node that votes, and holds neither mail nor keys"},
	{"--join", "FOLDER", "join the cluster whose token comes there"},
	{"--tokens", "FOLDER", "put tokens in its folders data and arbiter"},
	{"--healthy", NULL, "say nothing; fail unless this node does its part"},
	{"--hours", "N", "how long the token is good; else 1"},
	{"--undo", NULL, "take clients again"},
	{"--full-name", "TEXT", "the person's name"},
	{"--quota-bytes", "SIZE", "most octets of mail (K, M, G, T); 0: no limit"},
	{"--quota-messages", "N", "most messages; 0: no limit"},
	{"--recipients-per-hour", "N", "most to send to in an hour; 0: no limit; or default"},
	{"--recipients-per-day", "N", "most to send to in 24 hours; 0: no limit; or default"},
	{"--send-as", "LIST", "further addresses to send from, commas between"},
	{"--posters", "LIST", "who may write: anyone, members, own-domain, addresses"},
	{"--from-network", "LIST", "networks it may log in from, like 192.0.2.0/24; or any"},
	{"--disable", NULL, "no login, no mail; ends the sessions"},
	{"--enable", NULL, "the contrary"},
	{"--keep", NULL, "leave a copy in the user's own mailbox"},
	{"--sender", "FROM", "mail of that sender, of @DOMAIN, or reports: <>"},
	{"--to", "TO", "to that address, or to @DOMAIN; or several, by commas"},
	{"--hop", "HOP", "that waits for that server, as `queue hops` names it"},
	{"--stage", "NAME", "route, deliver or relay"},
	{"--node", "N", "that node works on it"},
	{"--held", NULL, "that is held"},
	{"--older-than", "AGE", "that came before so long, like 90s, 30m, 12h, 2d"},
	{"--status", "TEXT", "whose last reply holds this text"},
	{"--all", NULL, "all mail of the queue"},
	{"--via", "HOP", "that way, like smtp:[192.0.2.1]:25; else routed anew"},
	{"--vault", "FOLDER", "the folder with the copy of the vault"},
	{"--kind", "K", "rsa2048, rsa3072, rsa4096, p256, p384, openpgp, openpgp6"},
	{"--days", "N", "how long the certificate is good; else 730"},
	{"--csr", NULL, "print a request for a certificate instead of making one"},
	{"--p12", "FILE", "write a new PKCS#12 file, under a password"},
	{"--old", NULL, "with 3DES and SHA-1, for programs that can't read AES"},
	{"--pem", NULL, "print it as PEM"},
	{"--trusted", NULL, "what is trusted or blocked by hand"},
	{"--comment", "TEXT", "why; is shown with it"},
	{"--estate", NULL, "two clusters, mail and gateway, and a partner outside"},
	{"--defaults", NULL, "each key's default, type and bounds; reads no file"},
	{"--policy", "FILE", "the policy; else the factory's"},
	{"--from", "ADDRESS", "the envelope's sender; else the mail's From"},
	{"--key", "FILES", "private keys, their certificates; PEM, by commas"},
	{"--cert", "FILES", "certificates of others; PEM, by commas"},
	{"--ca", "FILES", "authorities to trust; PEM, by commas"},
	{"--now", "SECONDS", "the time, since 1970; else it is now"},
	{"--reply", NULL, "it answers a mail that was decrypted"},
	{"--force", NULL, "all the same"},
	{"--selector", "NAME", "under which the DNS has the public key"},
	{"--ed25519-selector", "NAME", "of a second key"},
	{"--ed25519-key", "FILE", "the second key, in PEM"},
	{"--local", NULL, "look at this machine alone: no DNS, no calls to others"},
	{"--outbound", "HOST", "call HOST or HOST:PORT to see if mail can leave"},
	{"--opaque", NULL, "the content inside of the signature"},
	{"--crl", "FILE", "what the authorities take back: a CRL in DER"},
	{"--pss", NULL, "RSASSA-PSS with an RSA key"},
	{"--offline", NULL, "read the database itself: no server is needed"},
	{"--cipher", "NAME", "auto, aes128-cbc, aes256-cbc, aes128-gcm, aes256-gcm"},
	{"--oaep", NULL, "for RSA keys by OAEP, else by PKCS#1 v1.5"},
	{"--der", NULL, "CMS itself comes out, else a mail that has it in base64"},
	{"--json", NULL, "answer in JSON"},
	{0},
};

static size_t
first_word(const char *name)
{
	return strcspn(name, " ");
}

const struct cli_verb *
cli_verbs_find(int argc, char **argv, int *used)
{
	for (const struct cli_verb *v = cli_verbs; v->name && argc; v++) {
		size_t n = first_word(v->name);

		if (strncmp(v->name, argv[0], n) || argv[0][n])
			continue;
		*used = v->name[n] ? 2 : 1;
		if (!v->name[n] || (argc > 1 && !strcmp(v->name + n + 1, argv[1])))
			return v;
	}
	return NULL;
}

const struct cli_verb *
cli_verbs_group(const char *word)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		size_t n = first_word(v->name);

		if (!strncmp(v->name, word, n) && !word[n])
			return v;
	}
	return NULL;
}

bool
cli_verbs_same_group(const struct cli_verb *a, const struct cli_verb *b)
{
	size_t n = first_word(a->name);

	return n == first_word(b->name) && !strncmp(a->name, b->name, n);
}

static bool
takes(const struct cli_verb *verb, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = verb->options; at && (at = strstr(at, name)); at += n)
		if ((at == verb->options || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return !strcmp(name, "-c");
}

const struct cli_option *
cli_verbs_option(const struct cli_verb *verb, const char *name)
{
	for (const struct cli_option *o = cli_verbs_options; o->name; o++)
		if (!strcmp(o->name, name))
			return takes(verb, name) ? o : NULL;
	return NULL;
}

const char *
cli_verbs_nearest(const char *word)
{
	static char best[32];
	unsigned least = SPELLING_FAR + 1, d;

	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		char one[sizeof best];

		snprintf(one, sizeof one, "%.*s", (int)first_word(v->name), v->name);
		d = spelling_distance(word, one);
		if (d < least) {
			least = d;
			memcpy(best, one, sizeof best);
		}
	}
	return best;
}

const char *
cli_verbs_nearest_option(const struct cli_verb *verb, const char *name)
{
	const char *best = "-c";
	unsigned least = SPELLING_FAR + 1, d;

	for (const struct cli_option *o = cli_verbs_options; o->name; o++) {
		/* The beginning of a long one is as good as the whole. */
		d = strncmp(name, o->name, strlen(name)) ? spelling_distance(name, o->name) : 0;
		if (takes(verb, o->name) && d < least) {
			least = d;
			best = o->name;
		}
	}
	return best;
}
