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
