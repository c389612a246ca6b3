#include "cmd/store_may.h"

#include "store/commands.pb-c.h"

static bool
smtpd_may(int body_case)
{
	return body_case == COMMANDS__COMMAND__BODY_ENQUEUE ||
	       body_case == COMMANDS__COMMAND__BODY_LIFT;
}

static bool
imapd_may(int body_case)
{
	static const int may[] = {COMMANDS__COMMAND__BODY_MAILBOX_CREATE,
		COMMANDS__COMMAND__BODY_MAILBOX_DELETE, COMMANDS__COMMAND__BODY_MAILBOX_RENAME,
		COMMANDS__COMMAND__BODY_SUBSCRIBE, COMMANDS__COMMAND__BODY_APPEND,
		COMMANDS__COMMAND__BODY_FLAGS_STORE, COMMANDS__COMMAND__BODY_COPY,
		COMMANDS__COMMAND__BODY_EXPUNGE, COMMANDS__COMMAND__BODY_EPOCH_NEW,
		COMMANDS__COMMAND__BODY_STAGE_OPEN, COMMANDS__COMMAND__BODY_STAGE_CLOSE};

	for (size_t i = 0; i < sizeof may / sizeof *may; i++)
		if (may[i] == body_case)
			return true;
	return false;
}

static bool
courier_may(int body_case)
{
	static const int may[] = {
#ifdef HAIRPIN_NEXT
		COMMANDS__COMMAND__BODY_NOTE,
#endif
		COMMANDS__COMMAND__BODY_STEP, COMMANDS__COMMAND__BODY_HOP_STEP,
		COMMANDS__COMMAND__BODY_STS_PUT, COMMANDS__COMMAND__BODY_YIELD,
		COMMANDS__COMMAND__BODY_STATUS_PUT, COMMANDS__COMMAND__BODY_EPOCH_NEW,
		COMMANDS__COMMAND__BODY_QUEUE_CONTROL, COMMANDS__COMMAND__BODY_QUEUE_RESEAL,
		COMMANDS__COMMAND__BODY_QUEUE_KEY, COMMANDS__COMMAND__BODY_SETTING,
		COMMANDS__COMMAND__BODY_DOMAIN_PUT, COMMANDS__COMMAND__BODY_DOMAIN_DEL,
		COMMANDS__COMMAND__BODY_ACCOUNT_PUT, COMMANDS__COMMAND__BODY_ACCOUNT_DEL,
		COMMANDS__COMMAND__BODY_ADDRESS_PUT, COMMANDS__COMMAND__BODY_ADDRESS_DEL,
		COMMANDS__COMMAND__BODY_CERT_PUT, COMMANDS__COMMAND__BODY_CERT_DEL,
		COMMANDS__COMMAND__BODY_KEY_PUT, COMMANDS__COMMAND__BODY_KEY_DEL,
		COMMANDS__COMMAND__BODY_TRUST_PUT, COMMANDS__COMMAND__BODY_POLICY_PUT};

	for (size_t i = 0; i < sizeof may / sizeof *may; i++)
		if (may[i] == body_case)
			return true;
	return false;
}

static bool
nobody_may(int body_case)
{
	(void)body_case;
	return false;
}

store_may_judge *
store_may_of(enum role role)
{
	return role == ROLE_SMTPD     ? smtpd_may
	       : role == ROLE_IMAPD   ? imapd_may
	       : role == ROLE_COURIER ? courier_may
				      : nobody_may;
}
