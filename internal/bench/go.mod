module github.com/belay-go/belay/internal/bench

go 1.26.0

require github.com/belay-go/belay v0.0.0

require (
	github.com/stretchr/testify v1.12.1 // indirect
	golang.org/x/sync v0.24.0 // indirect
)

replace github.com/belay-go/belay => ../../
