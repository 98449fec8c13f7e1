package gce

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// number is a size, which the API has as text.
func number(v any) int {
	n, _ := strconv.Atoi(fmt.Sprint(v)) // the schema has seen to it
	return n
}

func insertDisk(c *call) (any, error) {
	kind, err := c.referred("type", "diskTypes")
	if err != nil {
		return nil, err
	}
	if kind == "" {
		kind = c.path[:strings.LastIndex(c.path, "/disks")] + "/diskTypes/pd-standard"
	}
	c.body["type"] = root + kind
	for field, from := range map[string]string{"sourceSnapshot": "snapshots", "sourceImage": "images"} {
		source, err := c.referred(field, from)
		if err != nil {
			return nil, err
		}
		if source == "" {
			continue
		}
		doc := c.docs[source]
		if doc["status"] != "READY" {
			return nil, notReady(source)
		}
		c.body[field+"Id"] = doc["id"]
		if c.body["sizeGb"] == nil {
			c.body["sizeGb"] = doc["diskSizeGb"]
		}
		if number(c.body["sizeGb"]) < number(doc["diskSizeGb"]) {
			return nil, invalid("resource.sizeGb", fmt.Sprint(c.body["sizeGb"]), "Requested disk size cannot be smaller than the source's (%s GB)", doc["diskSizeGb"])
		}
	}
	if size := c.body["sizeGb"]; size == nil || number(size) < 1 || number(size) > 65536 {
		return nil, invalid("resource.sizeGb", fmt.Sprint(size), "Disk size must be between 1 GB and 65536 GB")
	}
	c.body["status"] = "CREATING"
	return c.insert(func(doc map[string]any) { doc["status"] = "READY" })
}

func users(doc map[string]any) []any {
	list, _ := doc["users"].([]any)
	return list
}

func deleteDisk(c *call) (any, error) {
	doc := c.docs[c.path]
	if doc == nil {
		return nil, notFound(c.path)
	}
	if u := users(doc); len(u) > 0 {
		return nil, inUse("disk", c.path, strings.TrimPrefix(u[0].(string), root))
	}
	return remove(c)
}

func resizeDisk(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/resize")
	doc := c.docs[path]
	if doc == nil {
		return nil, notFound(path)
	}
	size := c.body["sizeGb"]
	if number(size) <= number(doc["sizeGb"]) {
		return nil, invalid("sizeGb", fmt.Sprint(size), "New disk size '%s' GiB must be larger than existing size '%s' GiB.", size, doc["sizeGb"])
	}
	return c.begin(path, nil, func() error {
		doc["sizeGb"] = size
		return nil
	}, nil)
}

// attachDisk notices only when it comes to it that another was faster.
func attachDisk(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/attachDisk")
	doc := c.docs[path]
	if doc == nil {
		return nil, notFound(path)
	}
	url, _ := c.body["source"].(string)
	source, err := c.refer("source", url, "disks")
	if err != nil {
		return nil, err
	}
	disk := c.docs[source]
	if !strings.Contains(source, "/zones/"+c.params["zone"]+"/") {
		return nil, invalid("resource.source", url, "The disk must be in the zone of the instance.")
	}
	taken := func() error {
		if u := users(disk); len(u) > 0 {
			return inUse("disk", source, strings.TrimPrefix(u[0].(string), root))
		}
		return nil
	}
	if err := taken(); err != nil {
		return nil, err
	}
	if disk["status"] != "READY" {
		return nil, notReady(source)
	}
	device, _ := c.body["deviceName"].(string)
	attached := listOf(doc["disks"])
	if device == "" {
		device = fmt.Sprintf("persistent-disk-%d", len(attached))
	}
	if slices.ContainsFunc(attached, func(a map[string]any) bool { return a["deviceName"] == device }) {
		return nil, invalid("resource.deviceName", device, "The device name is in use.")
	}
	return c.begin(path, nil, func() error {
		if err := taken(); err != nil {
			e := err.(*apiError)
			return &apiError{e.status, "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", e.message}
		}
		list, _ := doc["disks"].([]any)
		doc["disks"] = append(slices.Clone(list), map[string]any{"kind": "compute#attachedDisk", "boot": false, "autoDelete": false, "index": len(list), "mode": "READ_WRITE",
			"type": "PERSISTENT", "interface": "SCSI", "deviceName": device, "source": root + source, "diskSizeGb": disk["sizeGb"]})
		disk["users"] = []any{root + path}
		return nil
	}, nil)
}

func detachDisk(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/detachDisk")
	doc := c.docs[path]
	if doc == nil {
		return nil, notFound(path)
	}
	device := c.arg("deviceName")
	for _, a := range listOf(doc["disks"]) {
		if a["deviceName"] != device {
			continue
		}
		return c.begin(path, nil, func() error {
			list, _ := doc["disks"].([]any)
			doc["disks"] = slices.DeleteFunc(slices.Clone(list), func(e any) bool { return e.(map[string]any)["deviceName"] == device })
			if disk := c.docs[strings.TrimPrefix(a["source"].(string), root)]; disk != nil {
				delete(disk, "users")
			}
			return nil
		}, nil)
	}
	return nil, invalid("deviceName", device, "No attached disk found with device name '%s'", device)
}

func insertSnapshot(c *call) (any, error) {
	source, err := c.referred("sourceDisk", "disks")
	if err != nil {
		return nil, err
	}
	if source == "" {
		return nil, invalid("resource.sourceDisk", "", "The source is missing.")
	}
	disk := c.docs[source]
	c.body["status"], c.body["diskSizeGb"], c.body["sourceDiskId"] = "CREATING", disk["sizeGb"], disk["id"]
	c.body["storageLocations"], c.body["snapshotType"] = []any{"us"}, "STANDARD"
	return c.insert(func(doc map[string]any) { doc["status"], doc["storageBytes"] = "READY", "1048576" })
}

func insertImage(c *call) (any, error) {
	var from []string
	for field, collection := range map[string]string{"sourceDisk": "disks", "sourceImage": "images", "sourceSnapshot": "snapshots"} {
		path, err := c.referred(field, collection)
		if err != nil {
			return nil, err
		}
		if path != "" {
			from = append(from, path)
		}
	}
	if len(from) != 1 {
		return nil, invalid("resource", "", "Exactly one source is required.")
	}
	source := c.docs[from[0]]
	size := source["diskSizeGb"]
	if size == nil {
		size = source["sizeGb"]
	}
	for _, u := range users(source) {
		user := strings.TrimPrefix(u.(string), root)
		if c.docs[user]["status"] != "TERMINATED" && c.arg("forceCreate") != "true" {
			return nil, inUse("disk", from[0], user)
		}
	}
	c.body["status"], c.body["diskSizeGb"], c.body["sourceType"] = "PENDING", size, "RAW"
	if a := source["architecture"]; a != nil {
		c.body["architecture"] = a
	}
	return c.insert(func(doc map[string]any) { doc["status"], doc["archiveSizeBytes"] = "READY", "1048576" })
}

// ofFamily is the path of a family's newest image.
func (c *call) ofFamily(path string) string {
	project, family, _ := strings.Cut(path, "/global/images/family/")
	newest := ""
	for p, doc := range c.docs {
		if strings.HasPrefix(p, project+"/global/images/") && doc["family"] == family && doc["deprecated"] == nil {
			newest = max(newest, p)
		}
	}
	return newest
}

func getFromFamily(c *call) (any, error) {
	if path := c.ofFamily(c.path); path != "" {
		return c.docs[path], nil
	}
	return nil, notFound(c.path)
}
