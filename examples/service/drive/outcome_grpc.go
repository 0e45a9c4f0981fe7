package drive

// What the statuses of grpc mean in the words of the contract.

import (
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errOdd: the answer is whole and not the one that was asked for.
var errOdd = status.Error(codes.DataLoss, "another answer than asked for")

// early is the error of a stream that the server ended before its time, even
// if it did so politely.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return status.Error(codes.Unavailable, "the stream ended early")
	}
	return err
}

// end is the error of a stream that has ended where it should.
func end(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// ofRPC tells what the error of a call means. A call without a connection
// fails with the text of the last dial's error. Codes that grpc's client gives
// to a call that was cut count as lost, whoever they come from; the others
// only a server gives.
func ofRPC(err error) result {
	switch code := status.Code(err); code {
	case codes.OK, codes.NotFound: // files come and go
		return result{outcome: answered}
	case codes.ResourceExhausted:
		return result{shed, err}
	case codes.Unavailable:
		for _, o := range []outcome{refused, broken} {
			if strings.Contains(err.Error(), dialMark+o.String()) {
				return result{o, err}
			}
		}
		return result{lost, err}
	case codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal:
		return result{lost, err}
	default:
		return result{odd, err}
	}
}
