// Package edges has the memory model's tests: for each edge that docs/MEMORY.md
// lists, a write on one side and a read on the other, of a plain variable. With
// the race detector each must pass, and its planted reversal, in which the write
// comes after what is said to order it, must be reported.
package edges
