package belayredis_test

// placeholder of what processes do
const roleEnv = "BELAYREDIS_TEST_ROLE"

func play(string) int { return 0 }
func leaks() int      { return 0 }
