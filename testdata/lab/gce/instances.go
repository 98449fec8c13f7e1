package gce

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// handlers are the methods that are not general, by id.
var handlers = map[string]func(*call) (any, error){
	"compute.instances.insert":                   insertInstance,
	"compute.instances.bulkInsert":               bulkInsert,
	"compute.instances.delete":                   deleteInstance,
	"compute.instances.start":                    turn("PROVISIONING", "STAGING", "RUNNING", "TERMINATED"),
	"compute.instances.stop":                     turn("STOPPING", "STOPPING", "TERMINATED", "RUNNING", "STAGING", "PROVISIONING", "SUSPENDED", "STOPPING"),
	"compute.instances.suspend":                  turn("SUSPENDING", "SUSPENDING", "SUSPENDED", "RUNNING"),
	"compute.instances.resume":                   turn("PROVISIONING", "STAGING", "RUNNING", "SUSPENDED"),
	"compute.instances.reset":                    turn("RUNNING", "RUNNING", "RUNNING", "RUNNING"),
	"compute.instances.setMachineType":           setMachineType,
	"compute.instances.getSerialPortOutput":      serialPort,
	"compute.instances.addAccessConfig":          addAccessConfig,
	"compute.instances.deleteAccessConfig":       deleteAccessConfig,
	"compute.instances.attachDisk":               attachDisk,
	"compute.instances.detachDisk":               detachDisk,
	"compute.disks.insert":                       insertDisk,
	"compute.disks.delete":                       deleteDisk,
	"compute.disks.resize":                       resizeDisk,
	"compute.regionDisks.delete":                 deleteDisk,
	"compute.regionDisks.resize":                 resizeDisk,
	"compute.snapshots.insert":                   insertSnapshot,
	"compute.images.insert":                      insertImage,
	"compute.images.getFromFamily":               getFromFamily,
	"compute.networks.insert":                    insertNetwork,
	"compute.networks.delete":                    deleteNetwork,
	"compute.subnetworks.insert":                 insertSubnetwork,
	"compute.subnetworks.delete":                 deleteSubnetwork,
	"compute.firewalls.insert":                   insertFirewall,
	"compute.addresses.insert":                   insertAddress,
	"compute.addresses.delete":                   deleteAddress,
	"compute.globalAddresses.delete":             deleteAddress,
	"compute.projects.setCommonInstanceMetadata": setCommonMetadata,
}

func insertInstance(c *call) (any, error) {
	path, err := c.vacant(c.body["name"])
	if err != nil {
		return nil, err
	}
	machine, _ := c.body["machineType"].(string)
	kind, err := c.machine(machine)
	if err != nil {
		return nil, err
	}
	c.body["machineType"] = root + kind
	if err := c.room(1); err != nil {
		return nil, err
	}
	arrive, err := c.arrange(path, c.body)
	if err != nil {
		return nil, err
	}
	arrive()
	doc := c.docs[path]
	return c.begin(path, func() { c.become(path, "STAGING") }, func() error {
		c.become(path, "RUNNING")
		doc["lastStartTimestamp"] = now()
		return nil
	}, func() { c.vanish(path) })
}

// room makes sure that the quota has room for so many instances more.
func (c *call) room(n int) error {
	have := 0
	for p := range c.docs {
		if strings.Contains(p, "/instances/") {
			have++
		}
	}
	if c.quota > 0 && have+n > c.quota {
		return &apiError{http.StatusForbidden, "quotaExceeded", fmt.Sprintf("Quota 'INSTANCES' exceeded.  Limit: %d.0 in region %s.", c.quota, c.params["zone"])}
	}
	return nil
}

// machine is the path of a machine type of the request's zone.
func (c *call) machine(url string) (string, error) {
	path := c.pathOf(url)
	zone := c.params["zone"]
	if !strings.Contains(path, "/zones/"+zone+"/machineTypes/") {
		return "", invalid("resource.machineType", url, "The URL is malformed.")
	}
	if c.docs[path] == nil {
		return "", invalid("resource.machineType", root+path, "Machine type with name '%s' does not exist in zone '%s'.", path[strings.LastIndexByte(path, '/')+1:], zone)
	}
	return path, nil
}

// bulkInsert makes all or none, as count and minCount are the same.
func bulkInsert(c *call) (any, error) {
	properties, _ := c.body["instanceProperties"].(map[string]any)
	each, _ := c.body["perInstanceProperties"].(map[string]any)
	count, least := fmt.Sprint(c.body["count"]), fmt.Sprint(c.body["minCount"])
	if properties == nil || fmt.Sprint(len(each)) != count || least != count {
		return nil, &fault{where: "resource", what: "the stand-in wants instanceProperties, and perInstanceProperties for count instances, all of which must be made"}
	}
	machine, _ := properties["machineType"].(string)
	if strings.Contains(machine, "/") {
		return nil, invalid("resource.instanceProperties.machineType", machine, "Must be a name, not a URL.")
	}
	kind, err := c.machine("zones/" + c.params["zone"] + "/machineTypes/" + machine)
	if err != nil {
		return nil, err
	}
	if err := c.room(len(each)); err != nil {
		return nil, err
	}
	place := strings.TrimSuffix(c.path, "/bulkInsert")
	names := slices.Sorted(maps.Keys(each))
	var arrivals []func()
	for _, name := range names {
		path := place + "/" + name
		if c.docs[path] != nil {
			return nil, &apiError{http.StatusConflict, "alreadyExists", fmt.Sprintf("The resource '%s' already exists", path)}
		}
		body := copied(properties)
		for _, d := range listOf(body["disks"]) {
			if p := inner(d, "initializeParams"); p["diskType"] != nil {
				p["diskType"] = "zones/" + c.params["zone"] + "/diskTypes/" + p["diskType"].(string)
			}
		}
		body["machineType"] = root + kind
		arrive, err := c.arrange(path, body)
		if err != nil {
			return nil, err
		}
		arrivals = append(arrivals, arrive)
	}
	var status map[string]any
	doc, err := c.begin(place, func() {
		for i, arrive := range arrivals {
			arrive()
			c.become(place+"/"+names[i], "STAGING")
		}
		status["createdVmCount"] = len(names)
	}, func() error {
		for _, name := range names {
			c.become(place+"/"+name, "RUNNING")
		}
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	status = map[string]any{"targetVmCount": len(names), "createdVmCount": 0, "status": "CREATING"}
	doc.(map[string]any)["instancesBulkInsertOperationMetadata"] = map[string]any{"perLocationStatus": map[string]any{"zones/" + c.params["zone"]: status}}
	return doc, nil
}

// copied is a value without anything in common with v.
func copied(v map[string]any) map[string]any {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // it came from JSON
	}
	w, err := decode(data)
	if err != nil {
		panic(err)
	}
	return w.(map[string]any)
}

func listOf(v any) []map[string]any {
	var out []map[string]any
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, e.(map[string]any))
	}
	return out
}

func inner(m map[string]any, name string) map[string]any {
	v, _ := m[name].(map[string]any)
	return v
}

// arrange checks a new instance, and returns what places it and its root disk.
func (c *call) arrange(path string, body map[string]any) (func(), error) {
	if err := checkLabels(body); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, item := range listOf(inner(body, "metadata")["items"]) {
		key, _ := item["key"].(string)
		if key == "" || seen[key] {
			return nil, invalid("resource.metadata.items", key, "Keys must be unique.")
		}
		seen[key] = true
	}
	disks := listOf(body["disks"])
	if len(disks) != 1 || disks[0]["boot"] != true || inner(disks[0], "initializeParams") == nil {
		return nil, &fault{where: "resource.disks", what: "the stand-in wants one disk, a boot disk with initializeParams"}
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	diskPath := strings.TrimSuffix(path, "/instances/"+name) + "/disks/" + name
	disk, err := c.bootDisk(diskPath, path, disks[0])
	if err != nil {
		return nil, err
	}
	connect, err := c.connect(path, body)
	if err != nil {
		return nil, err
	}
	return func() {
		if disk != nil {
			c.put(diskPath, disk)
		}
		connect()
		body["disks"] = []any{map[string]any{"kind": "compute#attachedDisk", "boot": true, "autoDelete": disks[0]["autoDelete"] == true, "index": 0, "mode": "READ_WRITE",
			"type": "PERSISTENT", "interface": "SCSI", "deviceName": "persistent-disk-0", "source": root + diskPath, "diskSizeGb": c.docs[diskPath]["sizeGb"]}}
		tags := inner(body, "tags")
		if tags == nil {
			tags = map[string]any{}
		}
		tags["fingerprint"] = fingerprint(tags["items"])
		metadata := inner(body, "metadata")
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["kind"], metadata["fingerprint"] = "compute#metadata", fingerprint(metadata["items"])
		body["tags"], body["metadata"], body["cpuPlatform"], body["status"] = tags, metadata, "Intel Broadwell", "PROVISIONING"
		if body["scheduling"] == nil {
			body["scheduling"] = map[string]any{}
		}
		if s := inner(body, "scheduling"); s["provisioningModel"] == nil {
			s["provisioningModel"] = "STANDARD"
		}
		c.put(path, body)
	}, nil
}

// bootDisk is the root disk that comes with an instance.
func (c *call) bootDisk(path, instance string, attached map[string]any) (map[string]any, error) {
	if c.docs[path] != nil {
		return nil, &apiError{http.StatusConflict, "alreadyExists", fmt.Sprintf("The resource '%s' already exists", path)}
	}
	params := inner(attached, "initializeParams")
	url, _ := params["sourceImage"].(string)
	image, err := c.refer("disks[0].initializeParams.sourceImage", url, "images")
	if err != nil {
		return nil, err
	}
	from := c.docs[image]
	if from["status"] != "READY" {
		return nil, notReady(image)
	}
	disk := map[string]any{"status": "READY", "sourceImage": root + image, "sizeGb": from["diskSizeGb"], "architecture": from["architecture"], "users": []any{root + instance}}
	zone := path[:strings.LastIndex(path, "/disks/")]
	disk["type"] = root + zone + "/diskTypes/pd-standard"
	if t, ok := params["diskType"].(string); ok {
		of, err := c.refer("disks[0].initializeParams.diskType", t, "diskTypes")
		if err != nil {
			return nil, err
		}
		disk["type"] = root + of
	}
	if size, ok := params["diskSizeGb"].(string); ok {
		if number(size) < number(from["diskSizeGb"]) {
			return nil, invalid("resource.disks[0].initializeParams.diskSizeGb", size, "Requested disk size cannot be smaller than the image size (%s GB)", from["diskSizeGb"])
		}
		disk["sizeGb"] = size
	}
	if labels := params["labels"]; labels != nil {
		disk["labels"] = labels
	}
	return disk, nil
}

// connect checks an instance's network interfaces, and returns what gives them
// addresses.
func (c *call) connect(instance string, body map[string]any) (func(), error) {
	nics := listOf(body["networkInterfaces"])
	if len(nics) == 0 {
		return nil, invalid("resource.networkInterfaces", "", "At least one network interface is required.")
	}
	region := c.params["zone"][:strings.LastIndexByte(c.params["zone"], '-')]
	var connects []func()
	networks := map[string]bool{}
	for i, nic := range nics {
		field := fmt.Sprintf("networkInterfaces[%d]", i)
		subnet, err := c.subnetOf(field, nic, region)
		if err != nil {
			return nil, err
		}
		network := c.docs[subnet]["network"].(string)
		if networks[network] {
			return nil, invalid("resource."+field, network, "Networks must be distinct for NICs in the same instance.")
		}
		networks[network] = true
		configs := listOf(nic["accessConfigs"])
		if len(configs) > 1 {
			return nil, invalid("resource."+field+".accessConfigs", "", "At most one access config currently supported.")
		}
		connects = append(connects, func() {
			nic["kind"], nic["name"], nic["network"], nic["subnetwork"], nic["fingerprint"] = "compute#networkInterface", fmt.Sprintf("nic%d", i), network, root+subnet, fingerprint(subnet)
			if nic["networkIP"] == nil {
				nic["networkIP"] = c.nextIP(c.docs[subnet]["ipCidrRange"].(string))
			}
			for _, config := range configs {
				config["kind"] = "compute#accessConfig"
				c.translate(instance, config)
			}
		})
	}
	return func() {
		for _, f := range connects {
			f()
		}
	}, nil
}

// subnetOf is the path of the subnet that an interface is in. A network whose
// subnets Google makes has one in each region; of others, it must be named.
func (c *call) subnetOf(field string, nic map[string]any, region string) (string, error) {
	url, _ := nic["subnetwork"].(string)
	if url != "" {
		path, err := c.refer(field+".subnetwork", url, "subnetworks")
		if err == nil && !strings.Contains(path, "/regions/"+region+"/") {
			err = invalid("resource."+field+".subnetwork", url, "The subnetwork must be in the region of the instance.")
		}
		return path, err
	}
	network, _ := nic["network"].(string)
	path, err := c.refer(field+".network", network, "networks")
	if err != nil {
		return "", err
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	subnet := path[:strings.Index(path, "/global/")] + "/regions/" + region + "/subnetworks/" + name
	if c.docs[path]["autoCreateSubnetworks"] != true || c.docs[subnet] == nil {
		return "", invalid("resource."+field+".subnetwork", "", "Subnetwork should be specified for custom subnetmode network")
	}
	return subnet, nil
}

// nextIP is an address of a range that no instance has yet.
func (s *Server) nextIP(cidr string) string {
	ip := netip.MustParsePrefix(cidr).Addr().Next() // the gateway
	s.lastIP++
	for range s.lastIP {
		ip = ip.Next()
	}
	return ip.String()
}

// translate gives an access configuration the address that it names, or any.
func (s *Server) translate(instance string, config map[string]any) {
	if config["natIP"] == nil {
		s.lastIP++
		config["natIP"] = fmt.Sprintf("34.72.%d.%d", s.lastIP/250, s.lastIP%250+1)
	}
	for p, doc := range s.docs {
		if strings.Contains(p, "/addresses/") && doc["address"] == config["natIP"] {
			doc["users"], doc["status"] = []any{root + instance}, "IN_USE"
		}
	}
}

// untranslate frees the address of an access configuration.
func (s *Server) untranslate(config map[string]any) {
	for p, doc := range s.docs {
		if strings.Contains(p, "/addresses/") && doc["address"] == config["natIP"] {
			delete(doc, "users")
			doc["status"] = "RESERVED"
		}
	}
}

// become sets an instance's state, if there still is one.
func (s *Server) become(path, status string) {
	if doc := s.docs[path]; doc != nil {
		doc["status"] = status
	}
}

// vanish removes an instance with the disks that go with it.
func (s *Server) vanish(path string) {
	doc := s.docs[path]
	delete(s.docs, path)
	for _, nic := range listOf(doc["networkInterfaces"]) {
		for _, config := range listOf(nic["accessConfigs"]) {
			s.untranslate(config)
		}
	}
	for _, attached := range listOf(doc["disks"]) {
		disk := strings.TrimPrefix(attached["source"].(string), root)
		if attached["autoDelete"] == true {
			delete(s.docs, disk)
		} else if s.docs[disk] != nil {
			delete(s.docs[disk], "users")
		}
	}
}

func deleteInstance(c *call) (any, error) {
	doc := c.docs[c.path]
	switch {
	case doc == nil:
		return nil, notFound(c.path)
	case doc["deletionProtection"] == true:
		return nil, &apiError{http.StatusBadRequest, "resourceInUseByAnotherResource", "Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion.'."}
	}
	return c.begin(c.path, func() { c.become(c.path, "STOPPING") }, func() error {
		c.vanish(c.path)
		return nil
	}, nil)
}

// turn makes a method that takes an instance from one state to another by way
// of others. An instance that is in the last already stays there.
func turn(first, midway, last string, from ...string) func(*call) (any, error) {
	return func(c *call) (any, error) {
		path := c.path[:strings.LastIndexByte(c.path, '/')]
		doc := c.docs[path]
		switch {
		case doc == nil:
			return nil, notFound(path)
		case doc["status"] == last && !slices.Contains(from, last):
			return c.begin(path, nil, nil, nil)
		case !slices.Contains(from, doc["status"].(string)):
			return nil, notReady(path)
		}
		was := doc["status"].(string)
		c.become(path, first)
		return c.begin(path, func() { c.become(path, midway) }, func() error {
			c.become(path, last)
			return nil
		}, func() { c.become(path, was) })
	}
}

func setMachineType(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/setMachineType")
	doc := c.docs[path]
	if doc == nil {
		return nil, notFound(path)
	}
	url, _ := c.body["machineType"].(string)
	machine, err := c.machine(url)
	switch {
	case err != nil:
		return nil, err
	case doc["status"] != "TERMINATED":
		return nil, &apiError{http.StatusPreconditionFailed, "conditionNotMet", "The instance must be stopped before the machine type can be changed."}
	}
	return c.begin(path, nil, func() error {
		doc["machineType"] = root + machine
		return nil
	}, nil)
}

func serialPort(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/serialPort")
	doc := c.docs[path]
	if doc == nil {
		return nil, notFound(path)
	}
	text := fmt.Sprintf("[    0.000000] Linux version 6.1\n%s login: ", doc["name"])
	return map[string]any{"kind": "compute#serialPortOutput", "contents": text, "start": "0", "next": fmt.Sprint(len(text)), "selfLink": root + c.path}, nil
}

// nic is the interface that a request names.
func (c *call) nic(path string) (map[string]any, error) {
	doc := c.docs[path]
	if doc == nil {
		return nil, notFound(path)
	}
	for _, n := range listOf(doc["networkInterfaces"]) {
		if n["name"] == c.arg("networkInterface") {
			return n, nil
		}
	}
	return nil, invalid("networkInterface", c.arg("networkInterface"), "The instance has no such interface.")
}

func addAccessConfig(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/addAccessConfig")
	nic, err := c.nic(path)
	if err != nil {
		return nil, err
	}
	if len(listOf(nic["accessConfigs"])) > 0 {
		return nil, invalid("resource.accessConfigs", "", "At most one access config currently supported.")
	}
	if ip := c.body["natIP"]; ip != nil {
		var address map[string]any
		for p, doc := range c.docs {
			if strings.Contains(p, "/addresses/") && doc["address"] == ip {
				address = doc
			}
		}
		switch {
		case address == nil:
			return nil, invalid("resource.natIP", ip.(string), "The specified external IP address '%s' was not found in region.", ip)
		case address["status"] != "RESERVED":
			return nil, &apiError{http.StatusBadRequest, "invalid", fmt.Sprintf("Invalid value for field 'resource.natIP': '%s'. Specified IP address is in-use and would result in a conflict.", ip)}
		}
	}
	return c.begin(path, nil, func() error {
		c.body["kind"] = "compute#accessConfig"
		c.translate(path, c.body)
		nic["accessConfigs"] = []any{c.body}
		return nil
	}, nil)
}

func deleteAccessConfig(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/deleteAccessConfig")
	nic, err := c.nic(path)
	if err != nil {
		return nil, err
	}
	for _, config := range listOf(nic["accessConfigs"]) {
		if config["name"] == c.arg("accessConfig") {
			return c.begin(path, nil, func() error {
				delete(nic, "accessConfigs")
				c.untranslate(config)
				return nil
			}, nil)
		}
	}
	return nil, invalid("accessConfig", c.arg("accessConfig"), "The interface has no such access config.")
}
