// Command benchmark compares cloudlark with other tools that move objects: each
// moves the same files to and from the same S3 server on this machine.
//
//	go build -o /tmp/cloudlark ./cmd/cloudlark
//	go run ./testdata/lab/install minio
//	go run ./drivers/storage/transfer/benchmark -server ~/.cache/cloudlark-lab/minio-2026-02-12/minio \
//		-cloudlark /tmp/cloudlark -rclone /tmp/rclone -s5cmd /tmp/s5cmd -libcloud /tmp/libcloud/bin/python
//
// rclone is installed with `go install github.com/rclone/rclone@v1.76.0`; s5cmd is built
// from a module of one line that calls its package command; libcloud is
// `pip install apache-libcloud==3.9.1` in a virtual environment. A tool that is not
// named is left out.
//
// There are several rounds, and in each another tool begins, since what is written
// to the disk in one tool's time is often paid for in the next one's; libcloud is in
// the first alone. It prints a
// Markdown table of each tool's fastest round: seconds, and the peak of the
// process's memory in any.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

//go:embed with_libcloud.py
var libcloudProgram string

var (
	server    = flag.String("server", "", "the program minio")
	cloudlark = flag.String("cloudlark", "", "the program cloudlark")
	rclone    = flag.String("rclone", "", "the program rclone")
	s5cmd     = flag.String("s5cmd", "", "the program s5cmd")
	libcloud  = flag.String("libcloud", "", "a python that has apache-libcloud")
	large     = flag.Int("large", 4096, "MiB of the one large object")
	medium    = flag.Int("medium", 100, "how many objects of 64 MiB")
	small     = flag.Int("small", 10_000, "how many objects of 4 KiB")
	keys      = flag.Int("keys", 100_000, "how many keys are listed")
	slow      = flag.Int("slow", 500, "how many of the small objects libcloud is given, whose time is then scaled")
	trip      = flag.Duration("trip", 20*time.Millisecond, "the round trip to the server that is far away")
	rounds    = flag.Int("rounds", 3, "how often everything is measured")
	dir       = flag.String("dir", "", "a folder for the files; a temporary one if not given")
	only      = flag.String("only", "", "the sets that are measured, of large,medium,small,far,keys; all if empty")
)

const (
	accessKey  = "benchmark"
	accessPass = "benchmark-secret"
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

// A tool is one of those that are compared.
type tool struct {
	name, path string
	command    func(b *bench, s set, do string) []string // nil for what it cannot do
}

// A set is the files that are moved, or the keys that are listed.
type set struct {
	name   string
	n      int
	size   int64
	remote string // "near", or "far" for the server behind a delay
	does   []string
	title  string
}

type bench struct {
	dir       string
	endpoints map[string]string // of a remote
	env       []string
	table     table
}

func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }

func run() error {
	b := &bench{dir: *dir, endpoints: map[string]string{}, table: table{best: map[string]figure{}}}
	if b.dir == "" {
		tmp, err := os.MkdirTemp("", "benchmark-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		b.dir = tmp
	}
	stop, err := b.start()
	if err != nil {
		return err
	}
	defer stop()
	if err := b.far(); err != nil {
		return err
	}
	if err := b.configure(); err != nil {
		return err
	}
	var tools []tool
	for _, t := range []tool{
		{"cloudlark", *cloudlark, cloudlarkCommand},
		{"s5cmd", *s5cmd, s5cmdCommand},
		{"rclone", *rclone, rcloneCommand},
		{"libcloud", *libcloud, libcloudCommand},
	} {
		if t.path != "" {
			tools = append(tools, t)
			b.table.tools = append(b.table.tools, t.name)
		}
	}
	moves := []string{"upload", "download", "copy"}
	for _, s := range []set{
		{"large", 1, int64(*large) << 20, "near", moves[:2], fmt.Sprintf("1 object of %d MiB", *large)},
		{"medium", *medium, 64 << 20, "near", moves, fmt.Sprintf("%d objects of 64 MiB", *medium)},
		{"small", *small, 4 << 10, "near", moves, fmt.Sprintf("%d objects of 4 KiB", *small)},
		{"far", *small / 10, 4 << 10, "far", moves, fmt.Sprintf("%d objects of 4 KiB, %v away", *small/10, *trip)},
		{"keys", *keys, 1, "near", []string{"list"}, fmt.Sprintf("%d keys", *keys)},
	} {
		if *only != "" && !strings.Contains(","+*only+",", ","+s.name+",") {
			continue
		}
		if err := b.measure(s, tools); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(os.Stderr, "so far:\n%s\n", b.table.String())
	}
	fmt.Print(b.table.String())
	return nil
}

// measure has every tool do with a set what is done with it.
func (b *bench) measure(s set, tools []tool) error {
	if err := b.files(s); err != nil {
		return err
	}
	defer os.RemoveAll(b.file(s.name))
	listed := s.does[0] == "list"
	if listed {
		if _, _, err := b.time(*cloudlark, cloudlarkCommand(b, s, "upload")); err != nil {
			return err
		}
	}
	for round := range *rounds {
		for i := range tools {
			t := tools[(i+round)%len(tools)]
			if t.name == "libcloud" && round > 0 {
				continue // once says enough, and it takes long
			}
			for _, do := range s.does {
				args := t.command(b, s, do)
				if args == nil {
					continue
				}
				syscall.Sync() // what others wrote
				seconds, memory, err := b.time(t.path, args)
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s: %s: %v\n", t.name, do, err)
					b.table.add(do+" "+s.title, t.name, figure{math.Inf(1), memory})
					continue
				}
				if t.name == "libcloud" && s.size == 4<<10 {
					seconds *= float64(s.n) / float64(min(s.n, *slow))
				}
				b.table.add(do+" "+s.title, t.name, figure{seconds, memory})
				os.RemoveAll(b.file("out"))
				fmt.Fprintf(os.Stderr, "round %d: %s %s: %s: %.1f s\n", round+1, do, s.title, t.name, seconds)
			}
			if listed {
				continue
			}
			if _, _, err := b.time(*cloudlark, []string{"rm", "-q", "-r", "near://bench/"}); err != nil {
				return err
			}
			b.emptied()
		}
	}
	return nil
}

// A figure is what a tool needed.
type figure struct {
	seconds float64
	memory  int64
}

// A table is what was measured.
type table struct {
	rows, tools []string
	best        map[string]figure // by row and tool
}

func (t *table) add(row, tool string, f figure) {
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	key := row + "|" + tool
	if had, ok := t.best[key]; ok {
		f = figure{min(f.seconds, had.seconds), max(f.memory, had.memory)}
	}
	t.best[key] = f
}

func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| row | %s |\n| --- |%s\n", strings.Join(t.tools, " | "), strings.Repeat(" --- |", len(t.tools)))
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, tool := range t.tools {
			if f, ok := t.best[row+"|"+tool]; ok && math.IsInf(f.seconds, 1) {
				b.WriteString(" fails |")
			} else if ok {
				fmt.Fprintf(&b, " %.1f s, %d MiB |", f.seconds, f.memory>>20)
			} else {
				b.WriteString(" – |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// start starts the server on a port of its own.
func (b *bench) start() (stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(*server, "server", "--address", addr, b.file("server"))
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+accessKey, "MINIO_ROOT_PASSWORD="+accessPass, "MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=on")
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("-server: %w", err)
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	b.endpoints["near"] = "http://" + addr
	for range 300 {
		if resp, err := http.Get("http://" + addr + "/minio/health/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return stop, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	return nil, errors.New("the server does not become ready")
}

// far opens a way to the server on which every byte takes half a round trip.
func (b *bench) far() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.endpoints["far"] = "http://" + l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				s, err := net.Dial("tcp", strings.TrimPrefix(b.endpoints["near"], "http://"))
				if err != nil {
					c.Close()
					return
				}
				time.Sleep(*trip) // of the handshake
				go delay(s, c)
				delay(c, s)
			}()
		}
	}()
	return nil
}

// delay copies what comes, each piece when its time has come, until either end closes.
func delay(to, from net.Conn) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			if n > 0 {
				pieces <- piece{time.Now().Add(*trip / 2), buf[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			from.Close()
		}
	}
	to.Close()
}

// emptied removes what the server was told to delete and keeps for some minutes: the
// disk would be full of it.
func (b *bench) emptied() {
	trash := b.file("server/.minio.sys/tmp/.trash")
	left, _ := os.ReadDir(trash)
	for _, e := range left {
		os.RemoveAll(filepath.Join(trash, e.Name()))
	}
}

// configure makes a bucket for what is moved and one for what is listed, and the
// tools' configurations.
func (b *bench) configure() error {
	b.env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+accessPass, "AWS_REGION=us-east-1",
		"XDG_STATE_HOME="+b.file("state"), "XDG_CACHE_HOME="+b.file("cache"), "RCLONE_CONFIG="+b.file("rclone.conf"))
	var config, remotes string
	for name, endpoint := range b.endpoints {
		config += fmt.Sprintf("[connection.%s]\ndriver = \"s3\"\nendpoint = %q\nregion = \"us-east-1\"\n", name, endpoint)
		remotes += fmt.Sprintf("[%s]\ntype = s3\nprovider = Minio\nenv_auth = true\nendpoint = %s\nregion = us-east-1\n", name, endpoint)
	}
	err := errors.Join(os.WriteFile(b.file("cloudlark.toml"), []byte(config), 0o600), os.WriteFile(b.file("rclone.conf"), []byte(remotes), 0o600),
		os.WriteFile(b.file("with_libcloud.py"), []byte(libcloudProgram), 0o600))
	for _, bucket := range []string{"bench", "keys"} {
		_, _, e := b.time(*cloudlark, []string{"call", "near", "create_bucket", "name=" + bucket})
		err = errors.Join(err, e)
	}
	return err
}

// files makes a folder of files with bytes that nothing compresses.
func (b *bench) files(s set) error {
	for i := range s.n {
		folder := b.file(filepath.Join(s.name, fmt.Sprintf("%03d", i/1000)))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%06d.bin", i)))
		if err != nil {
			return err
		}
		_, err = io.CopyN(f, rand.Reader, s.size)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// time runs a program to its end.
func (b *bench) time(path string, args []string) (seconds float64, memory int64, err error) {
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout = b.dir, b.env, io.Discard
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		text := said.String()
		return 0, 0, fmt.Errorf("%w: %s", err, text[max(0, len(text)-1000):])
	}
	seconds = time.Since(start).Seconds()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		memory = usage.Maxrss << 10
	}
	return seconds, memory, nil
}

// bucket is where a set is moved to and from, or listed.
func (s set) bucket() string {
	if s.name == "keys" {
		return "keys"
	}
	return "bench"
}

func cloudlarkCommand(b *bench, s set, do string) []string {
	there := s.remote + "://" + s.bucket() + "/"
	switch do {
	case "upload":
		return []string{"cp", "-q", "-r", b.file(s.name), there + "set"}
	case "download":
		return []string{"cp", "-q", "-r", there + "set", b.file("out")}
	case "copy":
		return []string{"cp", "-q", "-r", there + "set", there + "copy"}
	}
	return []string{"ls", "-r", there}
}

func s5cmdCommand(b *bench, s set, do string) []string {
	there := "s3://" + s.bucket() + "/"
	args := []string{"--endpoint-url", b.endpoints[s.remote], "--log", "error"}
	switch do {
	case "upload":
		return append(args, "cp", b.file(s.name)+"/", there+"set/")
	case "download":
		return append(args, "cp", there+"set/*", b.file("out")+"/")
	case "copy":
		return append(args, "cp", there+"set/*", there+"copy/")
	}
	return append(args[:2], "ls", there+"*")
}

func rcloneCommand(b *bench, s set, do string) []string {
	there := s.remote + ":" + s.bucket() + "/"
	// As many transfers and checks at once as make it fastest here.
	args := []string{"copy", "--transfers", "32", "--checkers", "32", "--s3-no-check-bucket", "--no-traverse"}
	switch do {
	case "upload":
		return append(args, b.file(s.name), there+"set")
	case "download":
		return append(args, there+"set", b.file("out"))
	case "copy":
		return append(args, there+"set", there+"copy")
	}
	return []string{"lsl", "--fast-list", there}
}

// It has no copy.
func libcloudCommand(b *bench, s set, do string) []string {
	if do == "copy" {
		return nil
	}
	return []string{b.file("with_libcloud.py"), b.endpoints[s.remote], do, s.bucket(), b.file(s.name), b.file("out"), fmt.Sprint(*slow)}
}
