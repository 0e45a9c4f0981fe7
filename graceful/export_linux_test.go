package graceful

// What is pure on Linux alone, for tests from outside.

var FreeMemory = freeMemory
