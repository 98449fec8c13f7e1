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
	"slices"
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
	return s.place(ctx, []File{f}, f.Sudo)
}

// place sees to it that files are there as they are to be.
func (s *Session) place(ctx context.Context, files []File, sudo bool) (Result, error) {
	paths := make([]string, len(files))
	sums := make([]string, len(files))
	for i, f := range files {
		var err error
		if sums[i], err = f.sum(); err != nil {
			return Result{}, err
		}
		paths[i] = f.Path
	}
	there, err := s.there(ctx, paths, sudo)
	if err != nil {
		return Result{}, err
	}
	changed := false
	for i, f := range files {
		switch {
		case there[i] == folder:
			return Result{Changed: changed}, op.Errorf(op.Conflict, "%s is a folder", f.Path)
		case !f.is(there[i], sums[i]):
			if err := s.put(ctx, f, sums[i]); err != nil {
				return Result{Changed: changed}, err
			}
			changed = true
		}
	}
	return Result{Changed: changed}, nil
}

// sum is the digest of what the file is to hold.
func (f File) sum() (string, error) {
	content, err := f.open()
	if err != nil {
		return "", op.Errorf(op.NotFound, "%w", err)
	}
	digest := sha256.New()
	_, err = io.Copy(digest, content)
	if err = errors.Join(err, content.Close()); err != nil {
		return "", op.Errorf(op.Internal, "%s: %w", f.Name, err)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// folder is what there says of one.
const folder = "folder"

// there tells what is at paths: "folder"; of a file its digest, mode and owner; or
// nothing that is known. One command does for many of them.
func (s *Session) there(ctx context.Context, paths []string, sudo bool) ([]string, error) {
	const line = `xargs -0 sh -c 'for f; do if [ -d "$f" ]; then echo ` + folder + `; else echo "$(sha256sum <"$f" | cut -d " " -f 1) $(stat -c "%a %U:%G" "$f")"; fi; done 2>/dev/null' sh`
	const most = 4000 // whose answers are less than what is kept of a command's output
	var all []string
	for some := range slices.Chunk(paths, most) {
		var list strings.Builder
		for _, p := range some {
			list.WriteString(plain(p) + "\x00")
		}
		r, err := s.Quiet().Run(ctx, Command{Line: line, Sudo: sudo, Stdin: strings.NewReader(list.String())})
		if err == nil && r.Status != 0 {
			err = failure(r)
		}
		if err != nil {
			return nil, err
		}
		lines := strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
		if len(lines) != len(some) {
			return nil, op.Errorf(op.Internal, "%s: of %d files, it tells of %d", s.name, len(some), len(lines))
		}
		all = append(all, lines...)
	}
	return all, nil
}

// is reports whether what is there is the file as it is to be.
func (f File) is(there, sum string) bool {
	has, rest, _ := strings.Cut(there, " ")
	mode, owner, _ := strings.Cut(rest, " ")
	user, _, _ := strings.Cut(owner, ":")
	return has == sum && mode == fmt.Sprintf("%o", f.mode()) && (f.Owner == "" || f.Owner == owner || f.Owner == user)
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
func (s *Session) put(ctx context.Context, f File, sum string) error {
	defer s.heed(ctx)()
	files, err := s.files(ctx)
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
		err = failure(r)
	}
	if err != nil {
		_ = files.Remove(temporary)
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

// A Dir is a folder that is to be there with all that Source has. What else is
// there stays.
type Dir struct {
	Source fs.FS  // what it is to hold; files' permissions to be executed are kept, and links are what they lead to
	Path   string // on the machine
	Owner  string // as a File's
	Sudo   bool   // as a File's
}

func (d Dir) String() string { return "dir " + d.Path }

func (d Dir) apply(ctx context.Context, s *Session) (Result, error) {
	var files []File
	var folders []string
	err := fs.WalkDir(d.Source, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := fs.Stat(d.Source, name)
		if err != nil {
			return err
		}
		f := File{Path: path.Join(d.Path, name), Source: d.Source, Name: name, Owner: d.Owner, Sudo: d.Sudo}
		switch mode := info.Mode(); {
		case mode.IsDir():
			folders = append(folders, f.Path)
		case !mode.IsRegular():
			return op.Errorf(op.InvalidArgument, "%s is neither a file nor a folder", name)
		case mode&0o111 != 0:
			f.Mode = 0o755
			fallthrough
		default:
			files = append(files, f)
		}
		return nil
	})
	if err != nil {
		if _, ours := errors.AsType[*op.Error](err); !ours {
			err = op.Errorf(op.NotFound, "%w", err)
		}
		return Result{}, err
	}
	made, err := s.mkdir(ctx, folders, d.Owner, d.Sudo)
	if err != nil {
		return Result{}, err
	}
	r, err := s.place(ctx, files, d.Sudo)
	r.Changed = r.Changed || made
	return r, err
}

// mkdir makes those folders that are missing.
func (s *Session) mkdir(ctx context.Context, folders []string, owner string, sudo bool) (bool, error) {
	there, err := s.there(ctx, folders, sudo)
	if err != nil {
		return false, err
	}
	var missing []string
	for i, f := range folders {
		if there[i] != folder {
			missing = append(missing, plain(f))
		}
	}
	if len(missing) == 0 {
		return false, nil
	}
	line := "xargs -0 mkdir -p"
	if owner != "" {
		line = "xargs -0 " + Quote("sh", "-c", `mkdir -p "$@" && chown `+Quote(owner)+` "$@"`, "sh")
	}
	r, err := s.Quiet().Run(ctx, Command{Line: line, Sudo: sudo, Stdin: strings.NewReader(strings.Join(missing, "\x00"))})
	if err == nil && r.Status != 0 {
		err = failure(r)
	}
	return true, err
}

// Download reads a file of the machine into w.
func (s *Session) Download(ctx context.Context, name string, w io.Writer) (int64, error) {
	defer s.heed(ctx)()
	files, err := s.files(ctx)
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
