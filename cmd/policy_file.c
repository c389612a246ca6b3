#include "cmd/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct reading {
	struct policy_file *f;
	struct policy_level *at; /* of the section; NULL: none yet */
	struct arena *a;
	struct buf *why;
};

static struct policy_level *
find(const struct policy_file *f, struct slice name)
{
	for (size_t i = 0; i < f->n; i++)
		if (slice_eq(f->level[i].name, name))
			return (struct policy_level *)(uintptr_t)&f->level[i];
	return NULL;
}

static bool
read_section(struct reading *r, struct slice text)
{
	struct slice name;

	if (!policy_parse_level(slice_trim(text), r->a, &name, r->why))
		return false;
	r->at = find(r->f, name);
	if (r->at)
		return true;
	if (r->f->n == POLICY_FILE_LEVELS_MAX) {
		buf_printf(r->why,
			"there are %d sections already; a server's own policy "
			"(`hairpin policy set`) has no limit",
			POLICY_FILE_LEVELS_MAX);
		return false;
	}
	r->at = &r->f->level[r->f->n++];
	r->at->name = name;
	return true;
}

static bool
read_line(struct reading *r, struct slice line)
{
	size_t equals = slice_find(line, '=');
	enum policy_name name;

	if (!line.n || line.p[0] == '#' || line.p[0] == ';')
		return true;
	if (line.p[0] == '[' && line.p[line.n - 1] == ']')
		return read_section(r, slice_cut(line, 1, line.n - 1));
	if (line.p[0] == '[' || equals == line.n) {
		buf_put_str(r->why, "expected `[level]` or `name = value`");
		return false;
	}
	if (!r->at) {
		buf_put_str(r->why, "expected a section first: [cluster], [.example.com], "
				    "[example.com] or [ann@example.com]");
		return false;
	}
	name = policy_find(slice_trim(slice_cut(line, 0, equals)), r->why);
	return name != POLICY_COUNT &&
	       policy_put(r->at, name, slice_trim(slice_from(line, equals + 1)), r->why);
}

enum err
policy_file_parse(struct slice text, const char *name, struct arena *a,
	struct policy_file **out, struct buf *why)
{
	struct reading r = {.f = arena_zalloc(a, sizeof *r.f), .a = a, .why = why};
	size_t before = why->n, line = 0, end;
	bool ok = true;

	if (slice_starts(text, SLICE_LIT("\xef\xbb\xbf")))
		text = slice_from(text, 3);
	while (ok && text.n) {
		end = slice_find(text, '\n');
		buf_printf(why, "%s:%zu: ", name, ++line);
		ok = read_line(&r, slice_trim(slice_cut(text, 0, end)));
		why->n = ok ? before : why->n;
		text = slice_from(text, end + 1);
	}
	if (!ok)
		return ERR_CONFIG;
	*out = r.f;
	return ERR_OK;
}

static enum err
read_file(int fd, struct arena *a, struct slice *text)
{
	uint8_t *p = arena_alloc(a, POLICY_FILE_SIZE_MAX + 1);
	size_t n = 0;
	ssize_t got = 1;

	while (got && n <= POLICY_FILE_SIZE_MAX) {
		got = read(fd, p + n, POLICY_FILE_SIZE_MAX + 1 - n);
		if (got < 0 && errno != EINTR)
			return ERR_IO;
		n += got > 0 ? (size_t)got : 0;
	}
	*text = slice_of(p, n);
	return n <= POLICY_FILE_SIZE_MAX ? ERR_OK : ERR_TOO_BIG;
}

enum err
policy_file_load(const char *path, struct arena *a, struct policy_file **out, struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct slice text;
	enum err e;

	e = fd < 0 ? ERR_IO : read_file(fd, a, &text);
	if (e == ERR_TOO_BIG)
		buf_printf(why, "%s: a policy file has at most %d octets", path,
			POLICY_FILE_SIZE_MAX);
	else if (e)
		buf_printf(why, "%s: %s; name a file with sections like [cluster]", path,
			strerror(errno));
	if (fd >= 0)
		close(fd);
	return e ? ERR_CONFIG : policy_file_parse(text, path, a, out, why);
}

/* --- deciding --- */

static void
side_of(const struct policy_file *f, struct slice address, struct arena *a,
	struct policy_side *out)
{
	struct policy_chain *chain = arena_alloc(a, sizeof *chain);

	policy_chain(address, '\0', a, chain);
	out->n = 0;
	for (size_t i = 0; i < chain->n; i++) {
		const struct policy_level *level = find(f, chain->name[i]);

		if (level)
			out->level[out->n++] = level;
	}
}

void
policy_file_decide(const struct policy_file *f, struct slice sender, struct slice recipient,
	struct arena *a, struct policy_decision *out)
{
	struct policy_side *of = arena_alloc(a, 2 * sizeof *of);

	side_of(f, sender, a, &of[0]);
	side_of(f, recipient, a, &of[1]);
	policy_decide(&of[0], &of[1], out);
}
