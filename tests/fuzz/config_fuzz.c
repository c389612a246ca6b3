/* The configuration file: whatever is in it is taken or refused with one line of words; what
 * was taken and written out reads back the same. */
#include <stdlib.h>
#include <string.h>

#include "cmd/config.h"
#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct config c, again;
	struct config_error why = {""};
	struct buf text, second;
	char *copy = must_alloc(n + 1);

	memcpy(copy, p, n);
	copy[n] = '\0';
	if (config_parse(copy, "f", &c, &why)) {
		must(why.text[0] && memchr(why.text, 0, sizeof why.text));
		free(copy);
		return 0;
	}
	must(c.listeners > 0 && c.listeners <= CONFIG_LISTENERS_MAX);
	for (uint32_t i = 0; i < c.listeners; i++)
		must(config_is_path(&c.listener[i]) != (c.listener[i].port > 0));
	buf_init(&text, 1 << 20);
	buf_init(&second, 1 << 20);
	config_format(&c, false, &text);
	buf_put_u8(&text, 0);
	must(!config_parse((const char *)text.p, "again", &again, &why));
	config_format(&again, false, &second);
	buf_put_u8(&second, 0);
	must(slice_eq(buf_slice(&text), buf_slice(&second)));
	buf_fini(&text);
	buf_fini(&second);
	free(copy);
	return 0;
}
