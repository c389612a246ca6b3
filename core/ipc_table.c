#include "core/ipc_table.h"

#include "core/ipc.pb-c.h"
#include "core/must.h"

#define R(role) (1u << ROLE_##role)
enum { SMALL = 1024, MEDIUM = 16 * 1024, LARGE = IPC_FRAME_MAX - 64 };
enum {
	CHILDREN = R(STORE) | R(KEYD) | R(AUTH) | R(SMTPD) | R(IMAPD) | R(FILTERD) |
		   R(COURIER) | R(LINK) | R(RESOLVER) | R(FETCH)
};

static const struct ipc_rule rules[] = {
	{IPC_START, "START", &ipc__start__descriptor, NULL, R(PARENT), CHILDREN, MEDIUM, false},
	{IPC_LISTENER, "LISTENER", &ipc__listener__descriptor, NULL, R(PARENT),
		R(SMTPD) | R(IMAPD) | R(COURIER) | R(LINK), SMALL, true},
	{IPC_PEER, "PEER", &ipc__peer__descriptor, NULL, R(PARENT), CHILDREN, SMALL, true},
	{IPC_FLOOR_PAGE, "FLOOR_PAGE", &ipc__floor_page__descriptor, NULL, R(PARENT), CHILDREN,
		SMALL, true},
	{IPC_READY, "READY", &ipc__ready__descriptor, NULL, CHILDREN, R(PARENT), SMALL, false},
	{IPC_TLS_FILE, "TLS_FILE", &ipc__tls_file__descriptor, NULL, R(PARENT),
		R(KEYD) | R(SMTPD) | R(IMAPD) | R(COURIER), SMALL, true},
	{IPC_PROPOSE, "PROPOSE", &ipc__propose__descriptor, &ipc__proposed__descriptor,
		R(SMTPD) | R(IMAPD) | R(COURIER), R(STORE), LARGE, true},
	{IPC_WATCH, "WATCH", &ipc__watch__descriptor, NULL, R(STORE),
		R(SMTPD) | R(IMAPD) | R(COURIER), LARGE, false},
	{IPC_STORE_ADMIN, "STORE_ADMIN", &ipc__store_admin__descriptor, &ipc__json__descriptor,
		R(COURIER), R(STORE), LARGE, false},
	{IPC_LINK_MEMBERS, "LINK_MEMBERS", &ipc__link_members__descriptor, NULL, R(STORE),
		R(LINK), MEDIUM, false},
	{IPC_LINK_PART, "LINK_PART", &ipc__link_part__descriptor, NULL, R(STORE) | R(LINK),
		R(STORE) | R(LINK), LARGE, false},
	{IPC_LINK_PEER, "LINK_PEER", &ipc__link_peer__descriptor, NULL, R(STORE) | R(LINK),
		R(STORE) | R(LINK), SMALL, false},
	{IPC_LINK_JOIN, "LINK_JOIN", &ipc__link_join__descriptor, &ipc__link_joined__descriptor,
		R(LINK), R(STORE), MEDIUM, false},
	{IPC_KEYD_TOKEN, "KEYD_TOKEN", &ipc__keyd_token__descriptor,
		&ipc__keyd_token_secret__descriptor, R(COURIER), R(KEYD), SMALL, false},
	{IPC_KEYD_JOIN, "KEYD_JOIN", &ipc__keyd_join__descriptor, &ipc__keyd_joined__descriptor,
		R(LINK), R(KEYD), LARGE, false},
	{IPC_KEYD_SIGN, "KEYD_SIGN", &ipc__keyd_sign__descriptor, &ipc__keyd_signed__descriptor,
		R(SMTPD) | R(IMAPD) | R(COURIER), R(KEYD), MEDIUM, false},
	{IPC_KEYD_LOG_KEY, "KEYD_LOG_KEY", &ipc__keyd_log_key__descriptor,
		&ipc__keyd_key__descriptor, R(STORE), R(KEYD), SMALL, false},
	{IPC_KEYD_NAMED_KEY, "KEYD_NAMED_KEY", &ipc__keyd_named_key__descriptor,
		&ipc__keyd_key__descriptor, R(AUTH) | R(SMTPD) | R(COURIER), R(KEYD), SMALL,
		false},
	{IPC_KEYD_NEW_PAIR, "KEYD_NEW_PAIR", &ipc__keyd_new_pair__descriptor,
		&ipc__keyd_pair__descriptor, R(COURIER), R(KEYD), SMALL, false},
	{IPC_KEYD_ACCOUNT, "KEYD_ACCOUNT", &ipc__keyd_account__descriptor,
		&ipc__keyd_secret__descriptor, R(IMAPD), R(KEYD), MEDIUM, false},
	{IPC_KEYD_WRAP, "KEYD_WRAP", &ipc__keyd_wrap__descriptor,
		&ipc__keyd_wrapped__descriptor, R(IMAPD) | R(COURIER), R(KEYD), LARGE, false},
	{IPC_KEYD_RESEAL, "KEYD_RESEAL", &ipc__keyd_reseal__descriptor,
		&ipc__keyd_resealed__descriptor, R(COURIER), R(KEYD), MEDIUM, false},
	{IPC_KEYD_OPEN, "KEYD_OPEN", &ipc__keyd_open__descriptor, &ipc__keyd_secret__descriptor,
		R(COURIER), R(KEYD), MEDIUM, false},
	{IPC_KEYD_SEAL_KEY, "KEYD_SEAL_KEY", &ipc__keyd_seal_key__descriptor,
		&ipc__keyd_sealed_key__descriptor, R(COURIER), R(KEYD), MEDIUM, false},
	{IPC_KEYD_UNWRAP, "KEYD_UNWRAP", &ipc__keyd_unwrap__descriptor,
		&ipc__keyd_secret__descriptor, R(FILTERD), R(KEYD), LARGE, false},
	{IPC_KEYD_USE, "KEYD_USE", &ipc__keyd_use__descriptor, &ipc__keyd_signed__descriptor,
		R(FILTERD) | R(COURIER), R(KEYD), LARGE, false},
	{IPC_AUTH_STEP, "AUTH_STEP", &ipc__auth_step__descriptor, &ipc__auth_result__descriptor,
		R(SMTPD) | R(IMAPD), R(AUTH), MEDIUM, false},
	{IPC_AUTH_HASH, "AUTH_HASH", &ipc__auth_hash__descriptor, &ipc__auth_hashed__descriptor,
		R(COURIER), R(AUTH), MEDIUM, false},
	{IPC_FILTER_SCORE, "FILTER_SCORE", &ipc__filter_score__descriptor,
		&ipc__filter_scored__descriptor, R(SMTPD), R(FILTERD), LARGE, true},
	{IPC_FILTER_PASS, "FILTER_PASS", &ipc__filter_pass__descriptor,
		&ipc__filter_passed__descriptor, R(COURIER), R(FILTERD), LARGE, true},
	{IPC_FILTER_MADE, "FILTER_MADE", &ipc__filter_made__descriptor, NULL, R(FILTERD),
		R(COURIER), LARGE, true},
	{IPC_FILTER_CHAIN, "FILTER_CHAIN", &ipc__filter_chain__descriptor,
		&ipc__filter_chained__descriptor, R(COURIER), R(FILTERD), LARGE, true},
	{IPC_FILTER_STATUS, "FILTER_STATUS", &ipc__filter_status__descriptor,
		&ipc__filter_stated__descriptor, R(COURIER), R(FILTERD), LARGE, true},
	{IPC_RESOLVE, "RESOLVE", &ipc__resolve__descriptor, &ipc__resolved__descriptor,
		R(COURIER) | R(FETCH), R(RESOLVER), LARGE, false},
	{IPC_FETCH, "FETCH", &ipc__fetch__descriptor, &ipc__fetched__descriptor, R(COURIER),
		R(FETCH), LARGE, true},
};

const struct ipc_rule *
ipc_table_rule(unsigned type)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if ((unsigned)rules[i].type == type)
			return &rules[i];
	return NULL;
}

enum role
ipc_table_answerer(enum ipc_type type)
{
	const struct ipc_rule *rule = ipc_table_rule((unsigned)type);
	unsigned role = 0;

	must(rule && rule->answer);
	while (role < ROLE_COUNT && rule->to != 1u << role)
		role++;
	must(role < ROLE_COUNT);
	return (enum role)role;
}
