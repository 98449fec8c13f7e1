// A driver without a runtime, for what a call costs by itself. Built with build.sh.
static char buffer[65536];
static const char about[] =
	"{\"abi\":1,\"name\":\"minimal\",\"version\":\"1.0.0\",\"title\":\"Minimal\","
	"\"families\":{\"compute\":{\"operations\":[\"start_node\"]}}}";
static const char done[] = "{}";

#define EXPORT(name) __attribute__((export_name(#name)))
#define MESSAGE(m) ((unsigned long long)(unsigned long)(m) << 32 | (sizeof(m) - 1))

EXPORT(cloudlark_abi_version) int version(void) { return 1; }
EXPORT(cloudlark_alloc) char *alloc(unsigned n) { return n <= sizeof buffer ? buffer : 0; }
EXPORT(cloudlark_describe) unsigned long long describe(void) { return MESSAGE(about); }
EXPORT(cloudlark_call) unsigned long long call(char *message, unsigned n) { return MESSAGE(done); }

// Work for a processor, with a loop that cannot be folded.
EXPORT(spin) unsigned spin(unsigned n) {
	unsigned x = 2463534242u;
	for (unsigned i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
	}
	return x;
}
