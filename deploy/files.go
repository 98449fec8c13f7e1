package deploy

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pkg/sftp"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A File is a file that is to be there with this content. One that is, stays.
type File struct {
	Path    string      // on the machine; relative to the user's home
	Content []byte      // or
	Source  fs.FS       // where Name is, which is read and never whole in memory
	Name    string      //
	Mode    fs.FileMode // its permissions; 0644 if zero
	Owner   string      // user, or user:group; needs root. As who sends it if empty
	Sudo    bool        // put there as root, where the user may not write
}

func (f File) String() string { return "file " + f.Path }

// open opens what the file is to hold.
func (f File) open() (io.ReadCloser, error) {
	if f.Source == nil {
		return io.NopCloser(strings.NewReader(string(f.Content))), nil
	}
	return f.Source.Open(f.Name)
}

func (f File) mode() fs.FileMode {
	if f.Mode == 0 {
		return 0o644
	}
	return f.Mode.Perm()
}

func (f File) apply(ctx context.Context, s *Session) (Result, error) {
	if f.Path == "" || strings.HasSuffix(f.Path, "/") {
		return Result{}, op.Errorf(op.InvalidArgument, "path: %q is no file", f.Path)
	}
	content, err := f.open()
	if err != nil {
		return Result{}, op.Errorf(op.NotFound, "%w", err)
	}
	digest := sha256.New()
	size, err := io.Copy(digest, content)
	if err = errors.Join(err, content.Close()); err != nil {
		return Result{}, op.Errorf(op.Internal, "%s: %w", f.Name, err)
	}
	want := hex.EncodeToString(digest.Sum(nil))
	same, err := s.has(ctx, f, want)
	if err != nil || same {
		return Result{}, err
	}
	if err := s.put(ctx, f, want, size); err != nil {
		return Result{}, err
	}
	return Result{Changed: true}, nil
}

// has reports whether a file is there as it is to be.
func (s *Session) has(ctx context.Context, f File, want string) (bool, error) {
	quoted := Quote(plain(f.Path))
	line := "sha256sum < " + quoted + " && stat -c '%a %U:%G' " + quoted
	r, err := s.Quiet().Run(ctx, Command{Line: line, Sudo: f.Sudo})
	if err != nil || r.Status != 0 {
		return false, err
	}
	sum, rest, _ := strings.Cut(strings.TrimSpace(r.Stdout), "\n")
	sum, _, _ = strings.Cut(sum, " ")
	mode, owner, _ := strings.Cut(strings.TrimSpace(rest), " ")
	user, _, _ := strings.Cut(owner, ":")
	return sum == want && mode == fmt.Sprintf("%o", f.mode()) && (f.Owner == "" || f.Owner == owner || f.Owner == user), nil
}

// Quiet returns the session without anybody who listens to what its commands
// write. It is not to be closed.
func (s *Session) Quiet() *Session {
	return &Session{name: s.name, user: s.user, client: s.client}
}

// plain is a path that a command does not take for an option.
func plain(p string) string {
	if strings.HasPrefix(p, "-") {
		return "./" + p
	}
	return p
}

const part = ".cloudlark-part"

// put sends a file under another name beside its own, looks whether it has
// arrived as it was, and gives it its name. What an earlier attempt left is
// written over.
func (s *Session) put(ctx context.Context, f File, sum string, size int64) error {
	files, err := s.files()
	if err != nil {
		return err
	}
	temporary := path.Join(path.Dir(f.Path), "."+path.Base(f.Path)+part)
	if f.Sudo {
		temporary = "/tmp/cloudlark-" + rand.Text()[:12] + part // the user may not write where it is to be
	} else if err := files.MkdirAll(path.Dir(f.Path)); err != nil {
		return s.refused(ctx, path.Dir(f.Path), err)
	}
	if err := s.send(ctx, files, f, temporary); err != nil {
		// Best effort: after a lost connection it is the next attempt that does it.
		_ = files.Remove(temporary)
		return err
	}
	finish := "chmod " + fmt.Sprintf("%04o ", f.mode()) + Quote(temporary)
	final := temporary
	if f.Sudo {
		// On another file system a move is a copy: it gets there under another name first.
		final = path.Join(path.Dir(f.Path), "."+path.Base(f.Path)+part)
		finish = "mkdir -p " + Quote(plain(path.Dir(f.Path))) + " && (umask 077 && cp " + Quote(temporary) + " " + Quote(plain(final)) + ") && rm " + Quote(temporary) +
			" && chmod " + fmt.Sprintf("%04o ", f.mode()) + Quote(plain(final))
	}
	final = Quote(plain(final))
	check := `[ "$(sha256sum < ` + final + ` | cut -d ' ' -f 1)" = ` + sum + ` ] || { rm -f ` + final + `; echo 'it did not arrive as it was sent' >&2; exit 1; }`
	finish += " && { " + check + "; }"
	if f.Owner != "" {
		finish += " && chown " + Quote(f.Owner) + " " + final
	}
	finish += " && mv -f " + final + " " + Quote(plain(f.Path))
	r, err := s.Quiet().Run(ctx, Command{Line: finish, Sudo: f.Sudo})
	if err == nil && r.Status != 0 {
		_ = files.Remove(temporary)
		err = failure(r)
	}
	return err
}

// send writes the temporary file. It ends with the context.
func (s *Session) send(ctx context.Context, files *sftp.Client, f File, temporary string) error {
	content, err := f.open()
	if err != nil {
		return op.Errorf(op.NotFound, "%w", err)
	}
	defer content.Close()
	to, err := files.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return s.refused(ctx, temporary, err)
	}
	// Nobody else is to read it before it has its permissions.
	if err := files.Chmod(temporary, 0o600); err != nil {
		to.Close()
		return s.refused(ctx, temporary, err)
	}
	_, err = to.ReadFrom(&reader{ctx, content})
	if err = errors.Join(err, to.Close()); err != nil {
		return s.refused(ctx, f.Path, err)
	}
	return nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// refused is an error of SFTP in the terms of all errors.
func (s *Session) refused(ctx context.Context, name string, err error) error {
	kind := op.Unavailable
	switch {
	case ctx.Err() != nil:
		return s.lost(ctx, err)
	case errors.Is(err, fs.ErrNotExist):
		kind = op.NotFound
	case errors.Is(err, fs.ErrPermission):
		kind = op.PermissionDenied
	}
	var status *sftp.StatusError
	if kind == op.Unavailable && errors.As(err, &status) && !errors.Is(err, sftp.ErrSSHFxConnectionLost) {
		kind = op.Conflict
	}
	return op.Errorf(kind, "%s: %w", name, err)
}

// A Dir is a folder that is to be there with all that Source has.
type Dir struct {
	Source fs.FS  // what it is to hold; files' permissions to be executed are kept
	Path   string // on the machine
	Owner  string // as a File's
	Sudo   bool   // as a File's
}

func (d Dir) String() string { return "dir " + d.Path }

func (d Dir) apply(ctx context.Context, s *Session) (Result, error) {
	changed := false
	err := fs.WalkDir(d.Source, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o111 != 0 {
			mode = 0o755
		}
		r, err := File{Path: path.Join(d.Path, name), Source: d.Source, Name: name, Mode: mode, Owner: d.Owner, Sudo: d.Sudo}.apply(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		changed = changed || r.Changed
		return nil
	})
	return Result{Changed: changed}, err
}

// Download reads a file of the machine into w.
func (s *Session) Download(ctx context.Context, name string, w io.Writer) (int64, error) {
	files, err := s.files()
	if err != nil {
		return 0, err
	}
	f, err := files.Open(name)
	if err != nil {
		return 0, s.refused(ctx, name, err)
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	n, err := f.WriteTo(w)
	if err != nil {
		return n, s.refused(ctx, name, err)
	}
	return n, nil
}
