package lxd

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// What the servers' API has no word for they hand on to LXC, line by line, in the
// key raw.lxc: what runs in place of the image's init, and memory as a file system.

// plainWord is what needs no quoting. LXC takes an init's command line apart at its
// blanks, and knows no quotes.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// initCommand is a container's command as LXC's init. Words that LXC could not tell
// apart go through the image's shell, which replaces itself: each byte is written as
// its number, so that no blank is left.
func initCommand(command []string) []string {
	line := strings.Join(command, " ")
	for _, word := range command {
		if plainWord.MatchString(word) {
			continue
		}
		var quoted, encoded strings.Builder
		for _, w := range command {
			quoted.WriteString(" '" + strings.ReplaceAll(w, "'", `'\''`) + "'")
		}
		for _, b := range []byte("exec" + quoted.String()) {
			fmt.Fprintf(&encoded, `\0%03o`, b)
		}
		line = "/bin/sh -c eval\t\"$(printf\t%b\t'" + encoded.String() + "')\""
		break
	}
	// An init is asked to end by another signal than a program is.
	return []string{"lxc.init.cmd = " + line, "lxc.signal.halt = SIGTERM"}
}

const memoryPrefix = "lxc.mount.entry = tmpfs "

// memoryMount is memory as a file system, in the words of LXC: fstab's.
func memoryMount(m container.Mount) string {
	mode := "rw"
	if m.ReadOnly {
		mode = "ro"
	}
	target := strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`).Replace(strings.TrimPrefix(m.Target, "/"))
	return memoryPrefix + target + " tmpfs " + mode + ",nosuid,nodev,create=dir 0 0"
}

// memoryMounts are those of a container's configuration.
func memoryMounts(raw string) []container.Mount {
	var all []container.Mount
	for line := range strings.Lines(raw) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), memoryPrefix)
		fields := strings.Fields(rest)
		if ok && len(fields) >= 3 && fields[1] == "tmpfs" {
			target := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(fields[0])
			all = append(all, container.Mount{Target: "/" + target, ReadOnly: strings.HasPrefix(fields[2]+",", "ro,")})
		}
	}
	return all
}

func checkTarget(target string) error {
	if !path.IsAbs(target) || path.Clean(target) == "/" || strings.ContainsAny(target, "\n\r") {
		return op.Errorf(op.InvalidArgument, "mounts: target %q is not an absolute path in the container", target)
	}
	return nil
}
