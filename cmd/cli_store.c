#include "cmd/cli_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cli_control.h"
#include "crypto/seal.h"
#include "store/check.h"

static json_t *
report_json(const struct check_report *r)
{
	json_t *texts = json_array();

	for (size_t i = 0; i < r->texts; i++) {
		json_t *text = json_string(r->text[i]);

		/* A name in it may be no UTF-8. */
		json_array_append_new(
			texts, text ? text : json_string("(a name can't be shown)"));
	}
	return json_pack("{s:I,s:I,s:o}", "rows", (json_int_t)r->rows, "count",
		(json_int_t)r->violations, "violations", texts);
}

static void
print_report(const struct check_report *r)
{
	printf("rows: %llu\nviolations: %llu\n", (unsigned long long)r->rows,
		(unsigned long long)r->violations);
	for (size_t i = 0; i < r->texts; i++)
		printf("  %s\n", r->text[i]);
}

static int
check_offline(const struct cli_line *line)
{
	static struct check_report report;
	struct config_error why;
	struct config config;
	char dir[CONFIG_TEXT_MAX + 8], vault[CONFIG_TEXT_MAX + 8];
	enum err e;

	if (config_load(cli_config_path(line), &config, &why))
		return cli_fail(EX_CONFIG, "%s", why.text);
	seal_init();
	snprintf(dir, sizeof dir, "%s/db", config.data_dir);
	snprintf(vault, sizeof vault, "%s/vault", config.data_dir);
	e = check_folder(dir, vault, &report);
	if (e)
		return cli_fail(
			EX_NOINPUT, "the database in %s can't be read: %s", dir, err_text(e));
	if (cli_has(line, "--json"))
		cli_put_json(report_json(&report));
	else
		print_report(&report);
	return report.violations ? EX_DATAERR : EX_OK;
}

int
cli_store_check(const struct cli_line *line)
{
	return cli_has(line, "--offline") ? check_offline(line) : cli_control_run(line);
}
