#include "store/vault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "store/view_vault.h"
#include "tests/fault.h"
#include "tests/test.h"

enum { MANY = 3000 };

static const uint8_t cluster[16] = "one cluster";
static char dir[64], path[100];
static struct vault *vault;

/* --- a vault in a new folder --- */

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/vault_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/secrets", dir);
	assert_int_equal(vault_open(dir, cluster, true, &vault), ERR_OK);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	memset(&fault, 0, sizeof fault);
	vault_close(vault);
	vault = NULL;
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

static void
reopen(void)
{
	vault_close(vault);
	vault = NULL;
	assert_int_equal(vault_open(dir, cluster, false, &vault), ERR_OK);
}

/* A secret that follows from its id. */
static struct vault_row
row_of(uint64_t id)
{
	struct vault_row row = {.kind = VAULT_ACCOUNT, .wrap_kind = 1, .id = id, .index = 9};

	row.n = 40 + id % 160;
	for (size_t i = 0; i + SEAL_HASH <= row.n; i += SEAL_HASH)
		seal_hash(NULL, &(struct slice){(const uint8_t *)&id, sizeof id}, 1,
			row.secret + i);
	return row;
}

static enum err
put(uint64_t id)
{
	struct vault_row row = row_of(id);
	enum err e = vault_reserve(vault, 1);

	return e ? e : vault_put(vault, &row);
}

static bool
has(uint64_t id)
{
	struct vault_row row, want = row_of(id);
	uint64_t at;
	enum err e = vault_image_find(vault_file(vault), VAULT_ACCOUNT, id, &at, &row);

	if (!e)
		assert_memory_equal(&row, &want, sizeof row);
	else
		assert_true(e == ERR_NOT_FOUND || e == ERR_FULL);
	return !e;
}

static size_t
count(void)
{
	struct vault_row row;
	uint64_t at = 0;
	size_t n = 0;

	while (vault_image_next(vault_file(vault), &at, &row))
		n++;
	return n;
}

/* Are these octets anywhere in the folder's file? */
static bool
file_has(const void *p, size_t n)
{
	struct stat st;
	uint8_t *all;
	bool found;
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	all = malloc((size_t)st.st_size);
	assert_int_equal(fread(all, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	found = memmem(all, (size_t)st.st_size, p, n) != NULL;
	free(all);
	return found;
}

static void
what_is_put_is_found_after_reopening_and_what_is_deleted_is_nowhere(void **state)
{
	struct vault_row row = row_of(7);

	(void)state;
	assert_int_equal(put(7), ERR_OK);
	assert_int_equal(put(8), ERR_OK);
	assert_int_equal(vault_sync(vault), ERR_OK);
	reopen();
	assert_true(has(7) && has(8));
	assert_false(has(9));
	assert_true(file_has(row.secret, row.n));
	assert_int_equal(vault_del(vault, VAULT_ACCOUNT, 7), ERR_OK);
	assert_int_equal(vault_del(vault, VAULT_ACCOUNT, 7), ERR_OK);
	assert_int_equal(vault_sync(vault), ERR_OK);
	assert_false(file_has(row.secret, row.n));
	assert_false(file_has(row.secret, 16));
	reopen();
	assert_false(has(7));
	assert_true(has(8));
}

static void
a_row_put_again_takes_the_place_of_the_old_one(void **state)
{
	struct vault_row row = row_of(7), found;
	uint64_t at;

	(void)state;
	assert_int_equal(put(7), ERR_OK);
	row.secret[0] ^= 1;
	assert_int_equal(vault_put(vault, &row), ERR_OK);
	assert_int_equal(count(), 1);
	assert_int_equal(
		vault_image_find(vault_file(vault), VAULT_ACCOUNT, 7, &at, &found), ERR_OK);
	assert_memory_equal(found.secret, row.secret, row.n);
	/* The same id of another kind is another row. */
	row.kind = VAULT_QUEUE;
	assert_int_equal(vault_put(vault, &row), ERR_OK);
	assert_int_equal(count(), 2);
}

static void
it_grows_and_shrinks_with_what_it_holds(void **state)
{
	struct stat before, grown, after;
	uint8_t gone[16];

	(void)state;
	assert_int_equal(stat(path, &before), 0);
	for (uint64_t id = 1; id <= MANY; id++)
		assert_int_equal(put(id), ERR_OK);
	assert_int_equal(count(), MANY);
	assert_int_equal(stat(path, &grown), 0);
	assert_true(grown.st_size > 100 * before.st_size / 5);
	memcpy(gone, row_of(5).secret, sizeof gone);
	for (uint64_t id = 1; id <= MANY; id++)
		if (id % 100)
			assert_int_equal(vault_del(vault, VAULT_ACCOUNT, id), ERR_OK);
	for (uint64_t id = 1; id <= MANY; id++)
		assert_true(has(id) == (id % 100 == 0));
	/* Slots of rows that are gone are taken again, or cleared away: it doesn't grow. */
	for (uint64_t id = MANY + 1; id <= 20 * MANY; id++) {
		assert_int_equal(put(id), ERR_OK);
		assert_int_equal(vault_del(vault, VAULT_ACCOUNT, id), ERR_OK);
	}
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size < grown.st_size);
	reopen();
	assert_int_equal(count(), MANY / 100);
	assert_false(file_has(gone, sizeof gone));
}

static void
what_is_not_there_is_not_made_unless_asked_for(void **state)
{
	struct vault *other;

	(void)state;
	vault_close(vault);
	vault = NULL;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(vault_open(dir, cluster, false, &other), ERR_NOT_FOUND);
	assert_int_equal(vault_open("/nonexistent", cluster, true, &other), ERR_NOT_FOUND);
	assert_int_equal(vault_open(dir, cluster, true, &vault), ERR_OK);
	assert_int_equal(count(), 0);
}

/* Writes octets of the head; keeps its hash right when asked to. */
static void
spoil_head(size_t at, uint8_t octet, bool hash)
{
	uint8_t head[VAULT_IMAGE_SLOT];
	FILE *f = fopen(path, "r+b");

	assert_int_equal(fread(head, 1, sizeof head, f), sizeof head);
	head[at] = octet;
	if (hash)
		seal_hash(NULL, &(struct slice){head, 224}, 1, head + 224);
	rewind(f);
	assert_int_equal(fwrite(head, 1, sizeof head, f), sizeof head);
	fclose(f);
}

static void
a_file_of_another_version_or_cluster_or_none_of_ours_is_left_alone(void **state)
{
	static const struct {
		size_t at;
		bool hash;
		enum err e;
	} cases[] = {{0, true, ERR_CORRUPT}, {19, true, ERR_VERSION}, {19, false, ERR_VERSION},
		{24, true, ERR_DENIED}, {24, false, ERR_CORRUPT}, {46, true, ERR_CORRUPT}};
	struct stat before, after;
	struct vault *other;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		teardown(NULL);
		setup(NULL);
		spoil_head(cases[i].at, 200, cases[i].hash);
		assert_int_equal(stat(path, &before), 0);
		assert_int_equal(vault_open(dir, cluster, true, &other), cases[i].e);
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
		assert_int_equal(before.st_ino, after.st_ino);
	}
}

static void
a_file_cut_short_is_damaged(void **state)
{
	struct vault *other;

	(void)state;
	for (off_t n = 0; n < 1000; n += 100) {
		assert_int_equal(truncate(path, n), 0);
		assert_int_equal(vault_open(dir, cluster, false, &other), ERR_CORRUPT);
	}
}

static void
a_torn_row_is_passed_over_and_cleared_and_its_neighbours_stand(void **state)
{
	uint64_t damaged;
	size_t wrecked = 0;
	FILE *f;

	(void)state;
	for (uint64_t id = 1; id <= 40; id++)
		assert_int_equal(put(id), ERR_OK);
	f = fopen(path, "r+b");
	for (long at = VAULT_IMAGE_SLOT; at < 30 * VAULT_IMAGE_SLOT; at += VAULT_IMAGE_SLOT) {
		fseek(f, at, SEEK_SET);
		if (fgetc(f) != 1 || wrecked++ >= 5)
			continue;
		fseek(f, at + 130, SEEK_SET);
		fputc(0xee, f);
	}
	fclose(f);
	reopen();
	assert_int_equal(count(), 35);
	assert_int_equal(vault_clear_damaged(vault, &damaged), ERR_OK);
	assert_int_equal(damaged, 5);
	assert_int_equal(vault_clear_damaged(vault, &damaged), ERR_OK);
	assert_int_equal(damaged, 0);
	for (uint64_t id = 1; id <= 40; id++)
		if (!has(id))
			assert_int_equal(put(id), ERR_OK);
	assert_int_equal(count(), 40);
}

static void
a_failing_disk_is_told_from_a_full_one_and_growing_fails_whole(void **state)
{
	struct vault_row row = row_of(1000);

	(void)state;
	for (uint64_t id = 1; id <= 48; id++)
		assert_int_equal(put(id), ERR_OK);
	fault.write_in = 1;
	fault.write_errno = EIO;
	assert_int_equal(vault_put(vault, &(struct vault_row){.kind = 'x'}), ERR_IO);
	fault.write_in = 1;
	fault.write_errno = ENOSPC;
	assert_int_equal(vault_del(vault, VAULT_ACCOUNT, 1), ERR_FULL);
	fault.sync_in = 1;
	assert_int_equal(vault_sync(vault), ERR_IO);
	/* To grow it needs a whole new file: whatever fails, the old one stays. */
	for (int i = 0; i < 5; i++) {
		reopen();
		fault.write_in = i == 0;
		fault.short_in = i == 1;
		fault.rename_in = i == 2;
		fault.sync_in = i == 3 ? 1 : i == 4 ? 2 : 0;
		assert_int_equal(
			vault_reserve(vault, 100), i == 0 || i == 1 ? ERR_FULL : ERR_IO);
		memset(&fault, 0, sizeof fault);
		reopen();
		assert_int_equal(count(), 48);
	}
	assert_int_equal(vault_reserve(vault, 100), ERR_OK);
	assert_int_equal(vault_put(vault, &row), ERR_OK);
	assert_int_equal(count(), 49);
}

static void
a_reader_sees_what_is_put_deleted_and_moved_to_a_larger_file(void **state)
{
	struct view_vault *view = view_vault_open(dir);
	struct vault_row row, want;

	(void)state;
	assert_int_equal(view_vault_get(view, VAULT_ACCOUNT, 1, &row), ERR_NOT_FOUND);
	for (uint64_t id = 1; id <= 500; id++) {
		assert_int_equal(put(id), ERR_OK);
		assert_int_equal(view_vault_get(view, VAULT_ACCOUNT, id, &row), ERR_OK);
		want = row_of(id);
		assert_memory_equal(&row, &want, sizeof row);
	}
	assert_int_equal(vault_del(vault, VAULT_ACCOUNT, 1), ERR_OK);
	assert_int_equal(view_vault_get(view, VAULT_ACCOUNT, 1, &row), ERR_NOT_FOUND);
	assert_int_equal(view_vault_get(view, VAULT_QUEUE, 2, &row), ERR_NOT_FOUND);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(view_vault_get(view, VAULT_ACCOUNT, 2, &row), ERR_IO);
	view_vault_close(view);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_put_is_found_after_reopening_and_what_is_deleted_is_nowhere),
		T(a_row_put_again_takes_the_place_of_the_old_one),
		T(it_grows_and_shrinks_with_what_it_holds),
		T(what_is_not_there_is_not_made_unless_asked_for),
		T(a_file_of_another_version_or_cluster_or_none_of_ours_is_left_alone),
		T(a_file_cut_short_is_damaged),
		T(a_torn_row_is_passed_over_and_cleared_and_its_neighbours_stand),
		T(a_failing_disk_is_told_from_a_full_one_and_growing_fails_whole),
		T(a_reader_sees_what_is_put_deleted_and_moved_to_a_larger_file),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
