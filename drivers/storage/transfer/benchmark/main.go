// Command benchmark compares cloudlark with other tools that move objects: each
// moves the same objects to and from the same S3 server on this machine, one tool
// after the other in every row, so that what else the machine does meets all.
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
// It prints a Markdown table: seconds, and the peak of the process's memory.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed libcloud.py
var libcloudProgram string

var (
	server     = flag.String("server", "", "the program minio")
	cloudlark  = flag.String("cloudlark", "", "the program cloudlark")
	rclone     = flag.String("rclone", "", "the program rclone")
	s5cmd      = flag.String("s5cmd", "", "the program s5cmd")
	libcloud   = flag.String("libcloud", "", "a python that has apache-libcloud")
	large      = flag.Int64("large", 4096, "MiB of the one large object")
	medium     = flag.Int("medium", 100, "how many objects of 64 MiB")
	small      = flag.Int("small", 10_000, "how many objects of 4 KiB")
	keys       = flag.Int("keys", 100_000, "how many keys are listed")
	slow       = flag.Int("slow", 1_000, "how many of the small objects libcloud is given, whose time is then scaled")
	dir        = flag.String("dir", "", "a folder for the files; a temporary one if not given")
	rows       = flag.String("rows", "", "only rows whose name holds this")
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
	name    string
	path    string
	command func(b *bench, what string) []string // nil for what it cannot do
}

type bench struct {
	dir, endpoint string
	env           []string
}

func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }

func run() error {
	b := &bench{dir: *dir}
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
	if err := b.configure(); err != nil {
		return err
	}
	tools := []tool{
		{"cloudlark", *cloudlark, cloudlarkCommand},
		{"s5cmd", *s5cmd, s5cmdCommand},
		{"rclone", *rclone, rcloneCommand},
		{"libcloud", *libcloud, libcloudCommand},
	}
	fmt.Printf("| row |")
	for _, t := range tools {
		if t.path != "" {
			fmt.Printf(" %s |", t.name)
		}
	}
	fmt.Printf("\n| --- |%s\n", strings.Repeat(" --- |", len(tools)))
	for _, row := range []struct {
		name, what string
		prepare    func() error
		scale      float64 // of libcloud's time
	}{
		{fmt.Sprintf("upload 1 object of %d MiB", *large), "up-large", func() error { return b.files("large", 1, *large<<20) }, 1},
		{"download it", "down-large", nil, 1},
		{fmt.Sprintf("upload %d objects of 64 MiB", *medium), "up-medium", func() error { return b.files("medium", *medium, 64<<20) }, 1},
		{"download them", "down-medium", nil, 1},
		{fmt.Sprintf("upload %d objects of 4 KiB", *small), "up-small", func() error { return b.files("small", *small, 4<<10) }, float64(*small) / float64(min(*small, *slow))},
		{"download them", "down-small", nil, float64(*small) / float64(min(*small, *slow))},
		{fmt.Sprintf("copy %d objects of 4 KiB inside the server", *small), "copy-small", nil, 0},
		{fmt.Sprintf("copy %d objects of 64 MiB inside the server", *medium), "copy-medium", nil, 0},
		{fmt.Sprintf("list %d keys", *keys), "list", b.manyKeys, 1},
	} {
		if !strings.Contains(row.what, *rows) && !(row.prepare != nil && strings.Contains(strings.Replace(row.what, "up-", "down-", 1), *rows)) {
			continue
		}
		if row.prepare != nil {
			if err := row.prepare(); err != nil {
				return err
			}
		}
		fmt.Printf("| %s |", row.name)
		for _, t := range tools {
			if t.path == "" {
				continue
			}
			args := t.command(b, row.what)
			if args == nil || t.name == "libcloud" && row.scale == 0 {
				fmt.Print(" – |")
				continue
			}
			os.RemoveAll(b.file("out"))
			seconds, memory, err := b.time(t.path, args)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", row.name, t.name, err)
			}
			if t.name == "libcloud" {
				seconds *= row.scale
			}
			fmt.Printf(" %.1f s, %d MiB |", seconds, memory>>20)
		}
		fmt.Println()
		os.RemoveAll(b.file("out"))
	}
	return nil
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
	b.endpoint = "http://" + addr
	for range 300 {
		if resp, err := http.Get(b.endpoint + "/minio/health/ready"); err == nil {
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

// configure makes a bucket for each tool, and the tools' configurations.
func (b *bench) configure() error {
	b.env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+accessPass, "AWS_REGION=us-east-1", "S3_ENDPOINT_URL="+b.endpoint,
		"XDG_STATE_HOME="+b.file("state"), "XDG_CACHE_HOME="+b.file("cache"), "RCLONE_CONFIG="+b.file("rclone.conf"))
	config := fmt.Sprintf("[connection.s]\ndriver = \"s3\"\nendpoint = %q\nregion = \"us-east-1\"\n", b.endpoint)
	remote := fmt.Sprintf("[s]\ntype = s3\nprovider = Minio\nenv_auth = true\nendpoint = %s\nregion = us-east-1\n", b.endpoint)
	err := errors.Join(os.WriteFile(b.file("cloudlark.toml"), []byte(config), 0o600), os.WriteFile(b.file("rclone.conf"), []byte(remote), 0o600),
		os.WriteFile(b.file("libcloud.py"), []byte(libcloudProgram), 0o600))
	for _, bucket := range []string{"cloudlark", "s5cmd", "rclone", "libcloud", "keys"} {
		_, _, e := b.time(*cloudlark, []string{"call", "s", "create_bucket", "name=" + bucket})
		err = errors.Join(err, e)
	}
	return err
}

// files makes a folder of files with bytes that nothing compresses.
func (b *bench) files(name string, n int, size int64) error {
	for i := range n {
		folder := b.file(filepath.Join(name, fmt.Sprintf("%03d", i/1000)))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%06d.bin", i)))
		if err != nil {
			return err
		}
		_, err = io.CopyN(f, rand.Reader, size)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// manyKeys fills a bucket with keys to list.
func (b *bench) manyKeys() error {
	if err := b.files("keys", *keys, 1); err != nil {
		return err
	}
	_, _, err := b.time(*cloudlark, []string{"cp", "-q", "-r", b.file("keys"), "s://keys/"})
	return errors.Join(err, os.RemoveAll(b.file("keys")))
}

// time runs a program to its end.
func (b *bench) time(path string, args []string) (seconds float64, memory int64, err error) {
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout = b.dir, b.env, io.Discard
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("%w: %.1000s", err, said.String())
	}
	seconds = time.Since(start).Seconds()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		memory = usage.Maxrss << 10
	}
	return seconds, memory, nil
}

// what is "up-large": what is done, and with what.
func split(what string) (do, set string) {
	do, set, _ = strings.Cut(what, "-")
	return do, set
}

func cloudlarkCommand(b *bench, what string) []string {
	switch do, set := split(what); do {
	case "up":
		return []string{"cp", "-q", "-r", b.file(set), "s://cloudlark/" + set}
	case "down":
		return []string{"cp", "-q", "-r", "s://cloudlark/" + set, b.file("out")}
	case "copy":
		return []string{"cp", "-q", "-r", "s://cloudlark/" + set, "s://cloudlark/copy-" + set}
	}
	return []string{"ls", "-r", "s://keys/"}
}

func s5cmdCommand(b *bench, what string) []string {
	switch do, set := split(what); do {
	case "up":
		return []string{"--log", "error", "cp", b.file(set) + "/", "s3://s5cmd/" + set + "/"}
	case "down":
		return []string{"--log", "error", "cp", "s3://s5cmd/" + set + "/*", b.file("out") + "/"}
	case "copy":
		return []string{"--log", "error", "cp", "s3://s5cmd/" + set + "/*", "s3://s5cmd/copy-" + set + "/"}
	}
	return []string{"ls", "s3://keys/*"}
}

func rcloneCommand(b *bench, what string) []string {
	// As many transfers and checks at once as make it fastest here.
	fast := []string{"--transfers", "32", "--checkers", "32", "--s3-no-check-bucket", "--no-traverse"}
	switch do, set := split(what); do {
	case "up":
		return append([]string{"copy", b.file(set), "s:rclone/" + set}, fast...)
	case "down":
		return append([]string{"copy", "s:rclone/" + set, b.file("out")}, fast...)
	case "copy":
		return append([]string{"copy", "s:rclone/" + set, "s:rclone/copy-" + set}, fast...)
	}
	return []string{"lsl", "--fast-list", "s:keys"}
}

func libcloudCommand(b *bench, what string) []string {
	do, set := split(what)
	if do == "copy" {
		return nil
	}
	return []string{b.file("libcloud.py"), b.endpoint, do, b.file(set), set, b.file("out"), fmt.Sprint(*slow)}
}
