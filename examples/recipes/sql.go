package recipes

// database/sql: a pool that is known to work before anything uses it, and that
// tells at its end who still does.

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/belay-go/belay/graceful"
)

// SQL opens and closes a pool; sql.Open alone does not connect. It belongs to
// a phase below everything that asks it. Close closes idle connections only:
// one that somebody holds when nobody should any more is a leak (rows that were
// not closed, a transaction without its end), and this is the place to hear of
// it.
func SQL(db *sql.DB) graceful.Component {
	return graceful.Component{
		Name:  "db",
		Start: db.PingContext,
		Stop: func(context.Context) error {
			held := db.Stats().InUse
			if err := db.Close(); err != nil {
				return err
			}
			if held > 0 {
				return fmt.Errorf("closed with %d connections in use", held)
			}
			return nil
		},
	}
}
