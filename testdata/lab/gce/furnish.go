package gce

import (
	"fmt"
	"strings"
)

// zones are the places that there are.
var zones = []string{"europe-west1-b", "europe-west1-c", "us-central1-a", "us-central1-b"}

// furnish puts in what Google has, and what it puts into a new project.
func (s *Server) furnish() {
	for _, p := range []string{Project, "debian-cloud", "ubuntu-os-cloud"} {
		s.put("projects/"+p, map[string]any{"commonInstanceMetadata": map[string]any{"kind": "compute#metadata", "fingerprint": fingerprint(nil)},
			"defaultNetworkTier": "PREMIUM", "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS"})
	}
	project := "projects/" + Project
	s.put(project+"/global/networks/default", map[string]any{"autoCreateSubnetworks": true, "description": "Default network for the project",
		"routingConfig": map[string]any{"routingMode": "REGIONAL"}})
	regions := map[string][]any{}
	for _, z := range zones {
		region := z[:strings.LastIndexByte(z, '-')]
		regions[region] = append(regions[region], root+project+"/zones/"+z)
		s.put(project+"/zones/"+z, map[string]any{"status": "UP", "description": z, "region": root + project + "/regions/" + region,
			"availableCpuPlatforms": []any{"Intel Broadwell", "AMD Rome"}})
		for _, t := range []string{"pd-standard", "pd-balanced", "pd-ssd"} {
			s.put(project+"/zones/"+z+"/diskTypes/"+t, nil)
		}
		s.machineTypes(project + "/zones/" + z)
	}
	for i, region := range []string{"europe-west1", "us-central1"} {
		s.put(project+"/regions/"+region, map[string]any{"status": "UP", "zones": regions[region]})
		s.put(project+"/regions/"+region+"/subnetworks/default", map[string]any{"network": root + project + "/global/networks/default",
			"ipCidrRange": fmt.Sprintf("10.%d.0.0/20", 128+4*i), "gatewayAddress": fmt.Sprintf("10.%d.0.1", 128+4*i), "stackType": "IPV4_ONLY"})
	}
	s.images()
}

// machineTypes are some of a zone's. The one with accelerators and the one for
// ARM are not everywhere.
func (s *Server) machineTypes(zone string) {
	add := func(name string, cpus, memory int, more map[string]any) {
		doc := map[string]any{"guestCpus": cpus, "memoryMb": memory, "maximumPersistentDisks": 16, "maximumPersistentDisksSizeGb": "3072", "isSharedCpu": false,
			"description": fmt.Sprintf("%d vCPUs %d MB RAM", cpus, memory), "architecture": "X86_64"}
		for k, v := range more {
			doc[k] = v
		}
		path := zone + "/machineTypes/" + name
		s.put(path, doc)["zone"] = zone[strings.LastIndexByte(zone, '/')+1:]
	}
	add("e2-micro", 2, 1024, map[string]any{"isSharedCpu": true})
	add("e2-medium", 2, 4096, map[string]any{"isSharedCpu": true})
	add("n2-standard-2", 2, 8192, nil)
	add("n2-standard-4", 4, 16384, nil)
	add("n2-highmem-8", 8, 65536, nil)
	if strings.HasSuffix(zone, "us-central1-a") {
		add("t2a-standard-1", 1, 4096, map[string]any{"architecture": "ARM64"})
		add("a2-highgpu-1g", 12, 87040, map[string]any{"accelerators": []any{map[string]any{"guestAcceleratorType": "nvidia-tesla-a100", "guestAcceleratorCount": 1}}})
	}
}

func (s *Server) images() {
	add := func(project, name, family, architecture string, size int, deprecated string) {
		doc := map[string]any{"status": "READY", "family": family, "architecture": architecture, "diskSizeGb": fmt.Sprint(size), "sourceType": "RAW",
			"description": name, "archiveSizeBytes": "1000000000", "storageLocations": []any{"us", "eu"}}
		if deprecated != "" {
			doc["deprecated"] = map[string]any{"state": deprecated}
		}
		s.put("projects/"+project+"/global/images/"+name, doc)
	}
	add("debian-cloud", "debian-12-bookworm-arm64-v20261020", "debian-12-arm64", "ARM64", 10, "")
	add("debian-cloud", "debian-12-bookworm-v20260910", "debian-12", "X86_64", 10, "DEPRECATED")
	add("debian-cloud", "debian-12-bookworm-v20261020", "debian-12", "X86_64", 10, "")
	add("ubuntu-os-cloud", "ubuntu-2404-noble-amd64-v20261015", "ubuntu-2404-lts-amd64", "X86_64", 10, "")
	add("ubuntu-os-cloud", "ubuntu-2404-noble-arm64-v20261015", "ubuntu-2404-lts-arm64", "ARM64", 10, "")
}
