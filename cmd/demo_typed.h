/* demo_typed: what people do at the demo's computers: the documented commands, each as a
 * process of its own, and mail that they write and look at. All that is read and made is a
 * file of the demo's folder, and is named without that one. False: said why. */
#ifndef CMD_DEMO_TYPED_H
#define CMD_DEMO_TYPED_H

#include "cmd/demo.h"

enum { DEMO_TYPED_PATH = 160, DEMO_TYPED_LINE = 1024, DEMO_TYPED_BODY = 16384 };

struct demo_typed_path {
	char text[DEMO_TYPED_PATH];
};
struct demo_typed_path demo_typed_file(const struct demo *d, const char *name);

/* words: behind "hairpin", with one blank between them. in, out: standard input (NULL: empty)
 * and output. node: whose server it is for; NULL: for none. */
bool demo_typed_run(const struct demo *d, const struct demo_node *node, const char *in,
	const char *out, const char *words);

/* A key of that address at that node, and its certificate as a file. */
struct demo_typed_key {
	const char *address, *kind, *certificate;
	char id[DEMO_TYPED_PATH]; /* is written: the key's */
};
bool demo_typed_key(
	const struct demo *d, const struct demo_node *node, struct demo_typed_key *k);

/* who: from, to. body: behind the header's first fields, of which MIME-Version is the last. */
struct demo_typed_mail {
	const char *who[2], *id, *body;
};
bool demo_typed_send(
	const struct demo *d, const struct demo_node *node, const struct demo_typed_mail *m);
/* The newest mail of the user there becomes that file, once its Message-ID is this one. */
bool demo_typed_fetch(const struct demo *d, const struct demo_node *node, const char *user,
	const char *id, const char *name);

/* A file's text is this, or appended to `to`, which has DEMO_TYPED_BODY octets and a string.
 * Its lines end with CRLF then, whatever they ended with before. */
bool demo_typed_write(const struct demo *d, const char *name, const char *text);
bool demo_typed_append(const struct demo *d, const char *name, char *to);
/* The lines from the first that begins so to the first that begins with `last`, as a file. */
bool demo_typed_cut(
	const struct demo *d, const char *name, const char *const from_to[2], const char *out);
/* Shows the file's lines from the first that begins with `from` to the end of that field or
 * line. */
bool demo_typed_show(const struct demo *d, const char *name, const char *from);

#endif
