/* err: the error codes of the whole program. ERR_OK is 0.
 * ERR_MORE means: bring more input and call again. Every other code is ours
 * or the world's fault and is logged once, where it is handled. What a client
 * did wrong is a reply, never an err. */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#define ERR_LIST(X)                                                                            \
	X(OK, "no error")                                                                      \
	X(MORE, "more input is needed")                                                        \
	X(END, "end of data")                                                                  \
	X(SYNTAX, "malformed input")                                                           \
	X(LIMIT, "a limit was reached")                                                        \
	X(TOO_BIG, "too big")                                                                  \
	X(NOT_FOUND, "not found")                                                              \
	X(EXISTS, "already exists")                                                            \
	X(DENIED, "permission denied")                                                         \
	X(AUTH, "authentication failed")                                                       \
	X(CRYPTO, "cryptographic failure")                                                     \
	X(CORRUPT, "stored data is damaged")                                                   \
	X(VERSION, "written by another version")                                               \
	X(STALE, "overtaken by a newer state")                                                 \
	X(FULL, "no space left")                                                               \
	X(QUOTA, "over quota")                                                                 \
	X(BUSY, "busy, try again")                                                             \
	X(TIMEOUT, "deadline passed")                                                          \
	X(PEER, "the other process went away")                                                 \
	X(UNAVAILABLE, "not available now")                                                    \
	X(UNSUPPORTED, "not supported")                                                        \
	X(CONFIG, "configuration error")                                                       \
	X(IO, "input/output error")                                                            \
	X(SYSTEM, "operating system error")

enum err {
#define X(name, text) ERR_##name,
	ERR_LIST(X)
#undef X
		ERR_COUNT
};

/* A static, lower-case sentence without a full stop. */
const char *err_text(enum err e);
/* The code's name without ERR_, for logs and JSON. */
const char *err_name(enum err e);

#endif
