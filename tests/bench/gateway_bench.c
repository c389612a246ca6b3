/* gateway_bench: what the encryption engine costs: a mail that needs nothing; 16 KiB signed
 * and encrypted, decrypted and verified, beside the private-key operations that this takes;
 * the heap that a mail of 50 MB needs. RSA of 2,048 bits. gateway_bench [SECONDS of each] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/must.h"

/* The world's tests are musts here. */
#define TESTS_TEST_H
#define assert_true(x) must(x)
#define assert_null(x) must((x) == NULL)
#define assert_non_null(x) must((x) != NULL)
#define assert_int_equal(a, b) must((a) == (b))
#define assert_in_range(x, a, b) must((x) >= (a) && (x) <= (b))
#include "tests/gateway_people.h"

enum { SMALL = 16384, MIDDLE = 1000000, LARGE = 50 << 20, CHUNK = 65536 };
#define PLAIN "text/plain"
#define PARTS "multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain"

static struct gateway_people w;
static struct gateway_people_person *ann, *bob;
static uint64_t run_ms = 2000, heap_before, heap_most;
static bool
	is_large; /* in files, as filterd has large ones; else in memory, as it has others */

/* --- texts in files, as filterd has them --- */

struct file {
	int fd;
	uint64_t size;
};
static struct file files[64];
static size_t n_files;

static void
look_at_heap(void)
{
	struct mallinfo2 m;

	if (!is_large)
		return;
	m = mallinfo2();
	if (m.uordblks + m.hblkhd > heap_most)
		heap_most = m.uordblks + m.hblkhd;
}

static enum err
read_file(void *arg, uint64_t at, uint8_t *p, size_t n)
{
	struct file *f = arg;

	look_at_heap();
	return pread(f->fd, p, n, (off_t)at) == (ssize_t)n ? ERR_OK : ERR_IO;
}

static enum err
put_file(void *arg, struct slice s)
{
	struct file *f = arg;

	look_at_heap();
	f->size += s.n;
	return write(f->fd, s.p, s.n) == (ssize_t)s.n ? ERR_OK : ERR_IO;
}

static enum err
open_file(void *arg, struct text_sink *sink)
{
	struct file *f = &files[n_files++];

	(void)arg;
	must(n_files <= sizeof files / sizeof files[0]);
	f->fd = memfd_create("text", MFD_CLOEXEC);
	f->size = 0;
	must(f->fd >= 0);
	*sink = (struct text_sink){put_file, f};
	return ERR_OK;
}

static enum err
close_file(void *arg, struct text *t)
{
	struct file *f = &files[n_files - 1];

	(void)arg;
	*t = (struct text){f->size, read_file, f};
	return ERR_OK;
}

static void
forget_files(size_t from)
{
	while (n_files > from)
		close(files[--n_files].fd);
}

/* --- questions --- */

static void
ask_out(void)
{
	gateway_people_begin(&w, GATEWAY__QUESTION__WAY__OUT);
	gateway_people_sender(&w, ann);
	gateway_people_to(&w, bob->address, bob);
	w.settings.mode = GATEWAY__SETTINGS__MODE__MUST;
	w.settings.sign = GATEWAY__SETTINGS__SIGN__SIGN_ALWAYS;
}

static void
ask_in(void)
{
	gateway_people_begin(&w, GATEWAY__QUESTION__WAY__IN);
	gateway_people_to(&w, bob->address, bob);
}

static void
ask_nothing(void)
{
	gateway_people_begin(&w, GATEWAY__QUESTION__WAY__OUT);
	gateway_people_sender(&w, ann);
	gateway_people_to(&w, "other@partner.example", NULL);
}

static void
copy(const struct text *from, struct text *to)
{
	struct text_sink sink;

	open_file(NULL, &sink);
	must(text_copy(from, 0, from->size, &sink) == ERR_OK);
	close_file(NULL, to);
}

static void
run_once(const struct text *mail, struct text *made)
{
	struct gateway_keys keys = {
		.unwrap = gateway_people_unwrap, .sign = gateway_people_sign, .arg = &w};
	struct text_room room = {open_file, close_file, NULL};
	struct text_memory *memory = text_memory_new(GATEWAY_PEOPLE_ROOM);
	struct arena arena;
	struct gateway e = {&w.q, mail, &keys, &room, &arena};

	if (!is_large)
		room = text_memory_room(memory);
	arena_init(&arena, 0);
	must(gateway_run(&e, &w.answer) == ERR_OK);
	must(w.answer.answer.n_group == 1 &&
		w.answer.answer.group[0]->action == GATEWAY__GROUP__ACTION__PASS);
	if (made)
		copy(&w.answer.body[w.answer.answer.group[0]->body - 1], made);
	text_memory_free(memory);
	arena_reset(&arena);
}

static void
measure(const char *name, void (*ask)(void), const struct text *mail)
{
	uint64_t start = clock_us(), n = 0, us;

	ask();
	do {
		run_once(mail, NULL);
		n++;
		us = clock_us() - start;
	} while (us < run_ms * 1000);
	printf("%-44s %9.1f us\n", name, (double)us / (double)n);
}

/* By turns with one private-key operation each, so that other work on the machine counts for
 * both. */
static void
measure_beside(const char *name, void (*ask)(void), const struct text *mail)
{
	struct gateway_keys_sign q = {SLICE_LIT("some octets to sign"), NID_sha256, false};
	uint64_t at[3], sign_us = 0, run_us = 0, n = 0;
	struct buf out;

	ask();
	buf_init(&out, 1024);
	do {
		buf_clear(&out);
		at[0] = clock_us();
		must(private_key_sign(ann->own, &q, &out) == ERR_OK);
		at[1] = clock_us();
		run_once(mail, NULL);
		at[2] = clock_us();
		sign_us += at[1] - at[0];
		run_us += at[2] - at[1];
		n++;
	} while (sign_us + run_us < run_ms * 1000);
	buf_fini(&out);
	printf("%-44s %9.1f us, %.2f times one private-key operation\n", name,
		(double)run_us / (double)n, (double)run_us / (double)sign_us);
}

static void
make_mail(size_t size, const char *type, struct text *mail)
{
	struct text_sink to;
	struct slice line = SLICE_LIT(
		"a line of text, as mails have them, of the usual length or so\r\n");

	open_file(NULL, &to);
	to.put(to.arg, SLICE_LIT("From: Ann <ann@example.org>\r\nTo: bob@partner.example\r\n"
				 "Subject: hello\r\nMIME-Version: 1.0\r\n"
				 "Content-Type: "));
	to.put(to.arg, slice_str(type));
	to.put(to.arg, SLICE_LIT("\r\n\r\n"));
	for (size_t n = 0; n < size; n += line.n)
		to.put(to.arg, line);
	close_file(NULL, mail);
}

static void
measure_heap(const char *name, void (*ask)(void), const struct text *mail, struct text *made)
{
	struct mallinfo2 m = mallinfo2();
	uint64_t start = clock_us();

	ask();
	heap_before = heap_most = m.uordblks + m.hblkhd;
	run_once(mail, made);
	printf("%-44s %9.2f MiB of heap, %.1f MB/s\n", name,
		(double)(heap_most - heap_before) / 1048576.0,
		(double)mail->size / (double)(clock_us() - start));
}

int
main(int argc, char **argv)
{
	struct text small, parts, middle, sealed, large, large_sealed;

	if (argc > 1)
		run_ms = strtoull(argv[1], NULL, 10) * 1000;
	gateway_people_init(&w);
	w.is_rsa = true;
	ann = gateway_people_add(&w, "ann@example.org", true);
	bob = gateway_people_add(&w, "bob@partner.example", true);
	make_mail(SMALL, PLAIN, &small);
	make_mail(SMALL, PARTS, &parts);
	make_mail(MIDDLE, PARTS, &middle);
	measure("16 KiB that need nothing, out", ask_nothing, &small);
	measure("16 KiB that need nothing, in", ask_in, &small);
	measure("16 KiB of parts that need nothing, in", ask_in, &parts);
	measure("1 MB of parts that need nothing, in", ask_in, &middle);
	measure_beside("16 KiB signed and encrypted", ask_out, &small);
	ask_out();
	run_once(&small, &sealed);
	measure_beside("16 KiB decrypted and verified", ask_in, &sealed);
	is_large = true;
	make_mail(LARGE, PLAIN, &large);
	measure_heap("50 MB signed and encrypted", ask_out, &large, &large_sealed);
	measure_heap("50 MB decrypted and verified", ask_in, &large_sealed, NULL);
	forget_files(0);
	gateway_people_fini(&w);
	return 0;
}
