// Package belayredis shares a limit among machines, by Redis: a token bucket.
package belayredis
