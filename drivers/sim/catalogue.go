package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// The catalogue is what the cloud offers before anybody has made anything. It
// is no part of a world's state, so that a state of last year has what is new.

// locations returns where things can be.
func locations() []compute.Location {
	return []compute.Location{
		{ID: "sim-eu-1a", Name: "Europe 1, zone a", Country: "DE", Region: "sim-eu-1"},
		{ID: "sim-eu-1b", Name: "Europe 1, zone b", Country: "DE", Region: "sim-eu-1"},
		{ID: "sim-us-1a", Name: "United States 1, zone a", Country: "US", Region: "sim-us-1"},
		{ID: "sim-us-1b", Name: "United States 1, zone b", Country: "US", Region: "sim-us-1"},
		{ID: "sim-ap-1a", Name: "Asia 1, zone a", Country: "SG", Region: "sim-ap-1"},
	}
}

func checkLocation(id string) error {
	var ids []string
	for _, l := range locations() {
		if l.ID == id {
			return nil
		}
		ids = append(ids, l.ID)
	}
	return invalid("location: there is no %q%s", id, op.DidYouMean(id, ids))
}

// regionOf takes a region, or a location for the region it is in.
func regionOf(id string) (string, error) {
	var ids []string
	for _, l := range locations() {
		if l.Region == id || l.ID == id {
			return l.Region, nil
		}
		ids = append(ids, l.Region)
	}
	return "", invalid("location: there is no region %q%s", id, op.DidYouMean(id, slices.Compact(ids)))
}

// sizes returns the sizes of nodes: a general family on two architectures, and
// one with more memory. All disks are volumes, so none comes with a size.
func sizes() []compute.Size {
	var all []compute.Size
	add := func(id string, vcpus, gib int, arch compute.Architecture, price float64) {
		all = append(all, compute.Size{ID: id, Name: id, VCPUs: vcpus, RAM: gib * 1024, Architecture: arch, Price: &price})
	}
	for _, s := range []struct {
		name  string
		vcpus int
		gib   int
		price float64
	}{{"tiny", 1, 1, 0.006}, {"small", 1, 2, 0.012}, {"medium", 2, 4, 0.024}, {"large", 2, 8, 0.048}, {"xlarge", 4, 16, 0.096}, {"2xlarge", 8, 32, 0.192}} {
		add("g1."+s.name, s.vcpus, s.gib, compute.X86_64, s.price)
	}
	for _, s := range []struct {
		name  string
		vcpus int
		gib   int
		price float64
	}{{"tiny", 1, 1, 0.005}, {"small", 1, 2, 0.01}, {"medium", 2, 4, 0.02}, {"large", 2, 8, 0.04}} {
		add("a1."+s.name, s.vcpus, s.gib, compute.ARM64, s.price)
	}
	for _, s := range []struct {
		name  string
		vcpus int
		gib   int
		price float64
	}{{"large", 2, 16, 0.064}, {"xlarge", 4, 32, 0.128}, {"2xlarge", 8, 64, 0.256}} {
		add("m1."+s.name, s.vcpus, s.gib, compute.X86_64, s.price)
	}
	return all
}

func findSize(id string) (compute.Size, error) {
	all := sizes()
	if i := slices.IndexFunc(all, func(s compute.Size) bool { return s.ID == id }); i >= 0 {
		return all[i], nil
	}
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return compute.Size{}, notFound("size", id, ids...)
}

// publicOwner is the account that owns what the cloud itself offers; an
// account's own things belong to selfOwner.
const (
	publicOwner = "sim"
	selfOwner   = "self"
)

// built is when all that the cloud offers was made.
var built = time.Date(2026, time.September, 1, 0, 0, 0, 0, time.UTC)

// publicImages returns the images that the cloud offers to everyone.
func publicImages() []compute.Image {
	var all []compute.Image
	for _, i := range []struct {
		id, name, description string
		size                  int
	}{
		{"debian-13", "Debian 13", "Debian 13 (trixie)", 8},
		{"debian-12", "Debian 12", "Debian 12 (bookworm)", 8},
		{"ubuntu-26.04", "Ubuntu 26.04 LTS", "Ubuntu Server 26.04 LTS", 8},
		{"ubuntu-24.04", "Ubuntu 24.04 LTS", "Ubuntu Server 24.04 LTS (Noble Numbat)", 8},
		{"almalinux-10", "AlmaLinux 10", "AlmaLinux OS 10", 10},
		{"fedora-43", "Fedora 43", "Fedora Cloud 43", 6},
		{"alpine-3.23", "Alpine 3.23", "Alpine Linux 3.23", 1},
	} {
		for _, arch := range []compute.Architecture{compute.X86_64, compute.ARM64} {
			all = append(all, compute.Image{ID: i.id + "-" + string(arch), Name: i.name, Description: i.description, State: compute.ImageAvailable,
				Architecture: arch, Size: i.size, Owner: publicOwner, Public: true, CreatedAt: built})
		}
	}
	return all
}

// A repository is a name in the registry that the cloud's containers come from.
type repository struct {
	name    string
	tags    []string
	size    int64
	command []string // what its images run by themselves
}

// registry returns what can be pulled. The first are services, which run until
// they are stopped.
func registry() []repository {
	const mib = 1 << 20
	return []repository{
		{"nginx", []string{"latest", "1.29", "1.28", "alpine"}, 72 * mib, []string{"nginx", "-g", "daemon off;"}},
		{"redis", []string{"latest", "8", "7"}, 49 * mib, []string{"redis-server"}},
		{"postgres", []string{"latest", "18", "17", "16"}, 152 * mib, []string{"postgres"}},
		{"httpd", []string{"latest", "2.4"}, 56 * mib, []string{"httpd-foreground"}},
		{"alpine", []string{"latest", "3.23", "3.22"}, 4 * mib, []string{"/bin/sh"}},
		{"busybox", []string{"latest", "1.37"}, 2 * mib, []string{"sh"}},
		{"debian", []string{"latest", "13", "12"}, 48 * mib, []string{"bash"}},
		{"hello-world", []string{"latest"}, 10 << 10, []string{"echo", "Hello from the embedded cloud!"}},
	}
}

// digest is that of the repository's image of a tag. Like a real one it says
// nothing; two tags have two.
func (r repository) digest(tag string) string {
	sum := sha256.Sum256([]byte(r.name + ":" + tag))
	return "sha256:" + hex.EncodeToString(sum[:])
}

var (
	repositoryName = regexp.MustCompile(`^[a-z0-9]+([._/-]+[a-z0-9]+)*$`)
	tagName        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestForm     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

func findRepository(name string) (repository, error) {
	var names []string
	for _, r := range registry() {
		if r.name == name {
			return r, nil
		}
		names = append(names, r.name)
	}
	return repository{}, notFound("repository", name, names...)
}

// fromRegistry looks an image up by its name, among the images that the registry
// began with.
func fromRegistry(name string) (container.Image, error) {
	repo, tag, digest, err := imageReference(name)
	if err != nil {
		return container.Image{}, err
	}
	r, err := findRepository(repo)
	if err != nil {
		return container.Image{}, err
	}
	for _, t := range r.tags {
		if d := r.digest(t); tag == t && digest == "" || digest == d {
			return container.Image{ID: d, Name: "docker.io/library/" + r.name + ":" + t, Digest: d, Architecture: "amd64", Size: r.size, CreatedAt: built}, nil
		}
	}
	if digest != "" {
		return container.Image{}, op.Errorf(op.NotFound, "repository %q has no image %s", r.name, digest)
	}
	return container.Image{}, op.Errorf(op.NotFound, "repository %q has no tag %q%s", r.name, tag, op.DidYouMean(tag, r.tags))
}

// imageCommand is what an image runs by itself.
func imageCommand(name string) []string {
	repo, _, _, err := imageReference(name)
	if err != nil {
		return nil
	}
	r, _ := findRepository(repo)
	return r.command
}
