// Package servicepb is the service's grpc interface in Go. All of it but this
// file is generated from service.proto and committed, so that a build needs
// nothing but Go; run go generate after a change of the proto file.
package servicepb

// The generators are protoc-gen-go v1.36.12 and protoc-gen-go-grpc v1.6.2,
// found on PATH.
//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative service.proto
