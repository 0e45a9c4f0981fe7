package files_test

// How a handler uses the package.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"

	"github.com/belay-go/belay/examples/service/files"
)

func ExampleOpen() {
	_, err := files.Open("no/such/folder", 4)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	store, err := files.Open("testdata", 4)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	_, err = store.Sum(context.Background(), "sub")
	fmt.Println(errors.Is(err, files.ErrKind), "- a folder has no digest")
	// Output:
	// true
	// true - a folder has no digest
}

func ExampleStore_Sum() {
	store, err := files.Open("testdata", 4)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sum, err := store.Sum(context.Background(), "greeting.txt")
	fmt.Println(sum.Size, sum.SHA256[:8], err)
	_, err = store.Sum(context.Background(), "../store.go")
	fmt.Println(errors.Is(err, files.ErrOutside))
	// Output:
	// 13 853ff937 <nil>
	// true
}

func ExampleStore_Tree() {
	store, err := files.Open("testdata", 4)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sums, err := store.Tree(context.Background(), ".")
	if err != nil {
		log.Fatal(err)
	}
	for _, sum := range sums {
		fmt.Println(sum.Path, sum.Size)
	}
	// Output:
	// greeting.txt 13
	// sub/names.txt 12
}

func ExampleStore_Search() {
	store, err := files.Open("testdata", 4)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	for matches, err := range store.Search(context.Background(), "hello") {
		if err != nil {
			log.Fatal(err)
		}
		for _, m := range matches {
			fmt.Printf("%s:%d: %s\n", m.Path, m.Line, m.Text)
		}
	}
	// Output:
	// greeting.txt:1: hello, world
}
