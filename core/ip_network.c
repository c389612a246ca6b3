#include "core/ip_network.h"

#include <arpa/inet.h>

enum { TEXT_MAX = 64, MAPPED = 12 };

static struct slice
unmapped(struct slice address)
{
	static const uint8_t prefix[MAPPED] = {[10] = 0xff, [11] = 0xff};

	return address.n == 16 && !memcmp(address.p, prefix, MAPPED)
		       ? slice_from(address, MAPPED)
		       : address;
}

static bool
is_bit_set(const uint8_t *octets, unsigned bit)
{
	return octets[bit / 8] & 0x80 >> bit % 8;
}

const char *
ip_network_parse(struct slice text, struct ip_network *out)
{
	size_t slash = slice_find(text, '/');
	bool is_six = slice_has(text, ':');
	struct ip_network net = {.n = is_six ? 16 : 4};
	uint64_t bits = net.n * 8u;
	char address[TEXT_MAX];

	if (slash >= sizeof address || slice_has(text, '\0'))
		return "no address";
	memcpy(address, text.p, slash);
	address[slash] = '\0';
	if (inet_pton(is_six ? AF_INET6 : AF_INET, address, net.octets) != 1)
		return "no numeric address";
	if (slash < text.n && !slice_u64(slice_from(text, slash + 1), bits, &bits))
		return is_six ? "behind the / a number up to 128 is needed"
			      : "behind the / a number up to 32 is needed";
	net.bits = (uint8_t)bits;
	for (unsigned i = net.bits; i < net.n * 8u; i++)
		if (is_bit_set(net.octets, i))
			return "the address has bits behind its prefix";
	*out = net;
	return NULL;
}

bool
ip_network_holds(const struct ip_network *net, struct slice address)
{
	address = unmapped(address);
	if (address.n != net->n)
		return false;
	for (unsigned i = 0; i < net->bits; i++)
		if (is_bit_set(net->octets, i) != is_bit_set(address.p, i))
			return false;
	return true;
}

static bool
is_in(const struct ip_network *list, size_t n, struct slice address)
{
	for (size_t i = 0; i < n; i++)
		if (ip_network_holds(&list[i], address))
			return true;
	return false;
}

static bool
is_public_four(struct slice address)
{
	static const struct ip_network special[] = {
		{{0}, 4, 8}, {{10}, 4, 8}, {{100, 64}, 4, 10}, {{127}, 4, 8},
		{{169, 254}, 4, 16}, {{172, 16}, 4, 12}, {{192, 0, 0}, 4, 24},
		{{192, 0, 2}, 4, 24}, {{192, 88, 99}, 4, 24}, {{192, 168}, 4, 16},
		{{198, 18}, 4, 15}, {{198, 51, 100}, 4, 24}, {{203, 0, 113}, 4, 24},
		{{224}, 4, 3}, /* multicast, reserved, broadcast */
	};

	return !is_in(special, sizeof special / sizeof *special, address);
}

/* Of all others nothing is given out yet, or they are for what isn't a server of the web:
 * 2001::/23 has Teredo, ORCHID and benchmarks. */
static bool
is_public_six(struct slice address)
{
	static const struct ip_network given = {{0x20}, 16, 3};
	static const struct ip_network special[] = {
		{{0x20, 0x01}, 16, 23},
		{{0x20, 0x01, 0x0d, 0xb8}, 16, 32},
		{{0x3f, 0xff}, 16, 20},
	};

	return ip_network_holds(&given, address) &&
	       !is_in(special, sizeof special / sizeof *special, address);
}

bool
ip_network_is_public(struct slice address)
{
	static const struct ip_network nat64 = {{0x00, 0x64, 0xff, 0x9b}, 16, 96};
	static const struct ip_network six_to_four = {{0x20, 0x02}, 16, 16};

	address = unmapped(address);
	if (address.n == 16 && ip_network_holds(&nat64, address))
		address = slice_from(address, 12);
	else if (address.n == 16 && ip_network_holds(&six_to_four, address))
		address = slice_cut(address, 2, 6);
	return address.n == 4 ? is_public_four(address)
			      : address.n == 16 && is_public_six(address);
}
