package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"syscall"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A fault is an error of libvirt's, whichever way it came.
type fault struct {
	Code    int // of virErrorNumber
	Message string
}

func (f *fault) Error() string { return f.Message }

// kinds are the kinds of libvirt's error numbers. What stands for several things
// is told apart by its message: see failed.
var kinds = map[int]op.Kind{
	2:   op.QuotaExceeded, // NO_MEMORY
	3:   op.Unsupported,   // NO_SUPPORT
	5:   op.Unavailable,   // NO_CONNECT
	8:   op.InvalidArgument,
	9:   op.Conflict, // OPERATION_FAILED
	27:  op.InvalidArgument,
	28:  op.AlreadyExists, // DOM_EXIST
	29:  op.PermissionDenied,
	35:  op.InvalidArgument, // XML_DETAIL
	36:  op.InvalidArgument,
	37:  op.AlreadyExists, // NETWORK_EXIST
	38:  op.Unavailable,   // SYSTEM_ERROR
	39:  op.Unavailable,   // RPC
	42:  op.NotFound,      // NO_DOMAIN
	43:  op.NotFound,
	44:  op.InvalidArgument,
	45:  op.Unauthenticated, // AUTH_FAILED
	46:  op.InvalidArgument,
	47:  op.InvalidArgument,
	49:  op.NotFound, // NO_STORAGE_POOL
	50:  op.NotFound, // NO_STORAGE_VOL
	55:  op.Conflict, // OPERATION_INVALID
	62:  op.NotFound, // NO_NWFILTER
	67:  op.InvalidArgument,
	68:  op.Conflict, // OPERATION_TIMEOUT: another job has the domain
	72:  op.NotFound, // NO_DOMAIN_SNAPSHOT
	74:  op.Unsupported,
	78:  op.Conflict, // OPERATION_ABORTED
	79:  op.Unauthenticated,
	80:  op.NotFound, // NO_DOMAIN_METADATA
	84:  op.Unsupported,
	86:  op.Conflict, // AGENT_UNRESPONSIVE
	87:  op.Conflict, // RESOURCE_BUSY
	88:  op.PermissionDenied,
	90:  op.AlreadyExists, // STORAGE_VOL_EXIST
	92:  op.InvalidArgument,
	94:  op.Unauthenticated,
	97:  op.Conflict,
	99:  op.NotFound,        // DEVICE_MISSING
	104: op.NotFound,        // NO_DOMAIN_BACKUP
	112: op.Timeout,         // AGENT_COMMAND_TIMEOUT
	113: op.InvalidArgument, // AGENT_COMMAND_FAILED
}

// said are the words by which a message says more than its number.
var said = []struct {
	words *regexp.Regexp
	kind  op.Kind
}{
	{regexp.MustCompile(`(?i)already exists`), op.AlreadyExists},
	{regexp.MustCompile(`(?i)no space left|cannot allocate memory|disk quota exceeded|not enough (free )?space`), op.QuotaExceeded},
	{regexp.MustCompile(`(?i)permission denied|access denied`), op.PermissionDenied},
	{regexp.MustCompile(`(?i)already in use|is in use|still being|has asynchronous jobs|another job is active`), op.Conflict},
	{regexp.MustCompile(`(?i)too many active clients|connection (refused|reset)|broken pipe`), op.Unavailable},
}

// failed is what an error of a wire means.
func failed(err error) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	f, ok := errors.AsType[*fault](err)
	if !ok {
		return &op.Error{Kind: kindOfFailure(err), Message: err.Error(), Err: err}
	}
	e := &op.Error{Kind: kinds[f.Code], Code: fmt.Sprintf("libvirt %d", f.Code), Message: strings.TrimSpace(f.Message), Err: err}
	switch e.Kind {
	case "", op.Conflict, op.Unavailable:
		for _, s := range said {
			if s.words.MatchString(f.Message) {
				e.Kind = s.kind
				break
			}
		}
	}
	if e.Kind == "" {
		e.Kind = op.Internal
	}
	if e.Kind == op.Unauthenticated {
		e.Message += ": libvirtd does not let this user in; see its auth_unix_rw and polkit's rules, or name another user in the endpoint"
	}
	return e
}

// kindOfFailure is for connections that were not made, or broke.
func kindOfFailure(err error) op.Kind {
	switch {
	case errors.Is(err, context.Canceled):
		return op.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return op.Timeout
	case strings.Contains(err.Error(), "unable to authenticate"):
		return op.Unauthenticated
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EACCES):
		return op.PermissionDenied
	}
	return op.Unavailable
}
