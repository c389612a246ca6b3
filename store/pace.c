#include "store/pace.h"

bool
pace_may(const struct pace *p, uint64_t since_us, uint64_t now_us)
{
	bool has_company = p->company_us && now_us - p->company_us < PACE_COMPANY_MS * 1000;

	if (!has_company || now_us - since_us >= PACE_POLITE_MS * 1000)
		return p->flight < PACE_FLIGHT;
	return p->round < PACE_ROUND && now_us >= p->rest_until_us;
}

uint32_t
pace_rest_ms(const struct pace *p, uint64_t now_us)
{
	return now_us < p->rest_until_us ? (uint32_t)((p->rest_until_us - now_us + 999) / 1000)
					 : 0;
}

void
pace_sent(struct pace *p, uint64_t octets, uint64_t now_us)
{
	if (!p->round++)
		p->begun_us = now_us;
	p->flight += octets;
}

void
pace_applied(struct pace *p, uint64_t octets)
{
	p->flight -= octets < p->flight ? octets : p->flight;
}

void
pace_committed(struct pace *p, uint64_t now_us)
{
	uint64_t rest;

	if (!p->round || p->flight)
		return;
	rest = (now_us - p->begun_us) * PACE_REST_PERCENT / 100;
	if (rest > PACE_REST_MAX_MS * 1000)
		rest = PACE_REST_MAX_MS * 1000;
	p->rest_until_us = now_us + rest;
	p->round = 0;
}

void
pace_company(struct pace *p, uint64_t now_us)
{
	p->company_us = now_us;
}

void
pace_anew(struct pace *p)
{
	p->flight = p->round = 0;
}
