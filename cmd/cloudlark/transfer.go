package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
	"github.com/cloudlark/cloudlark/host"
)

const urlHelp = `A location of a provider is CONNECTION://BUCKET/NAME, where the connection is one of
cloudlark.toml, or a driver; anything else is a path of this machine.`

// moving is what cp, sync and rm have in common: their flags, and how they tell.
type moving struct {
	*app
	host *host.Host

	recursive, dryRun, quiet, restart, fsync bool
	include, exclude                         []string
	concurrency                              int
	partSize                                 string
	contentType, storageClass                string
	metadata                                 map[string]string

	roots map[string]*os.Root // folders of this machine that are open
	moves []transfer.Move     // of single files and objects
}

func (m *moving) flags(c *cobra.Command, writes bool) {
	f := c.Flags()
	f.BoolVarP(&m.dryRun, "dry-run", "n", false, "only tell what would be done")
	f.BoolVarP(&m.quiet, "quiet", "q", false, "tell only what failed")
	f.StringArrayVar(&m.include, "include", nil, "only names that match the pattern: \"*.jpg\", \"photos/**\"")
	f.StringArrayVar(&m.exclude, "exclude", nil, "no names that match the pattern")
	f.IntVar(&m.concurrency, "concurrency", 0, "requests at once (64; fewer when the provider asks for it)")
	if !writes {
		return
	}
	f.StringVar(&m.partSize, "part-size", "", "the size of parts of large objects: 64MiB (what suits the size, from 16MiB)")
	f.BoolVar(&m.restart, "restart", false, "take nothing up that was interrupted")
	f.BoolVar(&m.fsync, "fsync", false, "flush files to the disk before they get their names")
	f.StringVar(&m.contentType, "content-type", "", "the MIME type of what is written (the source's, or what a file's name says)")
	f.StringToStringVar(&m.metadata, "metadata", nil, "the metadata of what is written (the source's): a=b,c=d")
	f.StringVar(&m.storageClass, "storage-class", "", "the storage class of what is written, in the provider's word")
}

// with runs a command while the host is open.
func (m *moving) with(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		if m.host, err = m.app.host("."); err != nil {
			return err
		}
		defer m.host.Close()
		defer func() {
			for _, root := range m.roots {
				root.Close()
			}
		}()
		return do(c.Context(), args)
	}
}

// each does something for several arguments, and goes on with the rest when it fails
// for one, unless the command is wrong or was given up.
func each(ctx context.Context, args []string, do func(arg string) error) error {
	var failed []error
	for _, arg := range args {
		if err := do(arg); err != nil {
			failed = append(failed, err)
			if _, wrong := errors.AsType[usageError](err); wrong || ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(failed...)
}

// sizes reads "64MiB" as the table does.
type sizes struct {
	PartSize int64 `json:"part_size" unit:"bytes"`
}

func (m *moving) engine() (*transfer.Engine, *teller, error) {
	t := &teller{app: m.app, quiet: m.quiet, dryRun: m.dryRun, status: m.progress()}
	o := transfer.Options{Concurrency: m.concurrency, State: stateFolder("transfers"), Restart: m.restart, Sync: m.fsync, Done: t.done}
	if t.status != nil {
		o.Progress = t.progress
	}
	if m.partSize != "" {
		v, err := op.TypeOf(reflect.TypeFor[sizes]()).Field("part_size").Parse(m.partSize)
		if err != nil {
			return nil, nil, usage("--part-size: %s", op.AsError(err).Message)
		}
		o.PartSize = v.(int64)
	}
	return transfer.New(o), t, nil
}

func (m *moving) job(from, to transfer.Location) transfer.Job {
	return transfer.Job{From: from, To: to, DryRun: m.dryRun, Filter: transfer.Filter{Include: m.include, Exclude: m.exclude},
		ContentType: m.contentType, Metadata: m.metadata, StorageClass: m.storageClass}
}

// matching makes of a job one for what matches a pattern, which begins so.
func (m *moving) matching(j *transfer.Job, pattern, begin string) {
	if m.recursive {
		pattern = strings.TrimPrefix(pattern, "/")
	}
	j.From = j.From.Beginning(begin)
	j.Filter.Include = append(j.Filter.Include, pattern)
}

// objects is the location of a URL.
func (m *moving) objects(ctx context.Context, u transfer.URL) (transfer.Location, error) {
	if err := u.NeedBucket(); err != nil {
		return transfer.Location{}, usageError{err}
	}
	conn, err := m.host.Open(ctx, storage.Family.Name, u.Connection, nil)
	if err != nil {
		return transfer.Location{}, err
	}
	return transfer.Objects(conn, u.Bucket, u.Name), nil
}

// folder is a folder of this machine as one end, made when something is put into it.
// It opens what is there of the path: nothing leads out of that.
func (m *moving) folder(path string) (transfer.Location, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return transfer.Location{}, usageError{err}
	}
	for there := abs; ; there = filepath.Dir(there) {
		root := m.roots[there]
		if root == nil {
			root, err = os.OpenRoot(there)
			if errors.Is(err, fs.ErrNotExist) && filepath.Dir(there) != there {
				continue
			}
			if err != nil {
				return transfer.Location{}, usageError{err}
			}
			if m.roots == nil {
				m.roots = map[string]*os.Root{}
			}
			m.roots[there] = root
		}
		rel, err := filepath.Rel(there, abs)
		if err != nil {
			return transfer.Location{}, usageError{err}
		}
		return transfer.Files(root, filepath.ToSlash(rel)), nil
	}
}

// file is one file of this machine.
func (m *moving) file(path string) (transfer.Location, error) {
	dir, err := m.folder(filepath.Dir(path))
	return dir.Join(filepath.Base(path)), err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func endsWithSlash(path string) bool {
	return strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(os.PathSeparator))
}

// cp is `cloudlark cp FROM… TO`.
func (a *app) cp() *cobra.Command {
	m := &moving{app: a}
	var keep bool
	c := &cobra.Command{
		Use:   "cp FROM… TO",
		Short: "Copy files and objects, also between providers",
		Long: `Copy files to objects, objects to files, and objects from one provider to another.

  cloudlark cp report.pdf s3://docs/2026/            one file, under its name
  cloudlark cp -r photos backup://photos             all that is below a folder
  cloudlark cp -r s3://docs/2026 gcs://archive/2026  from one provider to another
  cloudlark cp 's3://logs/2026/*.gz' .               what matches
  tar c . | cloudlark cp - s3://docs/all.tar         standard input

` + urlHelp + `
A TO that ends with a slash, or is a folder, takes what it is given under its own
name. What was interrupted is gone on with by the same command. With -o json each
object is a line, and the summary is the last.`,
		Args: cobra.MinimumNArgs(2),
		RunE: m.with(func(ctx context.Context, args []string) error {
			e, t, err := m.engine()
			if err != nil {
				return err
			}
			to, sources := args[len(args)-1], args[:len(args)-1]
			if len(sources) > 1 && !endsWithSlash(to) && !isDir(to) {
				return usage("cp: several are copied into one: end %s with a slash", to)
			}
			err = each(ctx, sources, func(from string) error {
				s, err := m.copy(ctx, e, from, to, keep)
				t.add(s)
				return err
			})
			if _, wrong := errors.AsType[usageError](err); wrong || len(m.moves) == 0 {
				return t.end(err)
			}
			s, failed := m.copyEach(ctx, e, keep)
			t.add(s)
			return t.end(errors.Join(err, failed))
		}),
	}
	m.flags(c, true)
	c.Flags().BoolVarP(&m.recursive, "recursive", "r", false, "copy all that is below")
	c.Flags().BoolVar(&keep, "no-clobber", false, "fail where an object is there already")
	return c
}

// copy copies what one argument says, or adds to the moves what is a single one.
func (m *moving) copy(ctx context.Context, e *transfer.Engine, from, to string, keep bool) (transfer.Summary, error) {
	source, fromURL := transfer.ParseURL(from)
	target, toURL := transfer.ParseURL(to)
	if !fromURL && !toURL {
		return transfer.Summary{}, usage("cp: neither %s nor %s is of a provider: that is written as CONNECTION://BUCKET/NAME", from, to)
	}
	if from == "-" {
		return m.putStdin(ctx, target, keep)
	}
	if to == "-" {
		return transfer.Summary{}, usage("cp: to standard output goes: cloudlark cat %s", from)
	}
	below, pattern, begin, many := source.Pattern()
	if many = many && fromURL; many || m.recursive || endsWithSlash(from) && fromURL {
		if !many && !m.recursive {
			return transfer.Summary{}, usage("cp: %s is all that is below it: copy that with -r", from)
		}
		if !many {
			below = source.Folder()
		}
		f, t, err := m.ends(ctx, m.folder, from, below, fromURL, to, target.Folder(), toURL)
		if err != nil {
			return transfer.Summary{}, err
		}
		j := m.job(f, t)
		j.IfAbsent = keep
		if many {
			m.matching(&j, pattern, begin)
		}
		return e.CopyTree(ctx, j)
	}
	if !fromURL && isDir(from) {
		return transfer.Summary{}, usage("cp: %s is a folder: copy what is below it with -r", from)
	}
	base := source.Base()
	if !fromURL {
		base = filepath.Base(from)
	}
	if toURL && (target.Name == "" || strings.HasSuffix(target.Name, "/")) {
		target.Name += base
	}
	if !toURL && (endsWithSlash(to) || isDir(to)) {
		to = filepath.Join(to, base)
	}
	f, t, err := m.ends(ctx, m.file, from, source, fromURL, to, target, toURL)
	if err == nil {
		m.moves = append(m.moves, transfer.Move{From: f, To: t})
	}
	return transfer.Summary{}, err
}

// copyEach copies what is single.
func (m *moving) copyEach(ctx context.Context, e *transfer.Engine, keep bool) (transfer.Summary, error) {
	j := m.job(m.moves[0].From, m.moves[0].To)
	j.IfAbsent = keep
	if len(m.moves) == 1 {
		return e.Copy(ctx, j)
	}
	return e.CopyEach(ctx, j, m.moves)
}

// ends opens both ends: URLs, or what open opens of this machine.
func (m *moving) ends(ctx context.Context, open func(path string) (transfer.Location, error), from string, source transfer.URL, fromURL bool, to string, target transfer.URL, toURL bool) (f, t transfer.Location, err error) {
	one := func(path string, u transfer.URL, isURL bool) (transfer.Location, error) {
		if isURL {
			return m.objects(ctx, u)
		}
		return open(path)
	}
	if f, err = one(from, source, fromURL); err == nil {
		t, err = one(to, target, toURL)
	}
	return f, t, err
}

// putStdin writes an object from standard input, whose length nobody knows.
func (m *moving) putStdin(ctx context.Context, target transfer.URL, keep bool) (transfer.Summary, error) {
	if target.Name == "" || strings.HasSuffix(target.Name, "/") {
		return transfer.Summary{}, usage("cp: what shall the object be called that is read from standard input?")
	}
	if err := target.NeedBucket(); err != nil {
		return transfer.Summary{}, usageError{err}
	}
	if m.dryRun {
		return transfer.Summary{Transferred: 1, DryRun: true}, nil
	}
	conn, err := m.host.Open(ctx, storage.Family.Name, target.Connection, nil)
	if err != nil {
		return transfer.Summary{}, err
	}
	start := time.Now()
	o, err := drivers.Call[storage.Object](ctx, conn, storage.PutObject{Bucket: target.Bucket, Name: target.Name, Body: m.in,
		ContentType: m.contentType, Metadata: m.metadata, StorageClass: m.storageClass, IfAbsent: keep})
	if err != nil {
		return transfer.Summary{}, err
	}
	return transfer.Summary{Transferred: 1, Bytes: o.Size, Seconds: time.Since(start).Seconds()}, nil
}

// syncing is `cloudlark sync FROM TO`.
func (a *app) syncing() *cobra.Command {
	m := &moving{app: a}
	var remove, sizeOnly, checksum bool
	c := &cobra.Command{
		Use:   "sync FROM TO",
		Short: "Make one place like another",
		Long: `Make what is below TO like what is below FROM: what is missing, of another size or
older than at FROM is copied, and with --delete what is only at TO is deleted.

  cloudlark sync photos backup://photos --delete
  cloudlark sync s3://docs gcs://docs-copy --checksum
  cloudlark sync backup://photos photos --exclude '*.tmp' --dry-run

` + urlHelp,
		Args: cobra.ExactArgs(2),
		RunE: m.with(func(ctx context.Context, args []string) error {
			e, t, err := m.engine()
			if err != nil {
				return err
			}
			source, fromURL := transfer.ParseURL(args[0])
			target, toURL := transfer.ParseURL(args[1])
			switch {
			case !fromURL && !toURL:
				return usage("sync: neither %s nor %s is of a provider: that is written as CONNECTION://BUCKET/NAME", args[0], args[1])
			case !fromURL && !isDir(args[0]):
				return usage("sync: %s is no folder", args[0])
			case sizeOnly && checksum:
				return usage("sync: --size-only and --checksum exclude each other")
			}
			from, to, err := m.ends(ctx, m.folder, args[0], source.Folder(), fromURL, args[1], target.Folder(), toURL)
			if err != nil {
				return err
			}
			j := m.job(from, to)
			j.Delete = remove
			switch {
			case sizeOnly:
				j.Compare = transfer.Size
			case checksum:
				j.Compare = transfer.Checksum
			}
			s, err := e.Sync(ctx, j)
			t.add(s)
			return t.end(err)
		}),
	}
	m.flags(c, true)
	c.Flags().BoolVar(&remove, "delete", false, "delete at TO what is not at FROM")
	c.Flags().BoolVar(&sizeOnly, "size-only", false, "copy what is of another size, whatever its time")
	c.Flags().BoolVarP(&checksum, "checksum", "c", false, "copy what is of another size or checksum, whatever its time")
	return c
}

// A teller says what becomes of a job: a line an object, and the summary.
type teller struct {
	*app
	quiet, dryRun bool
	removes       bool // nothing is copied
	status        *status
	sum           transfer.Summary
}

func (t *teller) done(r transfer.Result) {
	if t.flags.output == "json" {
		if !t.quiet || r.Error != nil {
			json.NewEncoder(t.out).Encode(r)
		}
		return
	}
	out := t.out
	if t.status != nil {
		out = t.status.above(t.out)
	}
	switch {
	case r.Error != nil:
		if t.status != nil {
			out = t.status.above(t.err)
		} else {
			out = t.err
		}
		fmt.Fprintf(out, "failed: %s\n", visible(r.Error.Error()))
	case t.quiet:
	default:
		line := string(r.Action) + " " + visible(r.From)
		if r.To != "" {
			line += " to " + visible(r.To)
		}
		if t.dryRun {
			line = "would " + line
		}
		io.WriteString(out, line+"\n")
	}
}

func (t *teller) add(s transfer.Summary) {
	sum := &t.sum
	sum.Transferred += s.Transferred
	sum.Bytes += s.Bytes
	sum.Resumed += s.Resumed
	sum.Unchanged += s.Unchanged
	sum.Deleted += s.Deleted
	sum.Failed += s.Failed
	sum.Errors = append(sum.Errors, s.Errors...)
	sum.Seconds += s.Seconds
	sum.DryRun = sum.DryRun || s.DryRun
}

// end tells the summary.
func (t *teller) end(err error) error {
	if t.status != nil {
		t.status.event(host.Event{Done: true})
	}
	if _, wrong := errors.AsType[usageError](err); wrong {
		return err
	}
	s := t.sum
	if t.flags.output == "json" {
		return errors.Join(err, json.NewEncoder(t.out).Encode(map[string]any{"summary": s}))
	}
	if t.quiet || err != nil && s.Transferred+s.Deleted+s.Failed == 0 {
		return err
	}
	var parts []string
	if t.removes {
		parts = append(parts, fmt.Sprint(s.Deleted, " deleted"))
		s.Deleted = 0
	} else {
		parts = append(parts, fmt.Sprintf("%d copied, %s", s.Transferred, byteCount(s.Bytes)))
	}
	for _, n := range []struct {
		n    int64
		what string
	}{{int64(s.Unchanged), "unchanged"}, {int64(s.Deleted), "deleted"}, {int64(s.Failed), "failed"}} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprint(n.n, " ", n.what))
		}
	}
	if s.Resumed > 0 {
		parts = append(parts, byteCount(s.Resumed)+" of it was there from before")
	}
	line := strings.Join(parts, ", ")
	if s.Seconds >= 0.1 && s.Bytes > 0 && !s.DryRun {
		line += fmt.Sprintf(", in %.1fs: %s/s", s.Seconds, byteCount(int64(float64(s.Bytes-s.Resumed)/s.Seconds)))
	}
	if s.DryRun {
		line = "would be: " + line
	}
	fmt.Fprintln(t.out, line)
	return err
}

// progress shows how far the job is, in one line of the terminal.
func (t *teller) progress(p transfer.Progress) {
	line := fmt.Sprintf("%d done, %s", p.Objects, byteCount(p.Bytes))
	if p.Total > 0 {
		of := byteCount(p.Total)
		if !p.Known {
			of += " or more"
		}
		line += " of " + of
	}
	line += fmt.Sprintf(", %s/s", byteCount(int64(p.Rate)))
	if p.Left > 0 {
		line += ", " + p.Left.Round(time.Second).String() + " left"
	}
	t.status.line(line)
}

// byteCount is a size for people.
func byteCount(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
