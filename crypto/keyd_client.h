/* keyd_client: typed questions to the process keyd, for those that serve
 * clients. An ask_ function sends and returns ipc_ask's handle (its rules hold: one
 * callback, never before the return; cancel with ipc_cancel); in that callback the read_
 * function of the same name takes what the callback got, its error included. */
#ifndef CRYPTO_KEYD_CLIENT_H
#define CRYPTO_KEYD_CLIENT_H

#include "core/err.h"
#include "core/ipc.h"
#include "crypto/keyring.h"
#include "crypto/seal.h"
#include "crypto/tls.h"

enum { KEYD_CLIENT_MS = 10000, KEYD_CLIENT_SIGN_MS = 5000 };

/* A tls_sign: arg is the process's struct ipc. Waits for the answer, at most
 * KEYD_CLIENT_SIGN_MS. ERR_PEER: no keyd now. */
enum err keyd_client_sign(
	void *arg, const struct tls_sign_request *request, struct buf *signature);

/* smtpd: the key that makes repeat keys (KEYRING_REPEAT); smtpd and courier: those of the loop
 * guard and of SRS addresses. Always the same under one master key. The caller wipes it. */
struct ipc_question *keyd_client_ask_named_key(
	struct ipc *ipc, enum keyring_named which, ipc_answer_cb cb, void *arg);
enum err keyd_client_read_named_key(
	enum err e, const ProtobufCMessage *answer, struct seal_key *key);

/* imapd: the key pair of the account that logged in. permit: from auth; wrapped, wrap_kind:
 * from the vault. */
struct keyd_client_account {
	struct slice permit;
	uint64_t account;
	uint32_t wrap_kind;
	struct slice wrapped;
};
struct ipc_question *keyd_client_ask_account(
	struct ipc *ipc, const struct keyd_client_account *of, ipc_answer_cb cb, void *arg);
/* public_key: of the directory. The caller wipes pair. ERR_DENIED: permit. ERR_CRYPTO: wrapped
 * doesn't open, or isn't public_key's. */
enum err keyd_client_read_account(enum err e, const ProtobufCMessage *answer,
	struct slice public_key, struct seal_pair *pair);

/* imapd: wraps the data key of a new mail for the account that logged in (APPEND). fresh: the
 * store refused the last epoch as unknown (COMMAND_NO_EPOCH): begin a new one. */
struct keyd_client_wrap {
	struct slice permit;
	uint64_t account;
	struct slice public_key;
	const struct seal_key *data_key;
	bool fresh;
};
/* Borrowed from the answer. */
struct keyd_client_wrapped {
	uint64_t epoch;
	struct slice wrapped_key;
	struct slice sealed_epoch; /* not empty: propose EPOCH_NEW {account, epoch, this} first,
				      then the mail */
};
struct ipc_question *keyd_client_ask_wrap(
	struct ipc *ipc, const struct keyd_client_wrap *what, ipc_answer_cb cb, void *arg);
enum err keyd_client_read_wrap(
	enum err e, const ProtobufCMessage *answer, struct keyd_client_wrapped *out);

#endif
