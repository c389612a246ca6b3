#include "tests/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/smtpd_body.h"

static struct proc proc;
static char folder[] = "/tmp/smtpd_body_XXXXXX";

static int
make_spool(void **state)
{
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/spool", folder);
	mkdir(path, 0700);
	proc.data_fd = open(folder, O_PATH | O_DIRECTORY);
	seal_init();
	return 0;
}

static int
drop_spool(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "%s/spool", folder);
	rmdir(path);
	rmdir(folder);
	close(proc.data_fd);
	return 0;
}

static uint8_t
octet(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static void
fill(struct smtpd_body *b, size_t n, size_t step)
{
	uint8_t *text = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		text[i] = octet(i);
	smtpd_body_begin(b);
	for (size_t at = 0; at < n; at += step)
		smtpd_body_add(b, &proc, slice_cut(slice_of(text, n), at, at + step));
	free(text);
}

/* Opens every part and compares. */
static void
check(struct smtpd_body *b, size_t n)
{
	uint8_t *sealed = malloc(b->sealed_size), plain[SEAL_PART_PLAIN];
	uint64_t parts = (b->sealed_size + SEAL_PART - 1) / SEAL_PART;
	size_t at = 0;

	if (b->fd >= 0)
		assert_int_equal(pread(b->fd, sealed, b->sealed_size, 0), b->sealed_size);
	else
		memcpy(sealed, b->sealed.p, b->sealed.n);
	for (uint64_t i = 0; i < parts; i++) {
		struct slice part = slice_cut(
			slice_of(sealed, b->sealed_size), i * SEAL_PART, (i + 1) * SEAL_PART);
		assert_int_equal(
			seal_part_open(&b->key, i, i + 1 == parts, part, plain), ERR_OK);
		for (size_t k = 0; k < part.n - SEAL_TAG; k++, at++)
			assert_int_equal(plain[k], octet(at));
	}
	assert_int_equal(at, n);
	assert_int_equal(b->size, n);
	free(sealed);
}

static void
bodies_of_every_size_around_a_part_come_back_whole(void **state)
{
	static const size_t sizes[] = {0, 1, 4096, SEAL_PART_PLAIN - 1, SEAL_PART_PLAIN,
		SEAL_PART_PLAIN + 1, 2 * SEAL_PART_PLAIN, 3 * SEAL_PART_PLAIN + 5};
	struct smtpd_body b;

	(void)state;
	smtpd_body_init(&b);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (size_t step = 997; step < 100000; step *= 10) {
			fill(&b, sizes[i], step);
			assert_int_equal(smtpd_body_finish(&b, &proc), ERR_OK);
			assert_int_equal(b.fd >= 0, sizes[i] > SEAL_PART_PLAIN);
			check(&b, sizes[i]);
			smtpd_body_end(&b);
		}
}

static void
the_hash_is_of_the_octets_however_they_came(void **state)
{
	struct smtpd_body a, b;

	(void)state;
	smtpd_body_init(&a);
	smtpd_body_init(&b);
	fill(&a, 70000, 1000);
	fill(&b, 70000, 333);
	smtpd_body_finish(&a, &proc);
	smtpd_body_finish(&b, &proc);
	assert_memory_equal(a.hash, b.hash, sizeof a.hash);
	fill(&b, 69999, 333);
	smtpd_body_finish(&b, &proc);
	assert_memory_not_equal(a.hash, b.hash, sizeof a.hash);
	smtpd_body_end(&a);
	smtpd_body_end(&b);
}

static void
a_body_in_memory_can_move_to_the_spool(void **state)
{
	struct smtpd_body b;

	(void)state;
	smtpd_body_init(&b);
	fill(&b, 5000, 5000);
	smtpd_body_finish(&b, &proc);
	assert_int_equal(b.fd, -1);
	assert_int_equal(smtpd_body_to_spool(&b, &proc), ERR_OK);
	assert_true(b.fd >= 0);
	check(&b, 5000);
	smtpd_body_end(&b);
}

static void
a_spool_that_cannot_be_made_is_an_error_that_stays(void **state)
{
	struct proc nowhere = {.data_fd = -1};
	struct smtpd_body b;
	uint8_t *text = calloc(1, SEAL_PART_PLAIN + 1);

	(void)state;
	smtpd_body_init(&b);
	smtpd_body_begin(&b);
	smtpd_body_add(&b, &nowhere, slice_of(text, SEAL_PART_PLAIN + 1));
	assert_int_equal(b.e, ERR_IO);
	smtpd_body_add(&b, &nowhere, slice_of(text, 10));
	assert_int_equal(smtpd_body_finish(&b, &nowhere), ERR_IO);
	smtpd_body_end(&b);
	assert_int_equal(b.e, ERR_OK);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_of_every_size_around_a_part_come_back_whole),
		cmocka_unit_test(the_hash_is_of_the_octets_however_they_came),
		cmocka_unit_test(a_body_in_memory_can_move_to_the_spool),
		cmocka_unit_test(a_spool_that_cannot_be_made_is_an_error_that_stays),
	};

	return cmocka_run_group_tests(tests, make_spool, drop_spool);
}
