/* command: what became of a proposed command (Commands.Result.code). Pure. */
#ifndef STORE_COMMAND_H
#define STORE_COMMAND_H

/* In the log's results, so never renumbered. */
enum command_code {
	COMMAND_DONE,
	COMMAND_REPEAT, /* an equal mail was taken already: id = the first item */
	COMMAND_NOT_FOUND,
	COMMAND_EXISTS,
	COMMAND_STALE,
	COMMAND_QUOTA,
	COMMAND_INVALID,
	COMMAND_LIMIT,
	COMMAND_UNSUPPORTED,
	/* The key is wrapped under an epoch that isn't logged: ask keyd for a fresh one. */
	COMMAND_NO_EPOCH,
	/* The data key is sealed to a queue key that is closed: seal it to the newest. */
	COMMAND_NO_QUEUE_KEY,
	/* The account has sent to as many as it may for now. */
	COMMAND_SENDING_LIMIT
};

/* A static phrase, "unknown" for a code of a newer version. */
const char *command_code_text(enum command_code c);

#endif
