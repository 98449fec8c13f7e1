"""What Cloudlark's scripts have, for editors. Made from the operation table."""

from typing import Any, Callable, Iterable, Iterator, Optional

class secret:
    def reveal(self) -> str: ...

class stream:
    def read(self, n: int = ...) -> bytes: ...
    def text(self) -> str: ...
    def lines(self) -> Iterator[str]: ...
    def close(self) -> None: ...

class error:
    kind: str
    message: str
    provider: str
    op: str
    code: str
    request_id: str
    retry_after: float
    trace: str

class attempted:
    value: Any
    error: Optional[error]

class file(stream):
    name: str
    size: int

def attempt(fn: Callable, *args: Any, **kwargs: Any) -> attempted: ...
def parallel(fn: Callable, items: Iterable, limit: int = 8) -> list: ...
def params(**declared: Any) -> Any: ...
def param(default: Any = None, type: Any = None, required: bool = False, help: str = "", choices: Optional[list[str]] = None) -> Any: ...
def sleep(duration: Any) -> None: ...
def struct(**fields: Any) -> Any: ...
def load(module: str, *names: str) -> None: ...
def table(rows: Iterable, columns: Optional[list[str]] = None) -> None: ...
def env(name: str, default: Any = None) -> Any: ...
def read_file(path: str) -> str: ...
def write_file(path: str, data: Any, append: bool = False) -> int: ...
def open_file(path: str) -> file: ...
def list_files(path: str, pattern: str = "**") -> list: ...
def remove_file(path: str) -> None: ...
def write_key(path: str, key: Any) -> None: ...

class result:
    step: str
    changed: bool
    status: int
    stdout: str
    stderr: str
    took: Any

class transfer_summary:
    transferred: int
    bytes: int
    resumed: int
    unchanged: int
    deleted: int
    failed: int
    errors: list
    seconds: float
    dry_run: bool

class ssh_session:
    name: str
    def run(self, command: Any, env: Optional[dict] = None, sudo: bool = False, timeout: Any = None, stdin: Any = None, check: bool = True, show: bool = False) -> result: ...
    def deploy(self, steps: Any, show: bool = True) -> list[result]: ...
    def read(self, path: str) -> str: ...
    def close(self) -> None: ...

class ssh_module:
    def connect(self, host: str, user: str = "root", key: Any = None, passphrase: Any = None, password: Any = None, agent: bool = False, port: int = 22, host_key: Any = None, timeout: Any = "30s", name: Optional[str] = None) -> ssh_session: ...
    def file(self, path: str, content: Any, mode: int = 0o644, owner: str = "", sudo: bool = False) -> Any: ...
    def dir(self, path: str, source: str, owner: str = "", sudo: bool = False) -> Any: ...
    def script(self, text: str, env: Optional[dict] = None, sudo: bool = False, timeout: Any = None, args: Optional[list] = None, creates: str = "", name: str = "") -> Any: ...
    def run(self, command: Any, env: Optional[dict] = None, sudo: bool = False, timeout: Any = None, creates: str = "") -> Any: ...
    def key(self, public_key: Any) -> Any: ...
    def cloud_init(self, timeout: Any = "10m") -> Any: ...
    def cloud_config(self, **modules: Any) -> str: ...
    def new_key(self, comment: str = "cloudlark") -> Any: ...

ssh: ssh_module

json: Any
time: Any
math: Any
re: Any
hash: Any
base64: Any
log: Any
http: Any

class compute_node:
    id: str
    name: str
    state: str
    public_ips: list[str]
    private_ips: list[str]
    size: str
    image: str
    location: str
    key_pair: str
    networks: list[str]
    subnets: list[str]
    security_groups: list[str]
    volumes: list[str]
    tags: dict[str, str]
    created_at: Any
    extra: dict[str, Any]
    def console_output(self) -> compute_console_output: ...
    def create_image(self, name: str = ..., description: str = ..., reboot: bool = ..., tags: dict[str, str] = ...) -> compute_image: ...
    def destroy(self) -> None: ...
    def reboot(self) -> None: ...
    def refresh(self) -> compute_node: ...
    def resize(self, size: Any = ...) -> None: ...
    def resume(self) -> None: ...
    def set_tags(self, tags: dict[str, str] = ...) -> None: ...
    def start(self) -> None: ...
    def stop(self, force: bool = ...) -> None: ...
    def suspend(self) -> None: ...
    def wait(self, state: Any = None, timeout: Any = "10m") -> compute_node: ...
    def deploy(self, steps: Any, address: str = "public", show: bool = True, user: str = "root", key: Any = None, passphrase: Any = None, password: Any = None, agent: bool = False, port: int = 22, host_key: Any = None, timeout: Any = "10m", name: Optional[str] = None) -> list[result]: ...

class compute_console_output:
    text: str

class compute_size:
    id: str
    name: str
    vcpus: int
    ram: int
    disk: int
    gpus: int
    architecture: str
    price: Optional[float]
    extra: dict[str, Any]

class compute_location:
    id: str
    name: str
    country: str
    region: str
    extra: dict[str, Any]

class compute_image:
    id: str
    name: str
    description: str
    state: str
    architecture: str
    size: int
    owner: str
    public: bool
    tags: dict[str, str]
    created_at: Any
    extra: dict[str, Any]
    def copy(self, name: str = ..., source_location: str = ..., description: str = ...) -> compute_image: ...
    def delete(self) -> None: ...
    def refresh(self) -> compute_image: ...
    def wait(self, state: Any = None, timeout: Any = "10m", architecture: Any = None) -> compute_image: ...

class compute_key_pair:
    name: str
    public_key: str
    private_key: Optional[secret]
    fingerprint: str
    created_at: Any
    extra: dict[str, Any]
    def delete(self) -> None: ...
    def refresh(self) -> compute_key_pair: ...

class compute_volume:
    id: str
    name: str
    size: int
    state: str
    location: str
    type: str
    encrypted: bool
    node: str
    device: str
    snapshot: str
    tags: dict[str, str]
    created_at: Any
    extra: dict[str, Any]
    def attach(self, node: Any = ..., device: str = ...) -> None: ...
    def create_snapshot(self, name: str = ..., description: str = ..., tags: dict[str, str] = ...) -> compute_volume_snapshot: ...
    def destroy(self) -> None: ...
    def detach(self) -> None: ...
    def list_snapshots(self, name: str = ..., tags: dict[str, str] = ...) -> list[compute_volume_snapshot]: ...
    def refresh(self) -> compute_volume: ...
    def resize(self, size: Any = ...) -> None: ...
    def wait(self, state: Any = None, timeout: Any = "10m") -> compute_volume: ...

class compute_volume_snapshot:
    id: str
    name: str
    description: str
    volume: str
    size: int
    state: str
    tags: dict[str, str]
    created_at: Any
    extra: dict[str, Any]
    def destroy(self) -> None: ...
    def refresh(self) -> compute_volume_snapshot: ...
    def wait(self, state: Any = None, timeout: Any = "10m") -> compute_volume_snapshot: ...

class compute_network:
    id: str
    name: str
    cidr: str
    state: str
    tags: dict[str, str]
    extra: dict[str, Any]
    def create_subnet(self, name: str = ..., cidr: str = ..., location: Any = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> compute_subnet: ...
    def destroy(self) -> None: ...
    def list_subnets(self, name: str = ..., tags: dict[str, str] = ...) -> list[compute_subnet]: ...

class compute_subnet:
    id: str
    name: str
    network: str
    cidr: str
    location: str
    tags: dict[str, str]
    extra: dict[str, Any]
    def destroy(self) -> None: ...

class compute_security_group:
    id: str
    name: str
    description: str
    network: str
    rules: list[compute_security_group_rule]
    tags: dict[str, str]
    extra: dict[str, Any]
    def allow(self, direction: str = ..., protocol: str = ..., port: int = ..., from_port: int = ..., to_port: int = ..., cidr: str = ..., group: Any = ..., description: str = ...) -> None: ...
    def destroy(self) -> None: ...
    def revoke(self, direction: str = ..., protocol: str = ..., port: int = ..., from_port: int = ..., to_port: int = ..., cidr: str = ..., group: Any = ..., description: str = ...) -> None: ...

class compute_security_group_rule:
    id: str
    direction: str
    protocol: str
    from_port: int
    to_port: int
    cidr: str
    group: str
    description: str

class compute_address:
    id: str
    name: str
    ip: str
    node: str
    location: str
    tags: dict[str, str]
    extra: dict[str, Any]
    def associate(self, node: Any = ...) -> None: ...
    def disassociate(self) -> None: ...
    def release(self) -> None: ...

class compute_answer:
    value: Any

class compute_connection:
    name: str
    provider: str
    operations: tuple[str, ...]
    def list_nodes(self, name: str = ..., state: str = ..., location: Any = ..., tags: dict[str, str] = ...) -> list[compute_node]:
        "List the nodes that the credentials can see."
    def get_node(self, node: Any) -> compute_node:
        "Look a node up by its id."
    def create_node(self, name: str, size: Any, image: Any, location: Any = ..., key_pair: Any = ..., user_data: str = ..., tags: dict[str, str] = ..., networks: Any = ..., subnets: Any = ..., security_groups: Any = ..., root_disk: Any = ..., public_address: Optional[bool] = ..., extra: dict[str, Any] = ...) -> compute_node:
        "Create a node."
    def create_nodes(self, name: str, size: Any, image: Any, count: int, location: Any = ..., key_pair: Any = ..., user_data: str = ..., tags: dict[str, str] = ..., networks: Any = ..., subnets: Any = ..., security_groups: Any = ..., root_disk: Any = ..., public_address: Optional[bool] = ..., extra: dict[str, Any] = ...) -> list[compute_node]:
        "Create several nodes alike, all of them or none."
    def start_node(self, node: Any) -> None:
        "Start a stopped node."
    def stop_node(self, node: Any, force: bool = ...) -> None:
        "Stop a node, keeping its disks and its id."
    def reboot_node(self, node: Any) -> None:
        "Reboot a running node."
    def suspend_node(self, node: Any) -> None:
        "Suspend a running node, keeping its memory."
    def resume_node(self, node: Any) -> None:
        "Resume a suspended node."
    def resize_node(self, node: Any, size: Any) -> None:
        "Give a node another size."
    def destroy_node(self, node: Any) -> None:
        "Destroy a node and its root disk."
    def set_node_tags(self, node: Any, tags: dict[str, str] = ...) -> None:
        "Replace a node's tags."
    def get_console_output(self, node: Any) -> compute_console_output:
        "Read what a node wrote to its console."
    def list_sizes(self, location: Any = ...) -> list[compute_size]:
        "List the sizes that nodes can have."
    def list_locations(self) -> list[compute_location]:
        "List the places where nodes can be."
    def list_images(self, name: str = ..., owner: str = ..., architecture: str = ..., location: Any = ..., tags: dict[str, str] = ...) -> list[compute_image]:
        "List the images that nodes can be made from."
    def get_image(self, image: Any) -> compute_image:
        "Look an image up by its id."
    def create_image(self, node: Any, name: str, description: str = ..., reboot: bool = ..., tags: dict[str, str] = ...) -> compute_image:
        "Make an image of a node's root disk."
    def copy_image(self, image: Any, name: str, source_location: str = ..., description: str = ...) -> compute_image:
        "Copy an image, from another region if the provider keeps them apart."
    def delete_image(self, image: Any) -> None:
        "Delete an image."
    def list_key_pairs(self) -> list[compute_key_pair]:
        "List the key pairs."
    def get_key_pair(self, key_pair: Any) -> compute_key_pair:
        "Look a key pair up by its name."
    def create_key_pair(self, name: str) -> compute_key_pair:
        "Create a key pair."
    def import_key_pair(self, name: str, public_key: str) -> compute_key_pair:
        "Register the public key of a key pair made elsewhere."
    def delete_key_pair(self, key_pair: Any) -> None:
        "Delete a key pair."
    def list_volumes(self, name: str = ..., state: str = ..., location: Any = ..., node: Any = ..., tags: dict[str, str] = ...) -> list[compute_volume]:
        "List the volumes."
    def get_volume(self, volume: Any) -> compute_volume:
        "Look a volume up by its id."
    def create_volume(self, name: str, size: Any = ..., location: Any = ..., snapshot: Any = ..., type: str = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> compute_volume:
        "Create a volume, empty or from a snapshot."
    def resize_volume(self, volume: Any, size: Any) -> None:
        "Make a volume larger."
    def attach_volume(self, volume: Any, node: Any, device: str = ...) -> None:
        "Attach a volume to a node."
    def detach_volume(self, volume: Any) -> None:
        "Detach a volume from its node."
    def destroy_volume(self, volume: Any) -> None:
        "Destroy a volume and what is on it."
    def list_volume_snapshots(self, volume: Any = ..., name: str = ..., tags: dict[str, str] = ...) -> list[compute_volume_snapshot]:
        "List the snapshots, of all volumes or of one."
    def get_volume_snapshot(self, snapshot: Any) -> compute_volume_snapshot:
        "Look a snapshot up by its id."
    def create_volume_snapshot(self, volume: Any, name: str, description: str = ..., tags: dict[str, str] = ...) -> compute_volume_snapshot:
        "Take a snapshot of a volume."
    def destroy_volume_snapshot(self, snapshot: Any) -> None:
        "Destroy a snapshot."
    def list_networks(self, name: str = ..., tags: dict[str, str] = ...) -> list[compute_network]:
        "List the networks."
    def create_network(self, name: str, cidr: str = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> compute_network:
        "Create a network."
    def destroy_network(self, network: Any) -> None:
        "Destroy a network."
    def list_subnets(self, network: Any = ..., name: str = ..., tags: dict[str, str] = ...) -> list[compute_subnet]:
        "List the subnets, of all networks or of one."
    def create_subnet(self, network: Any, name: str, cidr: str, location: Any = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> compute_subnet:
        "Create a subnet in a network."
    def destroy_subnet(self, subnet: Any) -> None:
        "Destroy a subnet."
    def list_security_groups(self, name: str = ..., network: Any = ..., tags: dict[str, str] = ...) -> list[compute_security_group]:
        "List the security groups with their rules."
    def create_security_group(self, name: str, description: str = ..., network: Any = ..., tags: dict[str, str] = ...) -> compute_security_group:
        "Create a security group that allows nothing in."
    def destroy_security_group(self, security_group: Any) -> None:
        "Destroy a security group."
    def allow_security_group_rule(self, security_group: Any, direction: str = ..., protocol: str = ..., port: int = ..., from_port: int = ..., to_port: int = ..., cidr: str = ..., group: Any = ..., description: str = ...) -> None:
        "Let traffic through."
    def revoke_security_group_rule(self, security_group: Any, direction: str = ..., protocol: str = ..., port: int = ..., from_port: int = ..., to_port: int = ..., cidr: str = ..., group: Any = ..., description: str = ...) -> None:
        "Take a rule away: the one with the same direction, protocol, ports and other side."
    def list_addresses(self, node: Any = ..., tags: dict[str, str] = ...) -> list[compute_address]:
        "List the public addresses that belong to the account."
    def allocate_address(self, name: str = ..., location: Any = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> compute_address:
        "Get a public address for the account."
    def associate_address(self, address: Any, node: Any) -> None:
        "Lead a public address to a node."
    def disassociate_address(self, address: Any) -> None:
        "Take a public address from its node."
    def release_address(self, address: Any) -> None:
        "Give a public address back."
    def native(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> Any:
        "Call the provider's own API: what the portable operations lack."
    def native_pages(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> list[Any]:
        "Call what the provider's own API answers with in pages, one item a page."
    def deploy_node(self, deploy: Any, keep: bool = False, **create_node: Any) -> Any: ...

class compute_family:
    def driver(self, name: str, **config: Any) -> compute_connection: ...

compute: compute_family

class storage_bucket:
    name: str
    location: str
    created_at: Any
    extra: dict[str, Any]
    def create_multipart_upload(self, name: Any = ..., size: Any = ..., content_type: str = ..., metadata: dict[str, str] = ..., storage_class: str = ..., extra: dict[str, Any] = ...) -> storage_upload: ...
    def delete(self) -> None: ...
    def delete_objects(self, names: Any = ...) -> storage_deleted: ...
    def get_object(self, name: Any = ...) -> storage_object: ...
    def list_multipart_uploads(self, prefix: str = ...) -> list[storage_upload]: ...
    def list_objects(self, prefix: str = ..., delimiter: str = ...) -> list[storage_object]: ...
    def put_object(self, name: Any = ..., body: Any = ..., size: Any = ..., content_type: str = ..., metadata: dict[str, str] = ..., storage_class: str = ..., if_absent: bool = ..., extra: dict[str, Any] = ...) -> storage_object: ...
    def refresh(self) -> storage_bucket: ...
    def upload(self, path: str, prefix: str = "", include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...
    def download(self, path: str, prefix: str = "", include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...
    def sync(self, source: Any, prefix: str = "", compare: str = "newer", delete: bool = False, include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...
    def copy_to(self, target: Any, prefix: str = "", include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...

class storage_object:
    bucket: str
    name: str
    size: int
    content_type: str
    etag: str
    checksums: dict[str, str]
    metadata: dict[str, str]
    storage_class: str
    last_modified: Any
    is_prefix: bool
    extra: dict[str, Any]
    def copy(self, bucket: Any = ..., to_bucket: Any = ..., to_name: str = ..., metadata: dict[str, str] = ...) -> storage_object: ...
    def delete(self, bucket: Any = ...) -> None: ...
    def presign(self, bucket: Any = ..., method: str = ..., expires: Any = ..., content_type: str = ...) -> storage_url: ...
    def read(self, bucket: Any = ..., offset: Any = ..., length: Any = ..., if_etag: str = ...) -> storage_download: ...
    def update(self, bucket: Any = ..., metadata: dict[str, str] = ..., content_type: str = ...) -> storage_object: ...
    def url(self, bucket: Any = ...) -> storage_url: ...
    def lines(self) -> Any: ...
    def download(self, path: str, include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...
    def copy_to(self, target: Any, include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...

class storage_download:
    object: storage_object
    body: stream

class storage_deleted:
    count: int
    failed: list[storage_deletion_failed]

class storage_deletion_failed:
    name: str
    kind: str
    message: str

class storage_url:
    url: str
    method: str
    headers: dict[str, str]
    expires_at: Any

class storage_upload:
    bucket: str
    name: str
    id: str
    min_part_size: int
    max_part_size: int
    max_parts: int
    created_at: Any
    extra: dict[str, Any]
    def abort(self, bucket: Any = ..., name: Any = ...) -> None: ...
    def complete(self, bucket: Any = ..., name: Any = ..., parts: list[storage_part] = ..., checksums: dict[str, str] = ..., if_absent: bool = ...) -> storage_object: ...
    def list_parts(self, bucket: Any = ..., name: Any = ...) -> list[storage_part]: ...
    def upload_part(self, bucket: Any = ..., name: Any = ..., number: int = ..., body: Any = ..., size: Any = ...) -> storage_part: ...

class storage_part:
    upload: str
    number: int
    size: int
    etag: str
    checksums: dict[str, str]
    last_modified: Any

class storage_answer:
    value: Any

class storage_connection:
    name: str
    provider: str
    operations: tuple[str, ...]
    def list_buckets(self, name: str = ...) -> list[storage_bucket]:
        "List the account's buckets."
    def get_bucket(self, bucket: Any) -> storage_bucket:
        "Look a bucket up by its name."
    def create_bucket(self, name: str, location: str = ..., extra: dict[str, Any] = ...) -> storage_bucket:
        "Create a bucket."
    def delete_bucket(self, bucket: Any) -> None:
        "Delete an empty bucket."
    def list_objects(self, bucket: Any, prefix: str = ..., delimiter: str = ...) -> list[storage_object]:
        "List a bucket's objects, by the bytes of their names."
    def get_object(self, bucket: Any, name: Any) -> storage_object:
        "Look an object up: its size, type, checksums and metadata, not its body."
    def read_object(self, bucket: Any, name: Any, offset: Any = ..., length: Any = ..., if_etag: str = ...) -> storage_download:
        "Open an object's body, whole or a range, as a stream."
    def put_object(self, bucket: Any, name: Any, body: Any, size: Any = ..., content_type: str = ..., metadata: dict[str, str] = ..., storage_class: str = ..., if_absent: bool = ..., extra: dict[str, Any] = ...) -> storage_object:
        "Write an object from a stream, whole or not at all."
    def copy_object(self, bucket: Any, name: Any, to_bucket: Any = ..., to_name: str = ..., metadata: dict[str, str] = ...) -> storage_object:
        "Copy an object inside the provider, with its type and metadata."
    def delete_object(self, bucket: Any, name: Any) -> None:
        "Delete an object."
    def delete_objects(self, bucket: Any, names: Any) -> storage_deleted:
        "Delete many objects of a bucket in as few requests as the provider has."
    def presign_object(self, bucket: Any, name: Any, method: str = ..., expires: Any = ..., content_type: str = ...) -> storage_url:
        "Make a URL with which anyone can get or put an object until it expires."
    def get_object_url(self, bucket: Any, name: Any) -> storage_url:
        "Say the object's public URL."
    def update_object(self, bucket: Any, name: Any, metadata: dict[str, str] = ..., content_type: str = ...) -> storage_object:
        "Replace an object's metadata and content type, keeping its body."
    def create_multipart_upload(self, bucket: Any, name: Any, size: Any = ..., content_type: str = ..., metadata: dict[str, str] = ..., storage_class: str = ..., extra: dict[str, Any] = ...) -> storage_upload:
        "Begin an object that is written in parts."
    def upload_part(self, bucket: Any, name: Any, upload: Any, number: int, body: Any, size: Any = ...) -> storage_part:
        "Write one part of an upload, in any order and many at a time."
    def list_parts(self, bucket: Any, name: Any, upload: Any) -> list[storage_part]:
        "List the parts of an upload that are there, by number."
    def complete_multipart_upload(self, bucket: Any, name: Any, upload: Any, parts: list[storage_part], checksums: dict[str, str] = ..., if_absent: bool = ...) -> storage_object:
        "Make the object of the parts given."
    def abort_multipart_upload(self, bucket: Any, name: Any, upload: Any) -> None:
        "Give an upload up and delete its parts."
    def list_multipart_uploads(self, bucket: Any, prefix: str = ...) -> list[storage_upload]:
        "List the uploads of a bucket that are neither completed nor aborted, in no particular order."
    def native(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> Any:
        "Call the provider's own API: what the portable operations lack."
    def native_pages(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> list[Any]:
        "Call what the provider's own API answers with in pages, one item a page."

class storage_family:
    def driver(self, name: str, **config: Any) -> storage_connection: ...
    def copy(self, source: Any, target: Any, include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...
    def sync(self, source: Any, target: Any, compare: str = "newer", delete: bool = False, include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = "") -> transfer_summary: ...

storage: storage_family

class lb_balancer:
    id: str
    name: str
    state: str
    address: str
    port: int
    protocol: str
    algorithm: str
    health_check: Optional[lb_health_check]
    certificate: str
    drain_timeout: int
    location: str
    tags: dict[str, str]
    created_at: Any
    extra: dict[str, Any]
    def attach_compute_node(self, node: Any = ..., port: int = ..., weight: Optional[int] = ...) -> lb_member: ...
    def attach_member(self, ip: str = ..., port: int = ..., weight: Optional[int] = ...) -> lb_member: ...
    def destroy(self) -> None: ...
    def list_members(self) -> list[lb_member]: ...
    def refresh(self) -> lb_balancer: ...
    def update(self, name: str = ..., port: int = ..., protocol: str = ..., algorithm: str = ..., health_check: Optional[lb_health_check] = ..., certificate: str = ..., drain_timeout: Any = ..., extra: dict[str, Any] = ...) -> None: ...
    def wait(self, state: Any = None, timeout: Any = "10m", protocol: Any = None, algorithm: Any = None) -> lb_balancer: ...

class lb_health_check:
    protocol: str
    port: int
    path: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int

class lb_member:
    balancer: str
    id: str
    ip: str
    port: int
    node: str
    weight: int
    state: str
    health: str
    extra: dict[str, Any]
    def detach(self, balancer: Any = ...) -> None: ...
    def refresh(self, balancer: Any = ...) -> lb_member: ...
    def update(self, balancer: Any = ..., weight: Optional[int] = ..., state: str = ...) -> None: ...
    def wait(self, state: Any = None, timeout: Any = "10m", health: Any = None) -> lb_member: ...

class lb_protocol_info:
    name: str

class lb_algorithm_info:
    name: str

class lb_answer:
    value: Any

class lb_connection:
    name: str
    provider: str
    operations: tuple[str, ...]
    def list_balancers(self, name: str = ..., state: str = ..., tags: dict[str, str] = ...) -> list[lb_balancer]:
        "List the balancers."
    def get_balancer(self, balancer: Any) -> lb_balancer:
        "Look a balancer up by its id."
    def create_balancer(self, name: str, port: int, protocol: str = ..., algorithm: str = ..., members: list[lb_new_member] = ..., health_check: Optional[lb_health_check] = ..., certificate: str = ..., drain_timeout: Any = ..., location: Any = ..., networks: Any = ..., subnets: Any = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> lb_balancer:
        "Create a balancer with its members."
    def update_balancer(self, balancer: Any, name: str = ..., port: int = ..., protocol: str = ..., algorithm: str = ..., health_check: Optional[lb_health_check] = ..., certificate: str = ..., drain_timeout: Any = ..., extra: dict[str, Any] = ...) -> None:
        "Change what is given of a balancer, and nothing else."
    def destroy_balancer(self, balancer: Any) -> None:
        "Destroy a balancer and all that was made for it."
    def balancer_list_members(self, balancer: Any) -> list[lb_member]:
        "List a balancer's members with their health."
    def balancer_attach_member(self, balancer: Any, ip: str, port: int = ..., weight: Optional[int] = ...) -> lb_member:
        "Add a member by its address."
    def balancer_attach_compute_node(self, balancer: Any, node: Any, port: int = ..., weight: Optional[int] = ...) -> lb_member:
        "Add a node of the same provider as a member."
    def balancer_get_member(self, balancer: Any, member: Any) -> lb_member:
        "Look a member up by its id."
    def balancer_update_member(self, balancer: Any, member: Any, weight: Optional[int] = ..., state: str = ...) -> None:
        "Change a member's share of the work, or whether it gets any, and nothing else."
    def balancer_detach_member(self, balancer: Any, member: Any) -> None:
        "Take a member out."
    def list_protocols(self) -> list[lb_protocol_info]:
        "List the protocols that balancers can speak here."
    def list_supported_algorithms(self) -> list[lb_algorithm_info]:
        "List the ways to choose a member that balancers have here."
    def native(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> Any:
        "Call the provider's own API: what the portable operations lack."
    def native_pages(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> list[Any]:
        "Call what the provider's own API answers with in pages, one item a page."

class lb_family:
    def driver(self, name: str, **config: Any) -> lb_connection: ...

lb: lb_family

class container_location:
    id: str
    name: str
    country: str
    extra: dict[str, Any]

class container_cluster:
    id: str
    name: str
    state: str
    location: str
    endpoint: str
    version: str
    nodes: int
    tags: dict[str, str]
    created_at: Any
    extra: dict[str, Any]
    def deploy_container(self, name: str = ..., image: Any = ..., command: list[str] = ..., environment: dict[str, str] = ..., ports: list[container_port] = ..., mounts: list[container_mount] = ..., cpus: float = ..., memory: Any = ..., restart_policy: str = ..., replicas: Optional[int] = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> container_container: ...
    def destroy(self) -> None: ...
    def list_containers(self, name: str = ..., state: str = ..., tags: dict[str, str] = ...) -> list[container_container]: ...
    def refresh(self) -> container_cluster: ...
    def wait(self, state: Any = None, timeout: Any = "10m") -> container_cluster: ...

class container_image:
    id: str
    name: str
    digest: str
    architecture: str
    size: int
    created_at: Any
    extra: dict[str, Any]
    def copy(self, to: str = ...) -> container_image: ...
    def delete(self) -> None: ...
    def push(self, to: str = ...) -> container_image: ...
    def refresh(self) -> container_image: ...

class container_container:
    id: str
    name: str
    state: str
    image: str
    cluster: str
    command: list[str]
    environment: dict[str, str]
    ports: list[container_port]
    mounts: list[container_mount]
    cpus: float
    memory: int
    restart_policy: str
    replicas: int
    ready: int
    ips: list[str]
    exit_code: Optional[int]
    tags: dict[str, str]
    created_at: Any
    extra: dict[str, Any]
    def destroy(self) -> None: ...
    def exec(self, command: list[str] = ..., environment: dict[str, str] = ..., input: str = ...) -> container_exec_result: ...
    def logs(self, follow: bool = ..., tail: Optional[int] = ...) -> list[container_log_line]: ...
    def refresh(self) -> container_container: ...
    def restart(self) -> None: ...
    def scale(self, replicas: int = ...) -> None: ...
    def start(self) -> None: ...
    def stop(self, timeout: Any = ...) -> None: ...
    def wait(self, state: Any = None, timeout: Any = "10m", restart_policy: Any = None) -> container_container: ...

class container_port:
    port: int
    host_port: int
    host_ip: str
    protocol: str

class container_mount:
    source: str
    target: str
    read_only: bool

class container_log_line:
    time: Any
    stream: str
    text: str

class container_exec_result:
    exit_code: int
    stdout: str
    stderr: str

class container_repository:
    name: str
    created_at: Any
    extra: dict[str, Any]
    def list_tags(self) -> list[container_tag]: ...

class container_tag:
    repository: str
    name: str
    digest: str
    size: int
    created_at: Any
    extra: dict[str, Any]

class container_answer:
    value: Any

class container_connection:
    name: str
    provider: str
    operations: tuple[str, ...]
    def list_locations(self) -> list[container_location]:
        "List the places where clusters can be."
    def list_clusters(self, name: str = ..., location: Any = ...) -> list[container_cluster]:
        "List the clusters."
    def get_cluster(self, cluster: Any) -> container_cluster:
        "Look a cluster up by its id."
    def create_cluster(self, name: str, location: Any = ..., version: str = ..., nodes: int = ..., size: str = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> container_cluster:
        "Create a cluster."
    def destroy_cluster(self, cluster: Any) -> None:
        "Destroy a cluster."
    def list_images(self, name: str = ...) -> list[container_image]:
        "List the images that are there to deploy from."
    def get_image(self, image: Any) -> container_image:
        "Look an image up by its id or name: at a registry, what the name stands for now."
    def pull_image(self, name: str) -> container_image:
        "Get an image from its registry."
    def push_image(self, image: Any, to: str = ...) -> container_image:
        "Send an image that is here to the registry that its name, or the name given, begins with."
    def copy_image(self, image: Any, to: str) -> container_image:
        "Copy an image from one registry to another, for all its architectures, without keeping it here."
    def delete_image(self, image: Any) -> None:
        "Delete an image."
    def list_containers(self, name: str = ..., state: str = ..., cluster: Any = ..., tags: dict[str, str] = ...) -> list[container_container]:
        "List the containers, of all clusters or of one, stopped ones too."
    def get_container(self, container: Any) -> container_container:
        "Look a container up by its id."
    def deploy_container(self, name: str, image: Any, cluster: Any = ..., command: list[str] = ..., environment: dict[str, str] = ..., ports: list[container_port] = ..., mounts: list[container_mount] = ..., cpus: float = ..., memory: Any = ..., restart_policy: str = ..., replicas: Optional[int] = ..., tags: dict[str, str] = ..., extra: dict[str, Any] = ...) -> container_container:
        "Run a container from an image."
    def start_container(self, container: Any) -> None:
        "Start a stopped container."
    def stop_container(self, container: Any, timeout: Any = ...) -> None:
        "Stop a container; it can be started again."
    def restart_container(self, container: Any) -> None:
        "Stop a container and start it again."
    def scale_container(self, container: Any, replicas: int) -> None:
        "Change how many of a container run."
    def destroy_container(self, container: Any) -> None:
        "Stop a container and remove it."
    def get_container_logs(self, container: Any, follow: bool = ..., tail: Optional[int] = ...) -> list[container_log_line]:
        "Read what a container wrote, line by line, and with follow what it writes."
    def exec_container(self, container: Any, command: list[str], environment: dict[str, str] = ..., input: str = ...) -> container_exec_result:
        "Run a command in a container and wait for it."
    def list_repositories(self) -> list[container_repository]:
        "List a registry's repositories."
    def list_tags(self, repository: Any) -> list[container_tag]:
        "List a repository's tags."
    def native(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> Any:
        "Call the provider's own API: what the portable operations lack."
    def native_pages(self, operation: str, arguments: dict[str, Any] = ..., **rest: Any) -> list[Any]:
        "Call what the provider's own API answers with in pages, one item a page."

class container_family:
    def driver(self, name: str, **config: Any) -> container_connection: ...

container: container_family
