//go:build unix

package main

// Any answer whatever to who asks for the status.

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzStatus prints what a supervisor, maybe of another version, has answered.
func FuzzStatus(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"error":"x"}`, `{"status":{}}`, `{"status":null,"error":""}`,
		`{"status":{"name":"a","pid":7,"age":1e300,"state":"ready","sockets":[{"name":"b"}],"servers":[{"number":-1,"age":-1,"status":"\n\t"}]}}`,
		`{"status":{"sockets":[{"name":"a","network":"tcp","addr":"\u001b[31m:80"}],"servers":[{"state":"ready","role":"old"}]}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r reply
		if json.Unmarshal(text, &r) != nil || r.Status == nil {
			return
		}
		var table, data bytes.Buffer
		r.Status.print(&table, false)
		require.NotEmpty(t, table.String())
		r.Status.print(&data, true)
		var again status
		require.NoError(t, json.Unmarshal(data.Bytes(), &again))
	})
}
