// Package mistakes has the classic mistakes of concurrent Go, each as it is
// usually made and as it is put right: the code of the pages in docs/mistakes.
// The tests see the wrong ones leak, hang or lose what the pages say they do, and
// the right ones not.
package mistakes
